from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nexiom_sdk.disk import to_its_end
from nexiom_sdk.hashed_files import BATCH_BYTES, HashedFile, sha256_of
from nexiom_sdk.testing.store_contract import pieces


async def written(path: Path, chunks: AsyncIterator[bytes]) -> Path:
    with contextlib.closing(HashedFile(path)) as file:
        return await file.write(chunks, allow=lambda _: None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("chunk_bytes", [1000, 64 * 1024, BATCH_BYTES, 3 * BATCH_BYTES])
@pytest.mark.parametrize("size_bytes", [0, 1, BATCH_BYTES, 3 * BATCH_BYTES + 1])
async def test_a_file_holds_its_chunks_in_order_and_is_named_after_them(
    tmp_path: Path, size_bytes: int, chunk_bytes: int
) -> None:
    data = (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]
    await written(tmp_path / "000", pieces(*(data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes))))
    [file] = tmp_path.iterdir()
    assert file.stem == "000"
    assert sha256_of(file) == hashlib.sha256(data).hexdigest()
    assert file.read_bytes() == data


async def test_a_file_that_breaks_off_gets_no_hash(tmp_path: Path) -> None:
    async def breaks_off() -> AsyncIterator[bytes]:
        yield bytes(BATCH_BYTES)
        yield b"more"
        raise EOFError

    with pytest.raises(EOFError):
        await written(tmp_path / "000", breaks_off())
    assert names(tmp_path) == ["000"]


async def test_a_file_that_is_cancelled_gets_no_hash(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def never_ends() -> AsyncIterator[bytes]:
        yield bytes(BATCH_BYTES)
        begun.set()
        await asyncio.Event().wait()

    writing = asyncio.ensure_future(written(tmp_path / "000", never_ends()))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert names(tmp_path) == ["000"]


async def test_a_file_has_its_hash_only_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, list[str]]] = []
    fsync = os.fsync

    def watched(file: int) -> None:
        seen.append((os.fstat(file).st_size, names(tmp_path)))
        fsync(file)

    monkeypatch.setattr(os, "fsync", watched)
    await written(tmp_path / "000", pieces(b"a fox", b" in snow"))
    assert seen == [(13, ["000"])]


async def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "000").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        await written(tmp_path / "000", pieces(b"new"))
    assert (tmp_path / "000").read_bytes() == b"old"


async def test_small_chunks_share_the_way_to_the_disk_and_wait_for_no_more_than_two_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways, waiting, most = 0, 0, 0

    async def counted(work: Callable[..., object], *args: object) -> object:
        nonlocal ways, waiting
        ways, waiting = ways + 1, 0
        return await to_its_end(work, *args)

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal waiting, most
        for _ in range(8 * 1024):
            waiting += 1024
            most = max(most, waiting)
            yield bytes(1024)

    monkeypatch.setattr("nexiom_sdk.hashed_files.to_its_end", counted)
    await written(tmp_path / "000", chunks())
    assert ways == 8 + 1  # eight batches, and the end
    assert BATCH_BYTES <= most <= 2 * BATCH_BYTES  # one is being written while the next one comes


async def test_who_reads_meanwhile_gets_every_byte_and_the_end_only_with_the_verdict(tmp_path: Path) -> None:
    data = bytes(range(251)) * (5 * BATCH_BYTES // 251)
    read = bytearray()

    async def follow(file: HashedFile) -> None:
        async for chunk in file.read():
            read.extend(chunk)

    with contextlib.closing(HashedFile(tmp_path / "000")) as file:
        following = asyncio.ensure_future(follow(file))
        chunks = pieces(*(data[at : at + 100_000] for at in range(0, len(data), 100_000)))
        path = await file.write(chunks, allow=lambda _: None)
        path.rename(tmp_path / "moved")
        while len(read) < len(data):
            await asyncio.sleep(0)
        assert not following.done()
        file.judge(None)
        await following
    assert bytes(read) == data


@pytest.mark.parametrize("size_bytes", [0, 1, 3 * BATCH_BYTES])
async def test_a_verdict_against_the_file_ends_the_reading_with_it(tmp_path: Path, size_bytes: int) -> None:
    with contextlib.closing(HashedFile(tmp_path / "000")) as file:
        await file.write(pieces(bytes(size_bytes)), allow=lambda _: None)
        file.judge(EOFError("half a file"))
        with pytest.raises(EOFError, match="half a file"):
            _ = [chunk async for chunk in file.read()]


async def test_what_is_not_allowed_is_not_written(tmp_path: Path) -> None:
    asked: list[int] = []

    def only_one(size_bytes: int) -> None:
        asked.append(size_bytes)
        if len(asked) > 1:
            raise OverflowError

    with contextlib.closing(HashedFile(tmp_path / "000")) as file, pytest.raises(OverflowError):
        await file.write(pieces(*[bytes(BATCH_BYTES)] * 3), allow=only_one)
    assert asked == [BATCH_BYTES] * 2
    assert (tmp_path / "000").stat().st_size == BATCH_BYTES
