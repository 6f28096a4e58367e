"""Decoding of compressed replies in bounded pieces: kilobytes that unfold to gigabytes never do so in memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

PIECE_BYTES = 64 * 1024
ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 47  # the window of zlib, with its sign for "whichever of the two it is"


async def inflated(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The decoded bytes of a gzip or zlib stream, never more than 64 KiB at a time.

    Raises:
        zlib.error: It is damaged, or ends too early.
    """
    inflater = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    async for chunk in chunks:
        pending = chunk
        while True:
            piece = inflater.decompress(pending, PIECE_BYTES)
            if piece:
                yield piece
            pending = inflater.unconsumed_tail
            if inflater.eof:
                return
            if not pending and len(piece) < PIECE_BYTES:
                break
    msg = "it ends too early"
    raise zlib.error(msg)
