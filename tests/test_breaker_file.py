"""What one process finds out about a provider, the others of the machine know; a file that is wrong stops nobody."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_rig import environment
from nexiom_sdk.breaker_file import BreakerFile
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import ProviderUnavailable
from nexiom_sdk.events import BreakerMoved, WorkerTicked
from nexiom_sdk.providers.breakers import Breakers
from nexiom_sdk.testing import FakeProvider, VirtualClock
from rig import Rig

NOON = VirtualClock().now()
SYSTEM = SystemClock()


def moved(provider: str = "acme", at: datetime = NOON, seconds: float | None = 30.0, **fields: object) -> BreakerMoved:
    until = None if seconds is None else at + timedelta(seconds=seconds)
    state = "closed" if until is None else "open"
    given = {"state": state, "reason": "5 of the last 7 calls", "openings": 1, **fields}
    return BreakerMoved(provider=provider, at=at, until=until, **given)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "breakers.json"


async def test_one_process_reads_what_another_wrote(path: Path, clock: VirtualClock) -> None:
    writer, reader = BreakerFile(path, clock=clock), BreakerFile(path, clock=clock)
    writer(moved())
    writer(moved("bolt", seconds=None, openings=0))
    await writer.settle()
    assert reader.heard() == {"acme": moved(), "bolt": moved("bolt", seconds=None, openings=0)}
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_it_is_written_only_when_a_breaker_moves(path: Path, clock: VirtualClock) -> None:
    file = BreakerFile(path, clock=clock)
    file(WorkerTicked(claimed=1, running=1))
    await file.settle()
    assert not path.parent.exists()


async def test_it_is_read_again_only_when_it_has_changed(
    path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = BreakerFile(path, clock=clock), BreakerFile(path, clock=clock)
    reads: list[Mapping[str, BreakerMoved]] = []
    load = reader._load

    def counted() -> Mapping[str, BreakerMoved]:
        reads.append(load())
        return reads[-1]

    monkeypatch.setattr(reader, "_load", counted)
    for provider in ("acme", "bolt"):
        writer(moved(provider))
        await writer.settle()
        assert [len(reader.heard()) for _ in range(50)] == [len(reads)] * 50
    assert len(reads) == 2


async def test_what_is_newer_stays_whoever_writes_last(path: Path, clock: VirtualClock) -> None:
    first, second = BreakerFile(path, clock=clock), BreakerFile(path, clock=clock)
    second(moved(at=NOON + timedelta(seconds=1), seconds=None, openings=0))
    await second.settle()
    first(moved())
    await first.settle()
    assert first.heard()["acme"].state == "closed"


async def test_many_moves_at_once_end_with_the_last_one(path: Path, clock: VirtualClock) -> None:
    file = BreakerFile(path, clock=clock)
    for second in range(100):
        file(moved(f"p{second % 3}", at=NOON + timedelta(seconds=second)))
        if second % 10 == 0:
            await asyncio.sleep(0)
    await file.settle()
    seconds = {name: (one.at - NOON).total_seconds() for name, one in file.heard().items()}
    assert seconds == {"p0": 99, "p1": 97, "p2": 98}


def _entry(**changes: object) -> dict[str, object]:
    entry = {"provider": "acme", "state": "open", "reason": "x", "at": NOON.isoformat(), "openings": 1}
    return {**entry, "until": (NOON + timedelta(seconds=30)).isoformat(), **changes}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]x", "null", '"x"', '[{"provider": "acme"}]', "[" * 5000, "[" + "1," * 60_000 + "1]",
        json.dumps([_entry(state="ajar")]), json.dumps([_entry(at="noon")]),
        json.dumps([_entry(at="2026-11-24T12:00")]),
        json.dumps([_entry(openings=-1)]), json.dumps([_entry(reason="x" * 70_000)]),
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_a_broken_file_is_passed_over_and_told_once(
    text: str, path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    file = BreakerFile(path, clock=clock)
    assert [dict(file.heard()) for _ in range(3)] == [{}] * 3
    path.write_text(text + " ", "utf-8")
    assert dict(file.heard()) == {}
    [record] = caplog.records
    assert record.__dict__["action"] == "no_breaker_file"
    assert "xxxx" not in record.getMessage()


async def test_a_broken_file_is_replaced_by_the_next_move(path: Path, clock: VirtualClock) -> None:
    path.parent.mkdir()
    path.write_text("{", "utf-8")
    file = BreakerFile(path, clock=clock)
    file(moved())
    await file.settle()
    assert set(file.heard()) == {"acme"}


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        (_entry(), True),
        (_entry(until=(NOON + timedelta(seconds=300)).isoformat()), True),
        (_entry(until=(NOON + timedelta(seconds=301)).isoformat()), False),
        (_entry(until="9999-12-31T23:59:59Z"), False),
        (_entry(at=(NOON - timedelta(hours=1)).isoformat()), False),
        (_entry(at=(NOON + timedelta(hours=1)).isoformat(), until=None, state="closed"), False),
    ],
)
def test_an_entry_of_a_clock_that_went_wrong_holds_nobody_back(
    entry: dict[str, object], counts: bool, path: Path, clock: VirtualClock
) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps([entry]), "utf-8")
    assert ("acme" in BreakerFile(path, clock=clock).heard()) is counts


WORDS = st.none() | st.booleans() | st.integers() | st.text()
KEYS = st.sampled_from(sorted(_entry()))


@given(st.recursive(WORDS, lambda one: st.lists(one) | st.dictionaries(KEYS, one)))
def test_no_file_however_strange_raises(content: object) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "breakers.json"
        path.write_text(json.dumps(content), "utf-8")
        BreakerFile(path, clock=VirtualClock()).heard()


async def test_a_folder_that_cannot_be_written_is_told_once_and_stops_nobody(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home").write_text("a file where a folder should be", "utf-8")
    file = BreakerFile(tmp_path / "home" / "breakers.json", clock=clock)
    breakers = Breakers(clock=clock, sink=file, heard=file.heard)
    for _ in range(5):
        breakers.ended("acme", ProviderUnavailable("down"))
        await file.settle()
    breakers.ended("acme", None)
    await file.settle()
    assert [record.__dict__["action"] for record in caplog.records] == ["no_breaker_file"]


async def test_two_studios_with_one_home_share_it(
    rig_of: Callable[..., Rig], tmp_path: Path, clock: VirtualClock
) -> None:
    def down() -> FakeProvider:
        fake = FakeProvider("acme", clock=clock)
        for _ in range(20):
            fake.refuse(ProviderUnavailable("down"))
        return fake

    fakes = [down(), down()]
    first, second = (Rig(tmp_path, clock, (one,), {}) for one in fakes)
    for _ in range(3):
        await first.step(await first.step(await first.submitted()))
    assert fakes[0].calls.count("submit") == 5
    await first.studio.aclose()
    clock.advance(1)
    job = await second.step(await second.submitted())
    assert "acme is failing (5 of the last 5 calls)" in str(job.provider_metadata["trouble"])
    assert fakes[1].calls == []


WRITER = """
import asyncio, sys
from pathlib import Path
from nexiom_sdk.breaker_file import BreakerFile
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import ProviderUnavailable
from nexiom_sdk.providers.breakers import Breakers

async def main():
    file = BreakerFile(Path(sys.argv[1]), clock=SystemClock())
    breakers = Breakers(clock=SystemClock(), sink=file, heard=file.heard)
    for _ in range(5):
        breakers.ended("wired", ProviderUnavailable("down"))
    await file.settle()

asyncio.run(main())
"""


def test_a_process_knows_what_another_one_found_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-c", WRITER, str(home / "breakers.json")], check=True, timeout=60)
    file = BreakerFile(home / "breakers.json", clock=SYSTEM)
    breakers = Breakers(clock=SYSTEM, sink=file, heard=file.heard)
    held = breakers.held("wired")
    assert held is not None
    assert 0 < held.seconds <= 30
    said = subprocess.run(
        [sys.executable, "-m", "nexiom_sdk", "providers", "--json"],
        env=environment(home, WIRED_SCRIPT="done"), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    [wired] = [one for one in map(json.loads, said.stdout.splitlines()) if one["name"] == "wired"]
    assert (wired["state"], wired["reason"]) == ("failing", "5 of the last 5 calls")
    until = datetime.fromisoformat(wired["failing_until"])
    assert timedelta(0) < until - datetime.now(UTC) <= timedelta(seconds=30)
