"""Orders and queries for tests of sums: few values of each kind, so that they meet, and moments around midnights."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import DIMENSIONS, Dimension, UsageQuery
from nexiom_sdk.types import QUALITY_TIERS, QualityTier, VideoRequest

MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)
_A_LITTLE = timedelta(microseconds=1)
_moments: st.SearchStrategy[datetime] = st.sampled_from(
    [
        MIDNIGHT + timedelta(days=days) + more
        for days in (-31, -1, 0, 1)
        for more in (-_A_LITTLE, timedelta(0), _A_LITTLE)
    ]
)
_amounts: st.SearchStrategy[Decimal | None] = st.sampled_from(
    (None, *map(Decimal, ("0", "0.1", "0.10", "0.400000", "0.000001", "12.5", "-3")))
)
_LIST: JsonValue = ["5"]
_OBJECT: JsonValue = {"usd": "5"}
UNREADABLE: tuple[JsonValue, ...] = (
    *("1E-7", "2.5e+1", "-3", "+5", ".5", "5.", " 5 ", "5\n", "1_000", "\u0665", "0x10", "NaN", "Infinity", "much", ""),
    *("1000000", "9" * 400, 4, 5.5, True, _LIST, _OBJECT),
)  # as `earlier_cost_usd`: only a hand can have written it
_users = st.sampled_from([None, "", "u1", "u2"])
_roles = st.sampled_from([None, "user", "admin"])
_tiers: st.SearchStrategy[QualityTier | None] = st.sampled_from((None, *QUALITY_TIERS))
_providers = st.sampled_from([None, "acme", "other"])


@st.composite
def any_order(draw: st.DrawFn) -> GenerationJob:
    """A row that may count in sums, with an id of its own: of any age, ordered again or not, a wish, or no video."""
    own = str(uuid.uuid4())
    status, phase = draw(st.sampled_from(JobStatus)), draw(st.sampled_from(Phase))
    created_at = draw(_moments)
    stamps: list[JsonValue] = [draw(_moments).isoformat(), draw(_moments).isoformat(), "never", None]
    metadata: dict[str, JsonValue] = {
        "choice": {},
        "role": draw(_roles),
        "budget_tier": draw(_tiers | st.just("no tier")),
        "earlier_cost_usd": draw(st.sampled_from([None, "0.40", "0.40", "12", *UNREADABLE])),
        "earlier_unpriced": draw(st.sampled_from([None, 1, 2, -1, "1", True, 1.5])),
        "earlier_at": draw(st.sampled_from(stamps)),
        "timing": {"ordered_at": draw(st.sampled_from(stamps))},
    }
    left_out = draw(st.sampled_from([(), (), ("choice",), ("timing",), ("earlier_cost_usd",), ("earlier_at",)]))
    return GenerationJob(
        id=own,
        type=draw(st.sampled_from(["video", "video", "video", "poster"])),
        prompt="a fox",
        request=VideoRequest(prompt="a fox"),
        status=status,
        result_url="file:///v.mp4" if status == JobStatus.COMPLETED else None,
        phase=phase,
        provider=draw(_providers),
        provider_job_id=own if phase == Phase.WAITING else None,
        model=draw(st.sampled_from([None, "a1", "a2"])),
        quality_tier=draw(_tiers),
        user_id=draw(_users),
        order_no=draw(st.sampled_from([0, 0, 1, 2])),
        estimated_cost_usd=draw(_amounts),
        cost_usd=draw(_amounts),
        provider_metadata={
            name: value for name, value in metadata.items() if value is not None and name not in left_out
        },
        run_at=created_at,
        created_at=created_at,
        updated_at=created_at,
    )


any_query: st.SearchStrategy[UsageQuery] = st.builds(
    UsageQuery,
    since=st.none() | _moments,
    until=st.none() | _moments,
    user_id=_users,
    of_nobody=st.booleans(),
    role=_roles,
    quality_tier=_tiers,
    provider=_providers,
    active=st.booleans(),
)

any_dimensions: st.SearchStrategy[list[Dimension]] = st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=4)
