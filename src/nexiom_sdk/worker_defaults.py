"""What a worker does where nobody says otherwise. The command line reads it too, so nothing is imported here."""

from __future__ import annotations

STEPS_AT_ONCE = 128  # a step mostly waits; see docs/workers.md for what was measured
DRAIN_SECONDS = 10.0
