from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.backends.supabase_json import fields, read_fields


@pytest.mark.parametrize("value", [None, [], [{"a": 1}], "a", 1, True])
def test_what_is_no_object_has_no_fields(value: object) -> None:
    assert (fields(value), read_fields(json.dumps(value))) == ({}, {})


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, b"\xff\xfe\x00", b"{"])
def test_what_is_no_json_has_no_fields(text: str | bytes) -> None:
    assert read_fields(text) == {}


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_an_object_keeps_all_its_fields(value: dict[str, object]) -> None:
    assert fields(value) == value
    assert read_fields(json.dumps(value)) == value
    assert read_fields(json.dumps(value).encode()) == value
