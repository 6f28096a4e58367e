"""What tests of your own need: a scripted provider, a web server that breaks, a clock to turn, suites to inherit."""

from nexiom_sdk.testing.answers import (
    Answer,
    Cut,
    Drip,
    Drop,
    DropUnread,
    Fault,
    Garbage,
    Hang,
    Received,
    Reset,
    Script,
)
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.fake_provider import CancellableFakeProvider, FakeProvider, fake_card, sample_video
from nexiom_sdk.testing.loopback import LoopbackServer

__all__ = [
    "Answer",
    "CancellableFakeProvider",
    "Cut",
    "Drip",
    "Drop",
    "DropUnread",
    "FakeProvider",
    "Fault",
    "Garbage",
    "Hang",
    "LoopbackServer",
    "Received",
    "Reset",
    "Script",
    "VirtualClock",
    "fake_card",
    "sample_video",
]
