"""A job in plain words: what it does, for how long, how much longer, and what its video is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from nexiom_sdk.jobs import GenerationJob, VideoResult
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.timing import seconds_since
from nexiom_sdk.trouble import next_step_of, trouble_of
from nexiom_sdk.wording import printable, seconds, size, usd

_LEAST_TELLING_PROGRESS = 0.1  # less says little about how fast a provider is
_MOST_PLAIN_SECONDS = 99

_DOING: Mapping[Phase, str] = {
    Phase.QUEUED: "waiting for its turn",
    Phase.SUBMITTING: "ordering",
    Phase.WAITING: "in the provider's queue",
    Phase.SAVING: "saving the video",
    Phase.UNKNOWN: "uncertain",
}


def is_preview(job: GenerationJob) -> bool:
    """Whether the job is rendered on this machine instead of by a model."""
    return job.provider == "local"


def doing(job: GenerationJob) -> str:
    """What happens to the job right now."""
    match job.phase:
        case Phase.WAITING if job.timing.running_since is not None:
            return "making the video"
        case Phase.SUBMITTING if is_preview(job):
            return "rendering the preview"
        case Phase.DONE:
            return "cancelled" if job.error_code == "cancelled" else job.status.value
        case Phase.UNKNOWN if not job.ever_claimed:  # a video from before this library
            return f"{job.status.value}, not ours"
        case phase:
            return _DOING[phase]


def trouble(job: GenerationJob) -> str:
    """Why the last step did not work out; empty while all is well."""
    return "" if job.final else printable(trouble_of(job))


def remedy(job: GenerationJob) -> str:
    """What somebody can do about that; empty where nothing has to be done."""
    return printable(next_step_of(job).replace('provider="local"', "--provider local")) if trouble(job) else ""


def whole_trouble(job: GenerationJob) -> str:
    """Both."""
    return " ".join(filter(None, (trouble(job), remedy(job))))


def failure(job: GenerationJob) -> str:
    """Why the job failed and what to do, for whoever runs it; the row's `error_message` is for its user."""
    return printable(str(job.failure())) if job.status is JobStatus.FAILED else ""


def progress(job: GenerationJob) -> str:
    """How far the provider says that it is; empty where it does not say."""
    return "" if job.progress is None or job.final else f"{job.progress * 100:.0f} %"


def target(job: GenerationJob) -> str:
    """`provider/model`, as far as they are known."""
    return printable("/".join(filter(None, (job.provider, job.model))), 60)


def price(job: GenerationJob) -> str:
    """What the job cost, or probably will."""
    known = job.estimated_cost_usd if job.cost_usd is None else job.cost_usd
    if known is None:
        return "price unknown"
    about = "about " if job.cost_usd is None else ""
    return f"{about}{usd(known)}" if known else "free"


def elapsed_seconds(job: GenerationJob, now: datetime) -> float:
    """Time since the present order was made; for a job that has ended, until then."""
    until = job.updated_at if job.final else now
    since = seconds_since(job.timing.ordered_at, until)
    return max((until - job.created_at).total_seconds(), 0.0) if since is None else since


def finish(job: GenerationJob, now: datetime, *, typical_seconds: float | None) -> datetime | None:
    """When the provider will probably be done; None while nobody can tell.

    Args:
        job: The job.
        now: The present moment.
        typical_seconds: How long such jobs took before, from order to video; None where there were none.
    """
    ordered = seconds_since(job.timing.submit_answered_at, now)
    running = seconds_since(job.timing.running_since, now)
    if job.phase is not Phase.WAITING or ordered is None:
        return None
    if running is not None and job.progress is not None and job.progress >= _LEAST_TELLING_PROGRESS:
        return now + timedelta(seconds=running * (1 - job.progress) / job.progress)
    return None if typical_seconds is None else now + timedelta(seconds=typical_seconds - ordered)


def lasting(length_seconds: float) -> str:
    """A span of time as people say it.

    Example:
        >>> lasting(35.4), lasting(125), lasting(3 * 3600 + 120), lasting(200_000)
        ('35 s', '2 min 05 s', '3 h 02 min', '55 h 33 min')
    """
    whole = int(length_seconds)
    minutes, hours = whole // 60, whole // 3600
    if whole <= _MOST_PLAIN_SECONDS:
        return f"{whole} s"
    if hours < 1:
        return f"{minutes} min {whole % 60:02} s"
    return f"{hours} h {minutes % 60:02} min"


def age(length_seconds: float) -> str:
    """A span of time in as few words as a list has room for.

    Example:
        >>> age(35.4), age(125), age(3 * 3600 + 120), age(200_000)
        ('35 s', '2 min', '3 h', '2 days')
    """
    whole = max(int(length_seconds), 0)
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if whole >= 2 * length or (whole >= length and unit != "days"):
            return f"{whole // length} {unit}"
    return f"{whole} s"


def remaining(length_seconds: float | None) -> str:
    """How much longer, in words; empty where nobody can tell.

    Example:
        >>> remaining(50), remaining(-3), remaining(None)
        ('50 s left', 'any moment', '')
    """
    if length_seconds is None:
        return ""
    return f"{lasting(length_seconds)} left" if length_seconds >= 1 else "any moment"


def summary(result: VideoResult) -> str:
    """What the video is, in one line."""
    probe, job = result.probe, result.job
    facts = (
        f"{probe.width}x{probe.height}",
        seconds(round(probe.duration_seconds, 2)),
        "sound" if probe.has_audio else "silent",
        "C2PA record" if probe.provenance else "",
        size(result.size_bytes),
        price(job),
        target(job),
    )
    return " · ".join(filter(None, facts))


def local_file(url: str) -> Path | None:
    """The file that a `file:` address names; None for other addresses.

    Example:
        >>> local_file("https://cdn.example/clip.mp4") is None
        True
    """
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def unsent(job: GenerationJob) -> str:
    """Why an order is not on its way yet, and who sends it."""
    told = whole_trouble(job)
    why = f"{job.provider} did not take it yet: {told}" if told else "it was not sent yet."
    return f"The order is written down; {why} A worker or `nexiom jobs watch {job.id}` sends it."


def stopped(job: GenerationJob) -> str:
    """What cancelling did."""
    if job.status is JobStatus.COMPLETED:
        return "The job had been completed already; there is nothing to cancel."
    if not job.final:
        return "The provider was asked to stop; the job ends when it says that it did."
    return job.failure().message
