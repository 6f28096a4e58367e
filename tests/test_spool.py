"""The folder where results rest, on a real disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.spool import Spool
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job


async def rests(spool: Spool, data: bytes) -> tuple[Path, ...]:
    """The files of a new order, let in and written."""
    async with spool.incoming(sample_job(VirtualClock())) as incoming:
        incoming.allow(len(data))
        (incoming.folder / "000.hash").write_bytes(data)
        return await incoming.publish()


async def test_there_is_room_for_as_much_as_was_said_and_no_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    await rests(spool, b"12345")
    await rests(spool, b"12345")
    with pytest.raises(StorageUnavailable, match=r"is full: 10 bytes of videos wait"):
        await rests(spool, b"1")


async def test_what_rests_from_before_counts(tmp_path: Path) -> None:
    await rests(Spool(tmp_path, most_bytes=10), b"12345678")
    with pytest.raises(StorageUnavailable, match="NEXIOM_SPOOL_MAX_BYTES"):
        await rests(Spool(tmp_path, most_bytes=10), b"123")


async def test_what_is_coming_at_the_same_time_counts(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    first, second = sample_job(VirtualClock()), sample_job(VirtualClock())
    async with spool.incoming(first) as one, spool.incoming(second) as other:
        one.allow(6)
        (one.folder / "000.hash").write_bytes(b"123456")
        with pytest.raises(StorageUnavailable):
            other.allow(5)
        await one.publish()
        with pytest.raises(StorageUnavailable):
            other.allow(0)


async def test_what_is_dropped_or_given_up_makes_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    [file] = await rests(spool, b"1234567890")
    job_id, _, order_no = file.parent.name.rpartition(".")
    await spool.drop_order(job_id, int(order_no))
    with pytest.raises(StorageUnavailable):
        await rests(spool, b"12345678901")
    assert list(tmp_path.iterdir()) == []
    assert len(await rests(spool, b"1234567890")) == 1
