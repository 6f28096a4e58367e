"""The provider took the order: whatever the rows make of its answer, the id is not lost and the row tells the truth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from nexiom_sdk import GenerationJob, JobStatus, VideoRequest
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.errors import PluginError, StorageError, StorageUnavailable
from nexiom_sdk.events import JobMoved
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import FakeProvider, VirtualClock, sample_video
from nexiom_sdk.types import Operation, Submission, Succeeded
from rig import Rig

RigOf = Callable[..., Rig]
HALF = "\ud800"  # of a character: no UTF-8 has it, so no table does


class Answering(FakeProvider):
    """A provider whose answers have what a test puts into them."""

    def __init__(self, clock: VirtualClock, **answer: object) -> None:
        super().__init__("acme", clock=clock, submission_recovery="none")
        self.hang()
        self.answer = answer

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """The order, with that."""
        taken = await super().submit(submission)
        assert isinstance(taken, Operation)
        return Operation(**{"id": taken.id, "state": dict(taken.state), **self.answer})  # type: ignore[arg-type]


def _on_sqlite(rig: Rig, tmp_path: Path, clock: VirtualClock) -> SqliteRepository:
    """The same studio, on a table that does not take everything."""
    repository = SqliteRepository(tmp_path / "jobs.db", clock=clock)
    rig.repository = rig.studio.repository = rig.studio._desk.repository = repository  # type: ignore[assignment]
    return repository


def _kept(rig: Rig) -> list[Path]:
    folder = rig.studio.settings.spool / "answers"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"state": {"a": f"x{HALF}", "b": 1}}, {"a": "x?", "b": 1}),
        ({"state": {"a": {HALF: [HALF]}}}, {"a": {"?": ["?"]}}),
        ({"state": {"a": object(), "b": 1}}, {"a": None, "b": 1}),
        ({"state": {"b": 1}, "warnings": (f"made{HALF} smaller",)}, {"b": 1}),
    ],
    ids=["half a character", "in a name", "no JSON", "in a warning"],
)
async def test_what_no_table_takes_of_an_answer_is_left_out_and_the_id_is_recorded(
    answer: dict[str, object], state: dict[str, object], rig_of: RigOf, tmp_path: Path, clock: VirtualClock
) -> None:
    fake = Answering(clock, **answer)
    rig = rig_of(fake)
    repository = _on_sqlite(rig, tmp_path, clock)
    row = await rig.step(await rig.submitted())
    assert (row.phase, row.provider_job_id, row.error_code) == (Phase.WAITING, f"order-{row.order_key}", None)
    assert row.operation is not None
    assert row.operation.state == state
    assert fake.accepted == [row.order_key]
    moved = [event.phase for event in rig.events if isinstance(event, JobMoved)]
    assert moved == [Phase.SUBMITTING, Phase.WAITING], "nobody saw it without its state, or as uncertain"
    await repository.aclose()


async def test_a_state_that_a_table_refuses_whatever_it_is_does_not_cost_the_id(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    save = rig.repository.save

    async def picky(job: GenerationJob, /, *, fence: int) -> bool:
        if job.provider_metadata.get("operation"):
            raise StorageError("The number is too long.")
        return await save(job, fence=fence)

    rig.repository.save = picky  # type: ignore[method-assign]
    row = await rig.step(await rig.submitted())
    assert (row.phase, row.provider_job_id, _kept(rig)) == (Phase.WAITING, f"order-{row.order_key}", [])
    assert row.provider_metadata["operation"] == {}


async def test_an_id_that_no_table_takes_is_kept_and_the_row_says_what_is_true(
    rig_of: RigOf, tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = Answering(clock, id=f"order{HALF}7")
    rig = rig_of(fake)
    repository = _on_sqlite(rig, tmp_path, clock)
    row = await rig.step(await rig.submitted())
    assert (row.phase, row.error_code) == (Phase.UNKNOWN, "submission_uncertain")
    told = str(row.error_message)
    assert "another job" not in told
    assert "which no row can hold" in told
    assert "has probably charged" in told
    assert f"`nexiom jobs resubmit {row.id}` orders it again" in told
    folder, why = str(rig.studio.settings.spool / "answers"), "table cannot hold"
    assert (folder in told, why in told) == (False, False)
    assert (folder in row.failure().next_step, why in row.failure().message) == (True, True)
    [file] = _kept(rig)
    assert json.loads(file.read_bytes())["provider_job_id"] == f"order{HALF}7"
    for _ in range(2):
        assert (await rig.studio.advance(row.id)).phase is Phase.UNKNOWN  # told, and no error
        await rig.studio._engine.recover()
        rig.later(seconds=301)
    assert _kept(rig) == [file]
    assert "stays" in caplog.text
    assert fake.accepted == [row.order_key]
    await repository.aclose()


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.SUBMITTING])
async def test_a_kept_id_that_no_table_takes_is_not_ordered_again(
    phase: Phase, rig_of: RigOf, tmp_path: Path, clock: VirtualClock
) -> None:
    from nexiom_sdk.kept_answers import KeptAnswer

    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    repository = _on_sqlite(rig, tmp_path, clock)
    job = await rig.submitted()
    if phase is Phase.SUBMITTING:
        job = await rig.left_in_submitting(job)
    kept = KeptAnswer.to(job, Operation(id=f"order{HALF}7"))
    await rig.studio._engine._recovery.keep(kept)
    row = await rig.step(job)
    assert (row.phase, fake.calls, len(_kept(rig))) == (Phase.UNKNOWN, [], 1)
    assert "which no row can hold" in str(row.error_message)
    await repository.aclose()


async def test_an_id_that_another_job_has_is_told_as_that_and_nothing_else(
    rig_of: RigOf, clock: VirtualClock, tmp_path: Path
) -> None:
    fake = Answering(clock, id="the-same")
    rig = rig_of(fake)
    repository = _on_sqlite(rig, tmp_path, clock)
    first = await rig.step(await rig.submitted())
    second = await rig.step(await rig.submitted(prompt="another"))
    assert (first.phase, second.phase, _kept(rig)) == (Phase.WAITING, Phase.UNKNOWN, [])
    assert "named it the-same, as another job is named" in str(second.error_message)
    await repository.aclose()


@pytest.mark.parametrize("error", [StorageError("22003"), RuntimeError("a defect"), OSError(5, "disk")])
async def test_a_history_that_cannot_be_read_costs_no_answer(
    error: Exception, rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").running(1).succeed()
    rig = rig_of(fake)

    async def broken(key: str, limit: int, /) -> list[float]:
        raise error

    rig.repository.durations = broken  # type: ignore[method-assign]
    row = await rig.step(await rig.submitted())
    assert (row.phase, row.provider_job_id) == (Phase.WAITING, f"order-{row.order_key}")
    assert 1 <= (row.run_at - clock.now()).total_seconds() <= 30
    assert "no history" in caplog.text
    assert (await rig.steps(row)).status is JobStatus.COMPLETED


async def test_a_defect_of_the_repository_after_the_order_keeps_the_answer(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    save = rig.repository.save

    async def broken(job: GenerationJob, /, *, fence: int) -> bool:
        if job.phase is Phase.WAITING:
            raise RuntimeError
        return await save(job, fence=fence)

    rig.repository.save = broken  # type: ignore[method-assign]
    job = await rig.submitted()
    with pytest.raises(PluginError, match="do not order again") as raised:
        await rig.step(job)
    assert (raised.value.charged, raised.value.job_id) == ("yes", job.id)
    assert len(_kept(rig)) == 1
    rig.repository.save = save  # type: ignore[method-assign]
    [job] = await rig.studio.jobs()
    assert (await rig.steps(job)).status is JobStatus.COMPLETED
    assert (fake.accepted, _kept(rig)) == ([job.order_key], [])


async def test_an_outage_at_the_answer_that_ends_with_another_trouble_still_says_that_it_was_charged(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    save = rig.repository.save

    async def away(job: GenerationJob, /, *, fence: int) -> bool:
        if job.phase is Phase.WAITING:
            raise StorageUnavailable("The database is away.")
        return await save(job, fence=fence)

    async def refused(*_: object) -> bool:
        raise StorageError("The table does not take it.")

    rig.repository.save = away  # type: ignore[method-assign]
    rig.repository.adopt_late_id = refused  # type: ignore[method-assign]
    job = await rig.submitted()
    with pytest.raises(StorageError, match="does not take it") as raised:
        await rig.step(job)
    assert (raised.value.charged, raised.value.job_id, len(_kept(rig))) == ("yes", job.id, 1)


async def test_an_outage_while_a_new_order_is_recorded_names_its_job(tmp_path: Path) -> None:
    clock = VirtualClock(auto=True)
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = Rig(tmp_path, clock, (fake,), {})
    save = rig.repository.save

    async def away(*_: object) -> bool:
        raise StorageUnavailable("The database is away.")

    async def cut_off(job: GenerationJob, /, *, fence: int) -> bool:
        return await (away() if job.phase is Phase.WAITING else save(job, fence=fence))

    rig.repository.save = cut_off  # type: ignore[method-assign]
    rig.repository.adopt_late_id = away  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.submit(VideoRequest(prompt="a fox"))
    [job] = await rig.studio.jobs()
    assert (raised.value.charged, raised.value.job_id) == ("yes", job.id)


async def test_a_late_id_that_its_row_does_not_take_is_kept(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    job, submit = await rig.submitted(), fake.submit

    async def overtaken(submission: Submission, /) -> Operation | Succeeded:
        answer = await submit(submission)
        rig.later(seconds=61)
        assert await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
        return answer

    async def refused(*_: object) -> bool:
        raise StorageError("The table does not take it.")

    fake.submit = overtaken  # type: ignore[method-assign]
    rig.repository.adopt_late_id = refused  # type: ignore[method-assign]
    clock.advance(0.001)
    assert (await rig.studio.advance(job.id)).phase is Phase.SUBMITTING
    assert len(_kept(rig)) == 1
    assert "does not take" in caplog.text


async def test_a_late_id_whose_rows_are_out_of_reach_is_kept(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    job, submit, get = await rig.submitted(), fake.submit, rig.repository.get

    async def overtaken(submission: Submission, /) -> Operation | Succeeded:
        answer = await submit(submission)
        rig.later(seconds=61)
        assert await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
        rig.repository.get = away  # type: ignore[method-assign]
        return answer

    async def away(_: str, /) -> GenerationJob | None:
        raise StorageUnavailable("The database is away.")

    fake.submit = overtaken  # type: ignore[method-assign]
    clock.advance(0.001)
    stepping = asyncio.create_task(rig.studio.advance(job.id))
    while not stepping.done():
        await asyncio.sleep(0.001)
        clock.advance(clock.until_next() or 0.0)
    with pytest.raises(StorageUnavailable):
        stepping.result()
    assert len(_kept(rig)) == 1
    rig.repository.get = get  # type: ignore[method-assign]
    await rig.studio._engine.recover()
    row = await rig.studio.get(job.id)
    assert (row.phase, row.provider_job_id, _kept(rig)) == (Phase.WAITING, f"order-{job.order_key}", [])


async def test_a_video_that_was_the_answer_is_saved_although_its_row_does_not_take_what_was_said_of_it(
    rig_of: RigOf, tmp_path: Path, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none", cost_usd=Decimal("0.40"))
    fake.answer_at_once(data=sample_video())
    rig = rig_of(fake)
    repository = _on_sqlite(rig, tmp_path, clock)
    submit = fake.submit

    async def odd(submission: Submission, /) -> Operation | Succeeded:
        answer = await submit(submission)
        assert isinstance(answer, Succeeded)
        return Succeeded(assets=answer.assets, cost_usd=answer.cost_usd, detail={"a": HALF}, warnings=(HALF,))

    fake.submit = odd  # type: ignore[method-assign]
    row = await rig.step(await rig.submitted())
    assert (row.status, row.cost_usd, fake.calls.count("submit")) == (JobStatus.COMPLETED, Decimal("0.40"), 1)
    await repository.aclose()
