"""Job rows for tests of repositories, any that must be kept, and the small steps that such tests are made of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.clock import Clock
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.types import QUALITY_TIERS, RESOLUTIONS, Media, MediaRole, VideoRequest

_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)  # PostgreSQL knows no NUL
_prompt = _text.map(lambda text: f"a fox {text}")
_number = st.integers(0, 2**31 - 1)
_money = st.none() | st.decimals(0, 999_999, places=6)
_zone = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-10))])
_naive = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2100-01-01"))
_moment = st.builds(datetime.replace, _naive, tzinfo=_zone)
_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_requests = st.builds(
    VideoRequest,
    prompt=_prompt,
    quality_tier=st.none() | st.sampled_from(QUALITY_TIERS),
    duration_seconds=st.none() | st.floats(0.1, 3600),
    resolution=st.none() | st.sampled_from(RESOLUTIONS),
    audio=st.none() | st.booleans(),
    seed=st.none() | st.integers(0, 2**63 - 1),
    media=st.lists(st.builds(Media.from_input, _text, role=st.sampled_from(get_args(MediaRole))), max_size=2).map(
        tuple
    ),
    max_cost_usd=_money,
    options=st.dictionaries(_text, st.dictionaries(_text, _json, max_size=2), max_size=2),
    strict=st.booleans(),
)


def sample_job(clock: Clock, **fields: object) -> GenerationJob:
    """A queued job of `acme/a1`, due now, with an id of its own, a choice without content, and the fields named."""
    now = clock.now()
    job = GenerationJob(
        id=str(uuid.uuid4()),
        prompt="a fox in snow",
        request=VideoRequest(prompt="a fox in snow"),
        provider="acme",
        model="a1",
        provider_metadata={"choice": {}},
        run_at=now,
        created_at=now,
        updated_at=now,
    )
    return job.evolve(**fields)


@st.composite
def any_job(draw: st.DrawFn) -> GenerationJob:
    """Any row that the table allows, with an id and keys that no other row has."""
    own = str(uuid.uuid4())
    status = draw(st.sampled_from(JobStatus))
    phase = draw(st.sampled_from(Phase))
    must_have_id, must_have_url = phase == Phase.WAITING, status == JobStatus.COMPLETED
    return GenerationJob(
        id=own,
        type=draw(st.sampled_from(["video", "poster"])),
        prompt=draw(_prompt),
        model=draw(st.none() | _text),
        duration_seconds=draw(st.none() | st.floats(0.001, 1e6)),
        reference_media_path=draw(st.none() | _text),
        status=status,
        result_url=draw(_text if must_have_url else st.none() | _text),
        error_message=draw(st.none() | _text),
        provider=draw(st.none() | _text),
        provider_job_id=f"{draw(_text)}{own}" if must_have_id or draw(st.booleans()) else None,
        quality_tier=draw(st.none() | st.sampled_from(QUALITY_TIERS)),
        provider_metadata=draw(st.dictionaries(_text, _json, max_size=3)),
        request=draw(_requests),
        user_id=draw(st.none() | _text),
        client_key=f"{draw(_text)}{own}" if draw(st.booleans()) else None,
        phase=phase,
        run_at=draw(_moment),
        leased_until=draw(st.none() | _moment),
        fence=draw(_number),
        order_no=draw(_number),
        attempts=draw(_number),
        submit_started_at=draw(st.none() | _moment),
        cancel_requested_at=draw(st.none() | _moment),
        result_path=draw(st.none() | _text),
        error_code=draw(st.none() | _text),
        progress=draw(st.none() | st.floats(0, 1, width=32)),
        estimated_cost_usd=draw(_money),
        cost_usd=draw(_money),
        created_at=draw(_moment),
        updated_at=draw(_moment),
    )


def columns(job: GenerationJob, **changes: object) -> Mapping[str, object]:
    """The row by column, times in UTC, for comparing what was put with what came back."""
    row = job.evolve(**changes).model_dump()
    return {name: utc(value) if isinstance(value, datetime) else value for name, value in row.items()}


async def claim(repository: JobRepository, job: GenerationJob | None = None) -> list[GenerationJob]:
    """What a claim of up to nine jobs gives, or of this one."""
    return list(await repository.claim(limit=9, lease_seconds=60, job_id=job.id if job else None))


async def row(repository: JobRepository, job: GenerationJob) -> GenerationJob:
    """The row as it is now."""
    found = await repository.get(job.id)
    assert found is not None
    return found


def after(clock: Clock, seconds: float) -> datetime:
    """The moment `seconds` from now."""
    return clock.now() + timedelta(seconds=seconds)
