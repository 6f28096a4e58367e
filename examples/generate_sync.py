"""From a prompt to a stored video, without asyncio.

Run it with `python examples/generate_sync.py`. It needs no key: the provider `local` draws a preview on this machine
(`pip install "nexiom_sdk[media]"`).
"""

from __future__ import annotations

from nexiom_sdk import NexiomError, SyncStudio


def main() -> None:
    """Make a video, and make one mistake on purpose."""
    with SyncStudio.from_env() as studio:
        result = studio.generate("a fox in snow", provider="local", duration_seconds=2, resolution="360p")
        print(f"stored: {result.url}")
        try:
            studio.generate("a fox in snow", provider="local", duration_seconds=600)
        except NexiomError as error:
            print(f"refused ({error.code}, charged: {error.charged}): {error.message}")


if __name__ == "__main__":
    main()
