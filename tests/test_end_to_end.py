"""Provider x case: what a user can meet, driven through a studio against each provider's server on loopback.

A cell is left out only for the reason that `NOT_OFFERED` gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nexiom_sdk import JobStatus, Media
from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    GenerationFailed,
    JobCancelled,
    QuotaExhausted,
    RequestError,
)
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, Reset, sample_video
from wire_rig import INPUT, ROWS, Bench, bench

Case = Callable[[Bench], Awaitable[None]]

NOT_OFFERED: dict[tuple[str, str], str] = {
    ("runway", "moderation before"): "moderation is a task that failed, never a refusal of the order",
    ("luma", "moderation before"): "moderation is a generation that failed, never a refusal of the order",
    ("sora", "last frame"): "the format has no last frame",
    ("hunyuan on tokenhub", "last frame"): "the model takes a first frame only",
    ("hunyuan on vclm", "last frame"): "the model takes a first frame only",
    ("hunyuan on vllm-omni", "last frame"): "the model has no last frame",
    ("hunyuan on vllm-omni", "moderation before"): "a server of one's own does not moderate",
    ("hunyuan on vllm-omni", "moderation after"): "a server of one's own does not moderate",
    ("hunyuan on vllm-omni", "no credit"): "a server of one's own sells nothing",
    ("hunyuan on comfyui", "last frame"): "the model has no last frame",
    ("hunyuan on comfyui", "moderation before"): "a server of one's own does not moderate",
    ("hunyuan on comfyui", "moderation after"): "a server of one's own does not moderate",
    ("hunyuan on comfyui", "no credit"): "a server of one's own sells nothing",
}
TELLING = {"runway", "sora", "hunyuan on vllm-omni"}  # the others say only that an order runs
NOT_STOPPED: dict[str, str] = {
    "veo on vertex": "it has no call to cancel",
    "openrouter": "it has no call to cancel",
    "luma": "one API has no such call, the other does not promise to stop a job",
    "hunyuan on tokenhub": "it has no call to cancel",
    "hunyuan on vclm": "it has no call to cancel",
    "kling": "it has no call to cancel",
    "kling legacy": "it has no call to cancel",
}
FOUND: tuple[str, ...] = ("hunyuan on comfyui", "kling", "kling legacy")  # found again by our reference
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    def note(run: Case) -> Case:
        CASES[name] = run
        return run

    return note


@case("text to video")
async def _text(at: Bench) -> None:
    result = await at.studio.generate(at.request())
    [order] = at.wire.orders
    assert b"a fox in snow" in order.body
    assert (at.home / "outputs" / result.path).read_bytes() == sample_video()
    assert (result.job.status, result.probe.width) == (JobStatus.COMPLETED, 320)
    assert result.job.provider_job_id


@case("image from inputs")
async def _image(at: Bench) -> None:
    result = await at.studio.generate(at.request(reference_media_path=INPUT))
    assert result.job.status == JobStatus.COMPLETED
    assert len(at.wire.orders) == 1
    assert max(len(one.body) for one in at.server.received) > 1000, "the picture did not travel"


@case("last frame")
async def _last_frame(at: Bench) -> None:
    media = (Media.from_input(INPUT), Media.from_input(INPUT, role="last_frame"))
    result = await at.studio.generate(at.request(media=media))
    assert result.job.status == JobStatus.COMPLETED
    assert len(at.wire.orders) == 1


@case("progress")
async def _progress(at: Bench) -> None:
    at.wire.looks = 4
    job = await at.studio.submit(at.request())
    assert job.status is JobStatus.PROCESSING
    seen = [row.progress or 0.0 async for row in at.studio.watch(job.id)]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert any(0 < share < 1 for share in seen) == (at.row in TELLING)


@case("generation failed")
async def _failed(at: Bench) -> None:
    at.wire.ending = "failed"
    with pytest.raises(GenerationFailed) as caught:
        await at.studio.generate(at.request())
    assert caught.value.charged in {"no", "unknown", "yes"}
    assert len(at.wire.orders) == 1


@case("moderation before")
async def _moderated_before(at: Bench) -> None:
    at.wire.refusal = "moderated"
    with pytest.raises(ContentRejected) as caught:
        await at.studio.generate(at.request())
    assert caught.value.charged == "no"
    assert at.wire.orders == []


@case("moderation after")
async def _moderated_after(at: Bench) -> None:
    at.wire.ending = "moderated"
    with pytest.raises(ContentRejected):
        await at.studio.generate(at.request())
    assert len(at.wire.orders) == 1


@case("no credit")
async def _no_credit(at: Bench) -> None:
    at.wire.refusal = "no_credit"
    with pytest.raises(QuotaExhausted) as caught:
        await at.studio.generate(at.request())
    assert caught.value.charged == "no"


@case("bad key")
async def _bad_key(at: Bench) -> None:
    at.wire.refusal = "bad_key"
    job = await at.studio.submit(at.request())
    assert isinstance(job.failure(), AuthenticationFailed), "a bad key does not show at once"


@case("busy, then free")
async def _busy(at: Bench) -> None:
    at.wire.refusal = "busy"
    job = await at.studio.submit(at.request())
    assert job.status == JobStatus.PENDING
    at.wire.refusal = None
    assert (await at.ended(job)).status == JobStatus.COMPLETED
    assert len(at.wire.orders) == 1


@case("expired link")
async def _expired(at: Bench) -> None:
    at.wire.content_misses = 1
    result = await at.studio.generate(at.request())
    assert result.job.status == JobStatus.COMPLETED
    assert len(at.wire.orders) == 1


@case("download cut")
async def _cut(at: Bench) -> None:
    at.wire.break_next("content", Cut(Answer.file(sample_video(), etag='"v1"'), -5000), Reset())
    result = await at.studio.generate(at.request())
    assert (at.home / "outputs" / result.path).read_bytes() == sample_video()
    assert len(at.wire.orders) == 1


@case("looks that break")
async def _broken_looks(at: Bench) -> None:
    at.wire.break_next("poll", Drop(), Answer(500), Answer(502, body=b"<html>"), Garbage(b"?"), Answer(429))
    assert (await at.studio.generate(at.request())).job.status == JobStatus.COMPLETED
    assert len(at.wire.orders) == 1


@case("cancel")
async def _cancel(at: Bench) -> None:
    at.wire.looks = 50
    job = await at.studio.submit(at.request())
    job = await at.ended(await at.studio.cancel(job.id))
    error = job.failure()
    assert isinstance(error, JobCancelled)
    if at.row not in NOT_STOPPED:
        assert at.wire.cancelled == {job.provider_job_id}
    else:
        assert (error.charged, at.wire.cancelled) == ("unknown", set())
        assert "cannot stop" in error.message


@case("a value that is not offered")
async def _not_offered(at: Bench) -> None:
    with pytest.raises(RequestError, match="nearest") as caught:
        await at.studio.submit(at.request(duration_seconds=47))
    assert caught.value.charged == "no"
    assert at.server.connections == 0


LOST: dict[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"id": "x"}), 30),
    **{str(status): Answer(status) for status in (500, 502, 503, 504)},
}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("row", [row for row in ROWS if row not in FOUND])
async def test_an_order_whose_answer_is_lost_is_sent_once_and_found_again_by_a_person(
    row: str, how: str, tmp_path: Path
) -> None:
    async with bench(row, tmp_path) as at:
        at.wire.break_next("submit", LOST[how])
        job = await at.ended(await at.studio.submit(at.request()))
        assert job.phase == Phase.UNKNOWN
        assert "jobs resolve" in str(job.failure())
        posts = [one for one in at.server.received if at.wire.verb(one) == "submit"]
        assert len(posts) == 1
        # A person finds the order in the provider's console.
        taken = at.wire(posts[0])
        assert isinstance(taken, Answer)
        job = await at.ended(await at.studio.resolve(job.id, provider_job_id=at.wire.id_in(taken)))
        assert job.status == JobStatus.COMPLETED
        assert len(at.wire.orders) == 1


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("row", FOUND)
async def test_an_order_that_was_taken_and_whose_answer_is_lost_is_found_by_our_reference(
    row: str, how: str, tmp_path: Path
) -> None:
    async with bench(row, tmp_path) as at:
        at.wire.lost.append(LOST[how])
        job = await at.ended(await at.studio.submit(at.request()))
        assert job.status == JobStatus.COMPLETED
        assert len([one for one in at.server.received if at.wire.verb(one) == "submit"]) == 1


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("row", FOUND)
async def test_an_order_that_never_arrived_is_sent_again_only_after_it_was_looked_for(
    row: str, how: str, tmp_path: Path
) -> None:
    async with bench(row, tmp_path) as at:
        at.wire.break_next("submit", LOST[how])
        job = await at.ended(await at.studio.submit(at.request()))
        assert job.status == JobStatus.COMPLETED
        assert len(at.wire.orders) == 1
        verbs = [at.wire.verb(one) for one in at.server.received]
        first, second = (place for place, verb in enumerate(verbs) if verb == "submit")
        assert "find" in verbs[first:second]


def test_a_cell_is_left_out_only_where_there_is_one() -> None:
    assert {row for row, _ in NOT_OFFERED} | TELLING | NOT_STOPPED.keys() | set(FOUND) <= ROWS.keys()
    assert {name for _, name in NOT_OFFERED} <= CASES.keys()


@pytest.mark.parametrize(("row", "name"), [cell for cell in itertools.product(ROWS, CASES) if cell not in NOT_OFFERED])
async def test_each_provider_meets_each_case(row: str, name: str, tmp_path: Path) -> None:
    async with bench(row, tmp_path) as at:
        await CASES[name](at)
