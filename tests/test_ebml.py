from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata_rig import element
from nexiom_sdk.bounded_reading import MOST_BYTES_AT_ONCE, MOST_READS, Reader, unreadable
from nexiom_sdk.ebml import CLUSTER, EBML, INFO, SEGMENT, Element, element_at, elements_between, elements_in, number
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.webm import read_webm


@given(st.integers(0, 2**56 - 2), st.integers(1, 8))
def test_a_number_is_read_in_each_of_its_lengths(value: int, length: int) -> None:
    value %= (1 << 7 * length) - 1
    data = b"." + (1 << 7 * length | value).to_bytes(length, "big")
    assert number(data, 1, unreadable) == (value, 1 + length)
    assert number(data, 1, unreadable, keep_marker=True) == (1 << 7 * length | value, 1 + length)


@pytest.mark.parametrize("data", [b"", b"\0\1", b"\x40", b"\x01\1\1\1\1\1\1"])
def test_what_is_no_number_is_refused(data: bytes) -> None:
    with pytest.raises(ResultInvalid, match="middle of an element"):
        number(data, 0, unreadable)


@given(st.lists(st.tuples(st.sampled_from([EBML, SEGMENT, INFO, 0xAE, 0x4489]), st.binary(max_size=30))))
def test_elements_are_the_same_in_a_file_and_in_memory(parts: list[tuple[int, bytes]]) -> None:
    data = b"".join(element(kind, content) for kind, content in parts)
    inside = [(kind, content) for kind, _, content in elements_in(data, unreadable)]
    between = elements_between(Reader(io.BytesIO(data)), 0, len(data))
    assert inside == [(found.kind, data[found.start : end]) for found, end in between] == parts


def test_an_element_that_does_not_say_how_long_it_is_has_no_end() -> None:
    data = b"..." + SEGMENT.to_bytes(4, "big") + b"\xff"
    reader = Reader(io.BytesIO(data))
    assert element_at(reader, 3) == Element(SEGMENT, 3, 8, None)
    with pytest.raises(ResultInvalid, match="does not say how long"):
        list(elements_between(reader, 3, len(data)))


@given(st.binary(max_size=60))
def test_noise_is_refused_or_read_and_nothing_else(noise: bytes) -> None:
    with contextlib.suppress(ResultInvalid):
        assert b"".join(head + content for _, head, content in elements_in(noise, unreadable)) == noise


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        (element(0xEC) * (MOST_READS + 1), "more parts than any real one"),
        (element(INFO, bytes(MOST_BYTES_AT_ONCE + 1)), "index is larger than any real one"),
        (element(CLUSTER)[:-1], "middle of an element"),
    ],
    ids=["parts", "index", "half"],
)
def test_a_made_up_webm_is_refused_soon(inside: bytes, says: str) -> None:
    data = element(EBML) + element(SEGMENT, inside)
    with pytest.raises(ResultInvalid, match=says):
        read_webm(io.BytesIO(data), len(data))
