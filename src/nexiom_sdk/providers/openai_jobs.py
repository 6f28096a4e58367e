"""What servers that speak the format `/v1/videos` answer: jobs, results and refusals, read leniently.

Sources as in `openai_videos`, and the code of the LiteLLM proxy 1.109.1. Where the servers differ:

- vLLM-Omni answers a look at a failed job with an HTTP error whose body is the job.
- The code of a failure is a word, a number, or missing: see `openai_complaints`.
- Dynamo answers an order when it is done, with the address of the file or with the file itself.
- Where a server keeps its files elsewhere, the job has their addresses; else the file is at `/content` below the job.
- Most fields may be null or missing (LiteLLM), and ids may be longer than 200 characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Base64Bytes, Field, JsonValue

from nexiom_sdk.errors import GenerationFailed, MalformedResponse
from nexiom_sdk.providers.openai_complaints import STATUSES, Complaint, Lenient
from nexiom_sdk.providers.wire import Maybe, Reply, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from nexiom_sdk.wording import printable

State: TypeAlias = Literal["queued", "running", "done", "failed", "stopped"]

STATES: Mapping[str, State] = {
    "queued": "queued",
    "in_progress": "running",
    "generating": "running",
    "postprocessing": "running",
    "processing": "running",
    "running": "running",
    "completed": "done",
    "succeeded": "done",
    "failed": "failed",
    "error": "failed",
    "cancelled": "stopped",
    "canceled": "stopped",
    "deleted": "stopped",
}
"""What each documented status means."""


_MILLISECONDS = re.compile(r"[0-9]{1,9}")


class _Output(Lenient):
    url: Maybe[str] = None
    b64_json: Maybe[Base64Bytes] = None


class _Usage(Lenient):
    duration_seconds: Maybe[str] = None


class Job(Lenient):
    """A job, as far as it says something of itself.

    Args:
        id: Its id; empty where there is none.
        status: Where it stands, in the server's word; empty where there is none.
        object: `video`.
        progress: 0 to 100.
        error: Why it failed.
        url: Address of the result.
        urls: Addresses of the results.
        video_url: Address of the result.
        data: The results.
        expires_at: When the result is deleted.
        media_type: Type of the result.
        model: Name of the model that made it.
        seconds: Its length.
        size: Its width and height.
        usage: What LiteLLM counts.
        inference_seconds: How long vLLM-Omni took to make it.
    """

    id: str = ""
    status: str = ""
    object: Maybe[str] = None
    progress: Maybe[float] = None
    error: Maybe[Complaint] = None
    url: Maybe[str] = None
    urls: Maybe[tuple[Maybe[str], ...]] = None
    video_url: Maybe[str] = None
    data: Maybe[tuple[_Output, ...]] = None
    expires_at: Maybe[AwareDatetime] = None
    media_type: Maybe[str] = None
    model: Maybe[str] = None
    seconds: Maybe[str] = None
    size: Maybe[str] = None
    usage: Maybe[_Usage] = None
    inference_seconds: Maybe[str] = Field(default=None, validation_alias="inference_time_s")

    @property
    def state(self) -> State | None:
        """What the status means; None for a word that is not known here."""
        return STATES.get(self.status.lower())


def taken(reply: Reply) -> Operation | Succeeded:
    """What the reply to an order says: the job, or the result where the server answers when it is done.

    Raises:
        MalformedResponse: It holds neither.
        GenerationFailed: The result is where only the server can reach it.
    """
    job = reply.read(Job)
    named = _named(job) if job.state == "done" else ()
    if named:
        done = _succeeded(job, named)
        if done.assets:
            return done
        msg = f"{reply.provider} made the video and keeps it where only the server itself can reach it."
        hint = "Let the server give out https addresses, or ask for the file itself (response_format: b64_json)."
        raise GenerationFailed(msg, provider=reply.provider, next_step=hint)
    if not job.id:
        msg = f"{reply.provider} answered {reply.status} without the id of an order."
        raise MalformedResponse(msg, provider=reply.provider, status=reply.status)
    return Operation(id=job.id)


def outcome(reply: Reply, job_url: str) -> Poll | None:
    """What the reply to a look says; None where it is a refusal, not a job.

    Args:
        reply: The reply, of any status.
        job_url: Address of the job.

    Raises:
        MalformedResponse: It cannot be read.
    """
    job = reply.read(Job) if reply.ok else reply.read_or_none(Job)
    if job is None or not (reply.ok or (job.object == "video" and job.state == "failed")):
        return None
    if not job.status:
        msg = f"{reply.provider} answered {reply.status} without the status of the order."
        raise MalformedResponse(msg, provider=reply.provider, status=reply.status)
    match job.state:
        case "done":
            named = _named(job)
            done = _succeeded(job, named)
            return done if done.assets else _at_content(job, job_url)
        case "failed":
            return _failed(job)
        case "stopped":
            return Cancelled(reason=(job.error and job.error.message) or "")
        case state:
            if state is None:
                warn_of_status(reply.provider, job.status)
            progress = None if job.progress is None else job.progress / 100
            return Running(queued=state == "queued", progress=progress, poll_after_seconds=_hint_seconds(reply))


def _failed(job: Job) -> Failed:
    said = job.error or Complaint()
    by_number = {str(status): kind for status, kind in STATUSES.items()}
    kind = said.meaning or by_number.get(said.code or "", GenerationFailed)
    return Failed(code=kind.code, message=said.message or "The server gave no reason.")


def _named(job: Job) -> tuple[str | bytes, ...]:
    """Where the job says that its results are, or the results themselves: the first way that it uses."""
    outputs = job.data or ()
    ways: tuple[tuple[str | bytes | None, ...], ...] = (
        job.urls or (),
        (job.url,),
        tuple(output.url for output in outputs),
        tuple(output.b64_json for output in outputs),
        (job.video_url,),
    )
    return next((found for way in ways if (found := tuple(one for one in way if one))), ())


def _succeeded(job: Job, named: tuple[str | bytes, ...]) -> Succeeded:
    files = (Asset(data=one) for one in named if isinstance(one, bytes))
    urls = (one for one in named if isinstance(one, str) and one.startswith(("https://", "http://")))
    return Succeeded(
        assets=(*files, *(Asset(url=url, expires_at=job.expires_at) for url in urls)), detail=_figures(job)
    )


def _at_content(job: Job, job_url: str) -> Succeeded:
    asset = Asset(
        url=f"{job_url}/content",
        media_type=job.media_type or "video/mp4",
        needs_auth=True,
        expires_at=job.expires_at,
    )
    return Succeeded(assets=(asset,), detail=_figures(job))


def _figures(job: Job) -> dict[str, JsonValue]:
    """What was made and used, in the server's own words; none of these servers tells a price."""
    said = {"model": job.model, "seconds": job.seconds, "size": job.size}
    said |= {
        "duration_seconds": job.usage.duration_seconds if job.usage else None,
        "inference_time_s": job.inference_seconds,
    }
    return {name: printable(value, 200) for name, value in said.items() if value}


def _hint_seconds(reply: Reply) -> float | None:
    text = reply.headers.get("openai-poll-after-ms", "")
    return int(text) / 1000 if _MILLISECONDS.fullmatch(text) else None
