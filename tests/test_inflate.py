from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.providers.inflate import PIECE_BYTES, inflated


async def _stream(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _pieces(*chunks: bytes) -> list[bytes]:
    return [piece async for piece in inflated(_stream(chunks))]


@given(st.binary(max_size=5000), st.booleans(), st.integers(1, 700))
async def test_whatever_way_it_is_cut_it_is_what_it_was(data: bytes, zipped: bool, size: int) -> None:
    packed = gzip.compress(data) if zipped else zlib.compress(data)
    chunks = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(await _pieces(*chunks)) == data


async def test_a_bomb_unfolds_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    pieces = await _pieces(bomb)
    assert len(bomb) < 20_000
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert sum(map(len, pieces)) == 20_000_000


@pytest.mark.parametrize("data", [b"not compressed at all", gzip.compress(b"a fox in snow", mtime=0)[:-4], b""])
async def test_what_is_damaged_or_cut_is_an_error(data: bytes) -> None:
    with pytest.raises(zlib.error):
        await _pieces(data)
