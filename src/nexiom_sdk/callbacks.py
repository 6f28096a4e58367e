"""What a provider's callback sets off: one look, soon. Nothing in it is believed, so forging one gains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from nexiom_sdk.desk import Desk
from nexiom_sdk.errors import NexiomError, PluginError, ResponseTooLarge, UnsupportedFeature
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.protocol import SupportsCallback
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.wording import printable

MOST_CALLBACK_BYTES = 256 * 1024


async def heed(desk: Desk, name: str, headers: Mapping[str, str], body: bytes) -> GenerationJob | None:
    """Make the job that a callback is about due, never sooner than its provider wants to be asked again.

    Args:
        desk: Rows, providers and time.
        name: Name of the provider.
        headers: Headers of the request.
        body: Its bytes as they came.

    Raises:
        ResponseTooLarge: The body is too large; nothing was read.
        ConfigurationError: The provider cannot be used here.
        UnsupportedFeature: It has no callbacks.
        NexiomError: What the adapter raised.
    """
    if len(body) > MOST_CALLBACK_BYTES:
        raise ResponseTooLarge(
            f"A callback for {printable(name, 60)} has {len(body):,} bytes; {MOST_CALLBACK_BYTES:,} are allowed.",
            charged=None,
            next_step="It was not read. No provider sends such a thing: let the web server refuse bodies of this size.",
        )
    job = await _job_of(desk, name, _order_in(desk, name, headers, body))
    if job is None or job.phase is not Phase.WAITING or job.attempts:
        return job  # nothing to look at, or the provider was in trouble: then its own time to be asked again holds
    floor = desk.card_of(desk.provider(name), job.model or "").min_poll_seconds
    await desk.see_clock()
    now = desk.now()
    looking = job.leased_until is not None and job.leased_until >= now
    since_look = 0.0 if looking else max((now - job.updated_at).total_seconds(), 0.0)
    pause = max(floor - since_look, 0.0)
    # A look that is under way may have come too early: the row is woken although it is due already.
    if looking or job.run_at > now + timedelta(seconds=pause):
        await desk.repository.wake(job.id, after_seconds=pause)
        return await desk.repository.get(job.id)
    return job


def _order_in(desk: Desk, name: str, headers: Mapping[str, str], body: bytes) -> str:
    provider = desk.provider(name)
    if not isinstance(provider, SupportsCallback):
        raise UnsupportedFeature(
            f"{name} sends no callbacks that this library can read.",
            charged=None,
            next_step="Take the address out of the provider's settings; its jobs are looked at without it.",
        )
    try:
        order_id, _ = provider.read_callback(headers, body)
        return order_id if order_id.isprintable() else ""
    except NexiomError:
        raise
    except Exception as error:  # an adapter may be anybody's code: whatever it raises becomes an error of ours
        msg = f"The provider '{name}' raised {type(error).__name__} in read_callback."
        raise PluginError(msg) from error


async def _job_of(desk: Desk, name: str, order_id: str) -> GenerationJob | None:
    found = await desk.repository.list(JobQuery(provider=name, provider_job_id=order_id, limit=1)) if order_id else ()
    return next(iter(found), None)
