"""The verbs, as a user of the library meets them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from nexiom_sdk import GenerationJob, JobStatus, Media, Settings, Studio, VideoRequest
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ContentRejected,
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    JobConflict,
    JobNotFound,
    MissingCredentials,
    NexiomError,
    NoCandidate,
    PluginError,
    ProviderError,
    ProviderUnavailable,
    UnknownProvider,
    WaitTimeout,
)
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Limit
from nexiom_sdk.testing import FakeProvider, VirtualClock, fake_card
from nexiom_sdk.testing.sample_jobs import columns, sample_job
from nexiom_sdk.types import Cancelled, Failed, Operation, Poll
from rig import Rig

RigOf = Callable[..., Rig]
PIXEL_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000"
    "000049454e44ae426082"
)


async def test_generate_goes_from_prompt_to_stored_video(rig_of: RigOf) -> None:
    quick = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)
    rig = rig_of(FakeProvider("acme", models=quick).succeed(), time=SystemClock())
    result = await rig.studio.generate("a fox in snow", quality_tier="cinematic", duration_seconds=4)
    assert result.job.status is JobStatus.COMPLETED
    assert (result.cost_usd, result.probe.container) == (Decimal("0.40"), "mp4")
    assert result.choice is not None
    assert result.choice.tier == "cinematic"


async def test_watching_gives_the_row_at_each_change_until_the_end(rig_of: RigOf) -> None:
    quick = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)
    rig = rig_of(FakeProvider("acme", models=quick).succeed(), time=SystemClock())
    job = await rig.submitted()
    phases = [row.phase async for row in rig.studio.watch(job.id)]
    assert phases[0] in {Phase.QUEUED, Phase.SUBMITTING, Phase.WAITING}
    assert phases[-1] is Phase.DONE


async def test_submit_takes_the_first_step_and_defer_takes_none(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    request = VideoRequest(prompt="a fox")
    assert (await rig.studio.submit(request)).phase is Phase.WAITING
    assert (await rig.studio.submit(request, defer=True)).phase is Phase.QUEUED


async def test_every_applicable_column_is_filled(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock, cost_usd=Decimal("0.37")).running(1, progress=True).succeed())
    request = VideoRequest(prompt="a fox", quality_tier="cinematic", media=(Media.from_bytes(PIXEL_PNG),))
    job = await rig.studio.submit(request, user_id="u1", client_key="tap-1")
    job = await rig.steps(job)
    empty = {name for name, value in job.model_dump().items() if value is None}
    assert empty == {"error_message", "error_code", "leased_until", "cancel_requested_at"}
    assert (job.type, job.status, job.phase, job.progress) == ("video", JobStatus.COMPLETED, Phase.DONE, 1.0)
    assert (job.estimated_cost_usd, job.cost_usd) == (Decimal("0.40"), Decimal("0.37"))
    assert job.reference_media_path is not None
    assert job.reference_media_path.startswith("u1/")
    assert {"choice", "request", "operation", "timing", "results"} <= set(job.provider_metadata)


async def test_a_double_tap_is_one_job_and_one_order(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    request = VideoRequest(prompt="a fox", media=(Media.from_bytes(PIXEL_PNG),))
    first = await rig.studio.submit(request, client_key="tap")
    second = await rig.studio.submit(request, client_key="tap")
    assert first.id == second.id
    assert len(fake.accepted) == 1


async def test_one_key_for_two_requests_is_an_error(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    await rig.studio.submit(VideoRequest(prompt="a fox"), client_key="tap")
    with pytest.raises(IdempotencyConflict):
        await rig.studio.submit(VideoRequest(prompt="a wolf"), client_key="tap")


async def test_two_users_may_use_the_same_key(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    jobs = [await rig.studio.submit(VideoRequest(prompt="a fox"), user_id=user, client_key="k") for user in ("a", "b")]
    assert jobs[0].id != jobs[1].id


async def test_a_budget_is_checked_before_anything_is_sent(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none")
    for _ in range(2):
        fake.hang()
    rig = rig_of(fake, budget_usd_per_day=Decimal("1.00"))
    for _ in range(2):
        await rig.studio.submit(VideoRequest(prompt="a fox", duration_seconds=4))
    with pytest.raises(BudgetExceeded, match=r"\$0.80 of \$1.00"):
        await rig.studio.submit(VideoRequest(prompt="a fox", duration_seconds=4))
    assert len(fake.accepted) == 2
    rig.later(days=1)
    await rig.studio.submit(VideoRequest(prompt="a fox", duration_seconds=4), defer=True)


async def test_a_wait_that_times_out_leaves_the_job_running(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme").hang(), time=SystemClock())
    job = await rig.studio.submit(VideoRequest(prompt="a fox"))
    with pytest.raises(WaitTimeout):
        await rig.studio.wait(job.id, timeout_seconds=0.05)
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING


async def test_a_failed_job_raises_what_it_failed_with(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).refuse(ContentRejected("violence")))
    job = await rig.studio.submit(VideoRequest(prompt="a fox"))
    for _ in range(2):
        with pytest.raises(ContentRejected, match="violence") as caught:
            await rig.studio.wait(job.id)
        assert caught.value.job_id == job.id


async def test_estimate_asks_nobody_and_writes_nothing(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    choice = rig.studio.estimate(VideoRequest(prompt="a fox", duration_seconds=8, resolution="1080p"))
    assert (choice.provider, choice.estimated_cost_usd) == ("acme", Decimal("0.80"))
    assert fake.calls == []
    assert await rig.studio.jobs() == []


async def test_what_no_model_offers_is_refused_with_every_reason(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    with pytest.raises(NoCandidate, match="5 s is not offered") as caught:
        await rig.studio.submit(VideoRequest(prompt="a fox", duration_seconds=5))
    assert caught.value.choice is not None
    assert await rig.studio.jobs() == []


async def test_without_any_key_the_error_names_the_variables(tmp_path: Path) -> None:
    class NeedsKey:
        config_env: ClassVar = {"api_key": "ACME_API_KEY", "base_url": "ACME_BASE_URL"}

        def __init__(self, config: object, *, http: object = None) -> None:
            raise MissingCredentials("acme has no key: set ACME_API_KEY.")

    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", NeedsKey)  # type: ignore[arg-type]
    from rig import policy_over

    async with Studio(settings=Settings(home=tmp_path), registry=registry, policy=policy_over("acme/a1")) as studio:
        with pytest.raises(MissingCredentials, match="ACME_API_KEY"):
            await studio.submit(VideoRequest(prompt="a fox"))
        with pytest.raises(MissingCredentials, match="ACME_API_KEY"):
            await studio.submit(VideoRequest(prompt="a fox", provider="acme"))
    assert not (tmp_path / "nexiom.db").exists()


async def test_the_shipped_policy_without_keys_names_variables_and_the_preview(tmp_path: Path) -> None:
    async with Studio(settings=Settings.from_env({"NEXIOM_HOME": str(tmp_path)})) as studio:
        with pytest.raises(MissingCredentials, match="OPENROUTER_API_KEY") as caught:
            await studio.generate("a fox")
    assert 'provider="local"' in str(caught.value)


async def test_the_error_without_keys_names_what_a_provider_cannot_do_without_and_nothing_more(tmp_path: Path) -> None:
    async with Studio(settings=Settings(home=tmp_path)) as studio:
        with pytest.raises(MissingCredentials, match=r"sora \(set OPENAI_BASE_URL\)"):
            await studio.submit(VideoRequest(prompt="a fox", quality_tier="ultra_realistic"))


async def test_an_unknown_provider_is_answered_with_the_nearest(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    with pytest.raises(UnknownProvider, match="Did you mean 'acme'"):
        await rig.studio.submit(VideoRequest(prompt="a fox", provider="acmee"))


async def test_an_unknown_model_is_answered_with_the_nearest(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    with pytest.raises(NoCandidate, match="Did you mean 'fake-1'"):
        await rig.studio.submit(VideoRequest(prompt="a fox", provider="acme", model="fake1"))


@pytest.mark.parametrize("path", ["missing.png", "../secret.png", "/etc/passwd", "u1/../../x.png", "a\\b.png", ""])
async def test_a_reference_that_is_not_there_or_not_a_key_is_refused(
    path: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    with pytest.raises(InvalidInput):
        await rig.studio.submit(VideoRequest(prompt="a fox", reference_media_path=path))
    assert fake.calls == []


async def test_a_file_reference_is_kept_in_inputs_so_that_any_process_can_go_on(
    rig_of: RigOf, clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "fox.png").write_bytes(PIXEL_PNG)
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake, media_roots=(tmp_path,))
    job = await rig.studio.submit(
        VideoRequest(prompt="a fox", media=(Media.from_file(tmp_path / "fox.png"),)), defer=True
    )
    (tmp_path / "fox.png").unlink()
    assert (await rig.steps(job)).status is JobStatus.COMPLETED
    assert fake.submissions[0].spec.media[0].data == PIXEL_PNG
    assert b"PNG" not in job.model_dump_json().encode()


async def test_verbs_on_a_job_that_does_not_exist_say_so(rig_of: RigOf, clock: VirtualClock) -> None:
    studio = rig_of(FakeProvider("acme", clock=clock)).studio
    for verb in (studio.get, studio.advance, studio.wait, studio.cancel, studio.resubmit):
        with pytest.raises(JobNotFound, match="no-such"):
            await verb("no-such")
    with pytest.raises(JobNotFound):
        await studio.resolve("no-such", provider_job_id="x")
    with pytest.raises(JobNotFound):
        async for _ in studio.watch("no-such"):
            pass


async def test_a_row_that_is_no_video_is_no_job_for_any_verb(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    failed = {"status": JobStatus.FAILED, "phase": Phase.UNKNOWN, "fence": 1}
    image = await rig.repository.add(sample_job(clock, type="image", provider_metadata={}, **failed))
    studio = rig.studio
    for verb in (studio.get, studio.advance, studio.wait, studio.cancel, studio.resubmit):
        with pytest.raises(JobNotFound, match="of the type 'image': only videos"):
            await verb(image.id)
    with pytest.raises(JobNotFound, match="of the type 'image'"):
        await studio.resolve(image.id, provider_job_id="x")
    assert await rig.repository.get(image.id) == image
    assert fake.calls == []


async def test_a_client_key_of_an_image_does_not_give_the_image(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    image = await rig.repository.add(sample_job(clock, type="image", user_id="u1", client_key="tap"))
    video = await rig.studio.submit(VideoRequest(prompt="a fox in snow"), user_id="u1", client_key="tap", defer=True)
    assert (video.type, video.id == image.id) == ("video", False)


@pytest.mark.parametrize("phase", [Phase.UNKNOWN, Phase.DONE])
async def test_a_video_from_before_is_never_ordered(rig_of: RigOf, clock: VirtualClock, phase: Phase) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    old = sample_job(clock, status=JobStatus.FAILED, phase=phase, provider_metadata={}, provider=None, model=None)
    await rig.repository.add(old)
    with pytest.raises(IllegalTransition, match="in the table before this library"):
        await rig.studio.resubmit(old.id)
    with pytest.raises(IllegalTransition):
        await rig.studio.resolve(old.id, provider_job_id="x")
    assert not await rig.repository.adopt_late_id(old.id, 0, "acme", "x")
    assert columns(await rig.studio.get(old.id)) == columns(old)
    assert fake.calls == []


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.COMPLETED])
async def test_every_verb_says_of_a_video_from_before_that_it_is_one(
    rig_of: RigOf, clock: VirtualClock, status: JobStatus
) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    over = status is JobStatus.COMPLETED
    phase, url = (Phase.DONE, "https://old.example/1.mp4") if over else (Phase.UNKNOWN, None)
    old = sample_job(clock, status=status, phase=phase, result_url=url, provider_metadata={}, provider=None, model=None)
    await rig.repository.add(old)
    verbs = [rig.studio.resubmit(old.id), rig.studio.wait(old.id), rig.studio.result(old)]
    for verb in (*verbs, *(() if over else (rig.studio.cancel(old.id),))):
        with pytest.raises(IllegalTransition, match="in the table before this library") as raised:
            await verb
        assert ("result_url" in str(raised.value)) is over
    assert [row.status async for row in rig.studio.watch(old.id)] == [status]
    assert columns(await rig.studio.get(old.id)) == columns(old)
    assert fake.calls == []


async def test_a_running_or_finished_job_cannot_be_ordered_again(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").running(1).succeed()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    with pytest.raises(IllegalTransition):
        await rig.studio.resubmit(job.id)
    with pytest.raises(IllegalTransition):
        await rig.studio.resolve(job.id, provider_job_id="another")
    with pytest.raises(IllegalTransition):
        await rig.studio.result(job)
    await rig.steps(job)
    with pytest.raises(IllegalTransition):
        await rig.studio.resubmit(job.id)
    assert len(fake.accepted) == 1


async def test_one_order_at_the_provider_belongs_to_one_job(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().hang().hang()
    rig = rig_of(fake)
    lost = await rig.step(await rig.submitted())
    taken = await rig.step(await rig.submitted(prompt="another"))
    with pytest.raises(JobConflict):
        await rig.studio.resolve(lost.id, provider_job_id=str(taken.provider_job_id))


async def test_cancelling_a_finished_job_changes_nothing(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    job = await rig.steps(await rig.submitted())
    assert await rig.studio.cancel(job.id) == job


async def test_events_tell_the_story_without_prompt_or_key(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).running(1).succeed())
    await rig.steps(await rig.submitted(prompt="CANARY-PROMPT"))
    actions = [event.action for event in rig.events]
    assert [one for one in actions if one != "provider_called"] == [
        "job_created", "model_chosen", "job_moved", "job_moved", "job_moved", "job_moved", "asset_stored", "job_moved",
    ]  # fmt: skip
    assert "CANARY" not in repr(rig.events)


async def test_what_was_passed_in_is_not_closed_and_what_was_made_is(tmp_path: Path, rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme"))
    await rig.submitted()
    await rig.studio.aclose()
    assert len(await rig.repository.list(JobQuery())) == 1


@pytest.mark.parametrize("user_id", ["u" * 256, "", "..", ".", "u1/x", "a\\b", "user:1", "a\0b", "_", "x" * 2000])
async def test_a_user_id_that_is_no_folder_is_refused_before_anything_is_spent(
    user_id: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    with pytest.raises(InvalidInput, match="user id"):
        await rig.studio.submit(VideoRequest(prompt="a fox"), user_id=user_id)
    assert fake.calls == []
    assert await rig.studio.jobs() == []


async def test_an_ordinary_foreign_user_id_is_fine(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    job = await rig.steps(await rig.studio.submit(VideoRequest(prompt="a fox"), user_id="auth0|5f2a", defer=True))
    assert job.result_path == f"auth0|5f2a/{job.id}/0.mp4"


async def test_a_cancelled_job_is_not_ordered_again(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    job = await rig.studio.cancel((await rig.submitted()).id)
    with pytest.raises(IllegalTransition, match="was cancelled"):
        await rig.studio.resubmit(job.id)
    assert fake.calls == []


async def test_the_first_step_is_submits_own_however_soon_a_worker_looks(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme").refuse(AuthenticationFailed("The key is wrong.")))
    add = rig.repository.add

    async def seen_at_once(job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        added = await add(job, limits=limits)
        assert await rig.repository.claim(limit=9, lease_seconds=60) == []
        return added

    rig.repository.add = seen_at_once  # type: ignore[method-assign]
    job = await rig.studio.submit(VideoRequest(prompt="a fox in snow"))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "authentication_failed")
    assert job == await rig.studio.get(job.id)


async def _lost(rig: Rig) -> GenerationJob:
    lost = await rig.step(await rig.submitted())
    assert lost.phase is Phase.UNKNOWN
    return lost


async def test_a_mistyped_id_changes_nothing_and_the_right_one_can_follow(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().succeed()
    rig = rig_of(fake)
    lost = await _lost(rig)
    with pytest.raises(InvalidInput, match="There is no order typo") as caught:
        await rig.studio.resolve(lost.id, provider_job_id="typo")
    assert (caught.value.charged, caught.value.job_id) == (None, lost.id)
    assert f"nexiom jobs resubmit {lost.id}" in caught.value.next_step
    assert await rig.studio.get(lost.id) == lost
    await rig.studio.resolve(lost.id, provider_job_id=f"order-{lost.order_key}")
    assert (await rig.steps(lost)).status is JobStatus.COMPLETED
    assert len(fake.accepted) == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Failed(code="generation_failed", message="Acme knows no order typo.", lost=True), InvalidInput),
        (Failed(code="generation_failed", message="no task typo"), InvalidInput),
        (Failed(code="content_rejected", message="no cats", charged="no"), InvalidInput),
        (Cancelled(reason="by its owner"), InvalidInput),
        (ProviderError("Acme answered 404", status=404), InvalidInput),
        (ProviderError("Acme answered 418", status=418), ProviderError),
        (ProviderUnavailable("the status page is down"), ProviderUnavailable),
        (AuthenticationFailed("key refused"), AuthenticationFailed),
        (ValueError("a defect"), PluginError),
    ],
    ids=repr,
)
async def test_an_order_that_is_not_there_or_cannot_be_looked_at_now_leaves_the_job_as_it_is(
    said: Failed | Cancelled | Exception, kind: type[NexiomError], rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer()
    rig = rig_of(fake)
    lost = await _lost(rig)

    async def poll(operation: Operation, /) -> Poll:
        if isinstance(said, Exception):
            raise said
        return said

    fake.poll = poll  # type: ignore[method-assign]
    resolving = asyncio.create_task(rig.studio.resolve(lost.id, provider_job_id="typo"))
    while not resolving.done():
        await asyncio.sleep(0)
        rig.clock.advance(rig.clock.until_next() or 0.0)
    error = resolving.exception()
    assert type(error) is kind
    assert "othing was changed" in error.message
    assert error.charged is None
    if kind is not InvalidInput:
        assert error.next_step.startswith("Try it again later.")
    assert await rig.studio.get(lost.id) == lost


async def test_an_order_that_failed_is_not_taken_for_the_jobs_own_and_the_words_say_what_to_do(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = (
        FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().fail("content_rejected", "no cats")
    )
    rig = rig_of(fake)
    lost = await _lost(rig)
    with pytest.raises(InvalidInput, match=r"failed at acme \(no cats\)\. Nothing was changed\.") as caught:
        await rig.studio.resolve(lost.id, provider_job_id=f"order-{lost.order_key}")
    assert f"nexiom jobs resubmit {lost.id}" in caught.value.next_step
    assert await rig.studio.get(lost.id) == lost
