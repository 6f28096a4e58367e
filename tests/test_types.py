from __future__ import annotations

import importlib
import pickle

import pytest

from nexiom_sdk import types
from nexiom_sdk.types import (
    Asset,
    Candidate,
    Choice,
    DeliveredMedia,
    Frozen,
    Media,
    Operation,
    Submission,
    VideoProbe,
    VideoRequest,
    VideoSpec,
)

VALUES = [
    Choice(ranked=(Candidate(provider="acme", model="a1"),)),
    VideoRequest(prompt="a fox", media=(Media.from_input("a.png"),)),
    VideoSpec(model="a1", prompt="a fox", media=(DeliveredMedia(role="first_frame", media_type="image/png", url="x"),)),
    VideoProbe(container="mp4", width=16, height=9, duration_seconds=1, has_audio=False),
    Submission(spec=VideoSpec(model="a1", prompt="a fox"), idempotency_key="j1.0"),
    Operation(id="o1", state={"page": 1}),
    Asset(url="https://acme.example/a.mp4"),
]


@pytest.mark.parametrize("name", types.__all__)
def test_every_name_is_that_of_the_module_that_has_it(name: str) -> None:
    value = getattr(types, name)
    if isinstance(value, type):
        assert value.__module__ != types.__name__
        assert getattr(importlib.import_module(value.__module__), name) is value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_survives_the_way_to_another_process(value: Frozen | Submission | Operation | Asset) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert repr(value).startswith(f"{type(value).__name__}(")
