"""What follows where an order was certainly not taken, and this machine may be the reason."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from nexiom_sdk import GenerationJob, JobStatus
from nexiom_sdk.errors import (
    ConfigurationError,
    MissingCredentials,
    PluginError,
    ProviderUnavailable,
    RateLimited,
    UnknownProvider,
)
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.refusals import Refusals
from nexiom_sdk.testing import FakeProvider, VirtualClock
from rig import Rig, policy_over

RigOf = Callable[..., Rig]


class Machine:
    """A machine that lacks what its provider needs, until it is set up.

    Args:
        rig: The studio on it.
        lacks: What is raised for the provider; None: it is set up.
    """

    def __init__(self, rig: Rig, lacks: ConfigurationError | None) -> None:
        self.rig, self.lacks = rig, lacks
        provider = rig.studio._desk.provider

        def here(name: str) -> VideoProvider:
            if self.lacks is not None:
                raise self.lacks
            return provider(name)

        rig.studio._desk.provider = here

    async def left_for(self, job: GenerationJob, *, hours: float) -> GenerationJob:
        """The job after a step now, and another one later."""
        await self.rig.step(job)
        self.rig.later(hours=hours)
        return await self.rig.step(job)


LACKS = [
    (MissingCredentials("acme has no key.", next_step="Set ACME_API_KEY."), "authentication_failed"),
    (UnknownProvider("There is no provider 'acme'."), "invalid_input"),
    (PluginError("The plug-in acme cannot be loaded."), "plugin_error"),
    (ConfigurationError("ACME_BASE_URL is no address."), "authentication_failed"),
]


@pytest.mark.parametrize(("lacks", "code"), LACKS, ids=lambda one: getattr(one, "code", ""))
async def test_a_machine_that_lacks_the_key_or_the_plug_in_leaves_the_job_to_others(
    lacks: ConfigurationError, code: str, rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    job = await rig.submitted()
    rig.later(days=3)  # however long it has waited: it is this machine that is new
    machine = Machine(rig, lacks)
    for _ in range(5):
        job = await rig.step(job)
        assert (job.phase, job.status, job.attempts) == (Phase.QUEUED, JobStatus.PENDING, 0)
    assert job.provider_metadata["trouble_next_step"] == lacks.next_step
    said = [record for record in caplog.records if getattr(record, "action", "") == "not_set_up"]
    assert len(said) == 1, "once, and not at each try"
    machine.lacks = None
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


@pytest.mark.parametrize(("lacks", "code"), LACKS, ids=lambda one: getattr(one, "code", ""))
async def test_where_no_machine_has_it_in_time_the_job_fails_in_words_for_its_user(
    lacks: ConfigurationError, code: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    job = await rig.submitted()
    hours = 1 / 6 if isinstance(lacks, UnknownProvider) else 1.0
    job = await Machine(rig, lacks).left_for(job, hours=0.9 * hours)
    assert job.phase is Phase.QUEUED
    rig.later(hours=0.2 * hours)
    job = await rig.step(job)
    assert (job.phase, job.error_code, job.cost_usd) == (Phase.DONE, code, Decimal(0))
    assert job.failure().message.count(lacks.message) == 1
    assert "Nothing was charged" in str(job.error_message)


@pytest.mark.parametrize(("lacks", "hours"), [(LACKS[0][0], 24.0), (LACKS[1][0], 1 / 6)], ids=["key", "name"])
async def test_without_a_deadline_the_wait_for_a_set_up_has_an_end_all_the_same(
    lacks: ConfigurationError, hours: float, rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    rig.studio._desk.deadline_seconds = None
    job = await rig.submitted()
    job = await Machine(rig, lacks).left_for(job, hours=0.9 * hours)
    assert job.phase is Phase.QUEUED
    rig.later(hours=0.2 * hours)
    assert (await rig.step(job)).status is JobStatus.FAILED


async def test_a_name_that_is_a_slip_of_the_pen_is_told_in_the_log_at_once_and_to_its_user_soon(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    job = (await rig.submitted()).evolve(provider="acmee")
    assert await rig.repository.save(job, fence=job.fence)
    job = await rig.step(job)
    assert (job.phase, "Did you mean 'acme'?" in caplog.text) == (Phase.QUEUED, True)
    assert "Did you mean 'acme'?" in str(job.provider_metadata["trouble"])
    rig.later(seconds=601)
    job = await rig.step(job)
    assert (job.phase, "Did you mean 'acme'?" in str(job.error_message)) == (Phase.DONE, True)


async def test_another_provider_is_asked_when_the_wait_is_over(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock), FakeProvider("bolt", clock=clock).succeed())
    rig.studio._given_policy = policy_over("acme/fake-1", "bolt/fake-1", fallback_on=("authentication_failed",))
    job = await rig.submitted()
    machine = Machine(rig, MissingCredentials("acme has no key."))
    assert (await rig.step(job)).provider == "acme"
    machine.lacks, provider = None, rig.studio._desk.provider

    def bolt_only(name: str) -> VideoProvider:
        if name == "acme":
            raise MissingCredentials("acme has no key.")
        return provider(name)

    rig.studio._desk.provider = bolt_only
    rig.later(hours=1)
    assert (await rig.steps(job)).provider == "bolt"


async def test_what_is_wrong_with_its_own_provider_is_not_said_again_of_all_others(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    rig.studio._given_policy = policy_over("acme/fake-1", fallback_on=("authentication_failed",))
    lacks = MissingCredentials("acme has no key.")
    job = await rig.submitted()
    machine = Machine(rig, lacks)

    def no_choice(*_: object, **__: object) -> object:
        raise lacks

    rig.studio._desk.rechoose = no_choice  # type: ignore[assignment]
    job = await machine.left_for(job, hours=1)
    assert job.failure().message == "acme cannot be used here: acme has no key."


async def test_a_key_that_only_the_adapter_misses_while_it_writes_the_order_is_waited_for_too(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    lacks = MissingCredentials("acme has no key for this model.")
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").refuse(lacks).succeed()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    assert (job.phase, job.status, job.submit_started_at) == (Phase.QUEUED, JobStatus.PENDING, None)
    assert ((await rig.steps(job)).status, len(fake.accepted)) == (JobStatus.COMPLETED, 1)


async def test_a_wait_for_a_key_takes_none_of_the_tries_at_a_provider(rig_of: RigOf, clock: VirtualClock) -> None:
    acme = FakeProvider("acme", clock=clock).refuse(RateLimited("busy")).succeed()
    rig = rig_of(acme, FakeProvider("bolt", clock=clock))
    job = await rig.submitted()
    machine = Machine(rig, MissingCredentials("acme has no key."))
    for _ in range(4):
        await rig.step(job)
    machine.lacks = None
    assert (await rig.steps(job)).provider == "acme"


async def test_a_job_that_is_held_back_without_a_time_is_not_taken_again_at_once(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    job = await rig.submitted()
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
    held = ProviderUnavailable("acme is failing.", retry_after_seconds=0, charged="no")
    job = await Refusals(desk=rig.studio._desk).held(claimed, held)
    assert 1 <= (job.run_at - clock.now()).total_seconds() <= 1.1
