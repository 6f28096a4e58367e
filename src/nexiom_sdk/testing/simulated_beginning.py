"""Rows with which a simulation begins: jobs that ended before it, and jobs in the middle of their flight."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta

from nexiom_sdk import moves, schedule
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.studio import Studio
from nexiom_sdk.testing.simulated_providers import SimulatedModel, SimulatedProvider
from nexiom_sdk.timing import Timing
from nexiom_sdk.types import Running, VideoRequest

_FINISHED_SECONDS_AGO = 3600.0


def request_of(model: SimulatedModel) -> VideoRequest:
    """A wish for a clip of this model."""
    return VideoRequest(prompt="a fox in snow", provider=model.provider, model=model.model, duration_seconds=4)


def finished_before(studio: Studio, model: SimulatedModel, *, now: datetime, luck: random.Random) -> GenerationJob:
    """The row of a job that ended an hour ago, from which the schedule learns how long such jobs take."""
    job = _ordered(studio, model, then=now - timedelta(seconds=_FINISHED_SECONDS_AGO))
    took = Timing(key=moves.schedule_key_of(job), took_seconds=model.draw(luck))
    done = {"phase": Phase.DONE, "status": JobStatus.COMPLETED, "result_url": "outputs/_/before.mp4"}
    return job.evolve(**done).with_metadata(timing=took.stored())


def found_in_flight(
    studio: Studio, model: SimulatedModel, provider: SimulatedProvider, *, now: datetime, luck: random.Random
) -> GenerationJob:
    """The row of a job as it is found at any moment, with the looks behind it that the schedule asked for.

    Its order is taken by the provider.
    """
    takes = model.draw_running(luck)
    age = luck.uniform(0, takes)
    job, clock = _ordered(studio, model, then=now - timedelta(seconds=age)), provider.clock.monotonic()
    order = provider.take(job.order_key, began_at=clock - age, ends_at=clock - age + takes)
    operation = provider.operation(order)
    pace = schedule.Pace(
        typical_seconds=model.median_seconds,
        floor_seconds=model.floor_seconds,
        callback=operation.state.get("callback") is True,
    )
    looks, next_look = _looks(pace, age, luck)
    due = job.created_at + timedelta(seconds=next_look)
    job = moves.answered(job, operation, now=job.created_at, run_at=due)
    for at in dict.fromkeys((*looks[:1], *looks[-1:])):  # those between leave nothing in the row
        job = moves.looked(job, Running(), now=job.created_at + timedelta(seconds=at), run_at=due)
    return job


def _looks(pace: schedule.Pace, age_seconds: float, luck: random.Random) -> tuple[list[float], float]:
    """Seconds after the order at which it was looked at, up to its present age, and those of the next look."""
    looks, at = list[float](), 0.0
    while True:
        gap = schedule.next_look(
            pace,
            since_submit_seconds=at,
            since_running_seconds=at - looks[0] if looks else None,
            luck=luck.random(),
        )
        if at + gap > age_seconds:
            return looks, at + gap
        at += gap
        looks.append(at)


def _ordered(studio: Studio, model: SimulatedModel, *, then: datetime) -> GenerationJob:
    request = request_of(model)
    choice = studio.estimate(request)
    return moves.created(str(uuid.uuid4()), request, choice, user_id=None, client_key=None, now=then)
