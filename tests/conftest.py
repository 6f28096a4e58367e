from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.clock import Clock
from nexiom_sdk.testing import FakeProvider, VirtualClock
from rig import Rig

settings.register_profile("anywhere", deadline=None)  # a loaded machine is slow, not wrong
settings.load_profile("anywhere")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def rig_of(tmp_path: Path, clock: VirtualClock) -> Callable[..., Rig]:
    """Makes a studio on memory and a virtual clock around one or more fake providers."""

    def make(
        *providers: FakeProvider,
        time: Clock | None = None,
        store: MemoryStore | None = None,
        plain: bool = False,
        **settings: object,
    ) -> Rig:
        return Rig(tmp_path, clock, providers, settings, time, store, plain=plain)

    return make
