"""What tests of your own need: a scripted provider, a web server that breaks, a clock to turn, suites to inherit."""

from nexiom_sdk.testing.answers import (
    Answer,
    Cut,
    Drip,
    Drop,
    DropUnread,
    Fault,
    FormPart,
    Garbage,
    Hang,
    Received,
    Reset,
)
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.fake_provider import (
    CallbackFakeProvider,
    CancellableFakeProvider,
    FakeProvider,
    fake_card,
    sample_video,
)
from nexiom_sdk.testing.loopback import LoopbackServer
from nexiom_sdk.testing.provider_wire import ProviderWire
from nexiom_sdk.testing.scripts import Script

__all__ = [
    "Answer",
    "CallbackFakeProvider",
    "CancellableFakeProvider",
    "Cut",
    "Drip",
    "Drop",
    "DropUnread",
    "FakeProvider",
    "Fault",
    "FormPart",
    "Garbage",
    "Hang",
    "LoopbackServer",
    "ProviderWire",
    "Received",
    "Reset",
    "Script",
    "VirtualClock",
    "fake_card",
    "sample_video",
]
