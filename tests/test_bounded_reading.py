from __future__ import annotations

import io
from pathlib import Path

import pytest

from nexiom_sdk.bounded_reading import MOST_BYTES_AT_ONCE, MOST_READS, Reader
from nexiom_sdk.errors import InvalidInput, ResultInvalid


def test_a_real_file_is_read_as_it_is() -> None:
    reader = Reader(io.BytesIO(b"abcdef"))
    assert reader.size == 6
    assert reader.take(2, 3) == b"cde"
    assert reader.some(4, 3) == b"ef"


def test_a_file_that_ends_before_a_part_does_is_refused_in_the_words_of_who_reads() -> None:
    with pytest.raises(ResultInvalid, match="The video cannot be read: it ends in the middle"):
        Reader(io.BytesIO(b"abcdef")).take(4, 3)
    with pytest.raises(InvalidInput, match="Sorry, it ends in the middle of a part"):
        Reader(io.BytesIO(b"abcdef"), lambda how: InvalidInput(f"Sorry, {how}")).take(4, 3)


@pytest.mark.parametrize(("bytes_a_read", "more"), [(None, 0), (16, 2)])
def test_more_looks_than_any_real_file_needs_are_refused(bytes_a_read: int | None, more: int) -> None:
    reader = Reader(io.BytesIO(bytes(32)), bytes_a_read=bytes_a_read)
    for _ in range(MOST_READS + more):
        reader.some(0, 1)
    with pytest.raises(ResultInvalid, match="more parts than any real one"):
        reader.some(0, 1)


def test_more_at_once_than_any_real_index_has_is_refused() -> None:
    reader = Reader(io.BytesIO(bytes(MOST_BYTES_AT_ONCE + 1)))
    assert len(reader.take(0, MOST_BYTES_AT_ONCE)) == MOST_BYTES_AT_ONCE
    with pytest.raises(ResultInvalid, match="index is larger"):
        reader.some(0, MOST_BYTES_AT_ONCE + 1)


@pytest.mark.parametrize("at", [3, 4, 2**63 - 1, 2**64, 2**80])
def test_behind_the_end_there_is_nothing_wherever_that_is(at: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"fox")
    with (tmp_path / "file").open("rb") as file:
        assert Reader(file).some(at, 10) == b""
