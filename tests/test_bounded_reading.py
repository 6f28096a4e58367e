from __future__ import annotations

import io

import pytest

from nexiom_sdk.bounded_reading import MOST_BYTES_AT_ONCE, MOST_READS, BoundedReader
from nexiom_sdk.errors import ResultInvalid


def test_a_real_file_is_read_as_it_is() -> None:
    reader = BoundedReader(io.BytesIO(b"abcdef"))
    assert reader.seek(2) == 2
    assert reader.read(3) == b"cde"
    assert reader.seek(0, io.SEEK_END) == 6


def test_more_looks_than_any_real_file_needs_are_refused() -> None:
    reader = BoundedReader(io.BytesIO())
    for _ in range(MOST_READS):
        reader.read(1)
    with pytest.raises(ResultInvalid, match="more parts than any real one"):
        reader.read(1)


def test_more_at_once_than_any_real_index_has_is_refused() -> None:
    reader = BoundedReader(io.BytesIO(bytes(MOST_BYTES_AT_ONCE + 1)))
    assert len(reader.read(MOST_BYTES_AT_ONCE)) == MOST_BYTES_AT_ONCE
    reader.seek(0)
    with pytest.raises(ResultInvalid, match="index is larger"):
        reader.read(MOST_BYTES_AT_ONCE + 1)
