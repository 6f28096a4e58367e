"""`python -m nexiom_sdk` is the command `nexiom`."""

from __future__ import annotations

from nexiom_sdk.cli import main

if __name__ == "__main__":
    main()
