"""What tests of your own need: a scripted provider, a clock to turn by hand, contract suites to inherit."""

from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.fake_provider import CancellableFakeProvider, FakeProvider, fake_card, sample_video

__all__ = ["CancellableFakeProvider", "FakeProvider", "VirtualClock", "fake_card", "sample_video"]
