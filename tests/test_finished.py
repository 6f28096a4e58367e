"""What users get of a finished job."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.errors import IllegalTransition, StorageUnavailable
from nexiom_sdk.testing import FakeProvider, VirtualClock
from rig import Rig

RigOf = Callable[..., Rig]
DAY = 24 * 3600.0


class Signing(MemoryStore):
    """A store whose addresses are signed, and end."""

    signed = 0

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        self.signed += 1
        return f"https://store.example/{key}?token={self.signed}&for={ttl_seconds:.0f}"


@pytest.fixture
def rig(rig_of: RigOf, clock: VirtualClock) -> Rig:
    fake = FakeProvider("acme", clock=clock).succeed()
    return rig_of(fake, store=Signing(clock=clock), result_url_ttl_seconds=4 * DAY)


async def test_an_address_is_signed_anew_when_its_end_is_near_and_not_before(rig: Rig) -> None:
    job = await rig.steps(await rig.submitted())
    first = job.result_url
    rig.later(days=2.9)
    assert (await rig.studio.get(job.id)).result_url == first
    rig.later(days=0.2)
    anew = await rig.studio.get(job.id)
    assert anew.result_url != first
    assert anew.result_url is not None
    assert anew.result_url.endswith("for=345600")
    assert (await rig.repository.get(job.id)).result_url == first  # type: ignore[union-attr]


async def test_a_row_can_be_read_while_the_store_is_down(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_key: str, /, *, ttl_seconds: float) -> str | None:
        raise StorageUnavailable(f"Down for {ttl_seconds} s.")

    job = await rig.steps(await rig.submitted())
    rig.later(days=9)
    monkeypatch.setattr(rig.store, "url", down)
    assert (await rig.studio.get(job.id)).result_url == job.result_url


async def test_a_result_has_living_addresses_of_the_video_and_its_picture(rig: Rig) -> None:
    job = await rig.steps(await rig.submitted())
    result = await rig.studio.result(job)
    assert result.url != job.result_url
    assert result.url.startswith(f"https://store.example/outputs/_/{job.id}/0.mp4?token=")
    assert result.poster_path == f"_/{job.id}/0.jpg"
    assert (result.poster_url or "").startswith(f"https://store.example/outputs/_/{job.id}/0.jpg?token=")
    assert "token=" not in repr(result)


async def test_a_job_without_a_video_has_no_result(rig: Rig) -> None:
    job = await rig.submitted()
    with pytest.raises(IllegalTransition):
        await rig.studio.result(job)
    assert (await rig.studio.get(job.id)).result_url is None
    assert isinstance(rig.store, Signing)
    assert rig.store.signed == 0


async def test_an_address_that_shall_live_for_longer_than_a_store_may_sign_is_signed_anew_every_week(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake, store=Signing(clock=clock), result_url_ttl_seconds=30 * DAY)
    job = await rig.steps(await rig.submitted())
    rig.later(days=5)
    assert (await rig.studio.get(job.id)).result_url == job.result_url
    rig.later(days=1)
    assert (await rig.studio.get(job.id)).result_url != job.result_url
