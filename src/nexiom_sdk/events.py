"""What the library tells the outside while it works: frozen values without secrets or prompts, sent to sinks.

A sink is any callable that takes an event. Sinks are called in order; one that raises is logged and the others go on.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal, TypeAlias

_log = logging.getLogger("nexiom_sdk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events; `action` is a stable name for logs and metrics."""

    action: ClassVar[str] = "event"
    level: ClassVar[int] = logging.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCreated(Event):
    """A job row was written; nothing was ordered yet."""

    action: ClassVar[str] = "job_created"
    job_id: str
    user_id: str | None
    quality_tier: str | None
    prompt_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChosen(Event):
    """A model was chosen for a job, first or after another one could not take it."""

    action: ClassVar[str] = "model_chosen"
    job_id: str
    provider: str
    model: str
    estimated_cost_usd: Decimal | None
    policy_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCalled(Event):
    """One call to a provider ended; `outcome` is ok or the code of the error."""

    action: ClassVar[str] = "provider_called"
    level: ClassVar[int] = logging.DEBUG
    provider: str
    operation: str
    outcome: str
    attempt: int
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMoved(Event):
    """Orders to a provider are held back (open), one of them tries it (probing), or they go again (closed).

    Args:
        provider: Name of the provider.
        state: What holds from now on.
        reason: Why.
        at: The moment.
        until: When the next order may try the provider; None where all may go.
        openings: How often it was found failing in a row.
    """

    action: ClassVar[str] = "breaker_moved"
    level: ClassVar[int] = logging.WARNING
    provider: str
    state: Literal["closed", "open", "probing"]
    reason: str
    at: datetime
    until: datetime | None
    openings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMoved(Event):
    """A step of a job was committed."""

    action: ClassVar[str] = "job_moved"
    job_id: str
    before: str
    phase: str
    status: str
    error_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetStored(Event):
    """A checked video is in the bucket `outputs`."""

    action: ClassVar[str] = "asset_stored"
    job_id: str
    result_path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTicked(Event):
    """A worker looked for due jobs; `oldest_due_seconds` is how long the oldest one that it saw had been due."""

    action: ClassVar[str] = "worker_ticked"
    level: ClassVar[int] = logging.DEBUG
    claimed: int
    running: int
    oldest_due_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDraining(Event):
    """A worker was told to end and claims nothing more; it says so again every ten seconds while steps run."""

    action: ClassVar[str] = "worker_draining"
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFailed(Event):
    """A plug-in could not be loaded, or raised something it should not."""

    action: ClassVar[str] = "plugin_failed"
    level: ClassVar[int] = logging.WARNING
    name: str
    reason: str


Sink: TypeAlias = Callable[[Event], None]


def logging_sink(event: Event) -> None:
    """Write the event to the logger `nexiom_sdk`, its fields in `extra` under `nexiom`; the default sink."""
    if _log.isEnabledFor(event.level):
        fields = dataclasses.asdict(event)
        text = " ".join(f"{name}={value}" for name, value in fields.items())
        _log.log(event.level, "%s %s", event.action, text, extra={"action": event.action, "nexiom": fields})


class Sinks:
    """Several sinks as one, each protected from the others.

    Example:
        >>> seen = []
        >>> Sinks([seen.append])(WorkerTicked(claimed=0, running=0))
        >>> seen[0].action
        'worker_ticked'
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)

    def __call__(self, event: Event) -> None:
        """Hand the event to every sink."""
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:  # noqa: BLE001 - a user's sink is foreign code: it must never disturb a paid job
                _log.exception("a sink failed on %s", event.action, extra={"action": "sink_failed"})
