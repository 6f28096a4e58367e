"""A generation as either of Luma's APIs shows it, and what that means; there is no progress at either."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from nexiom_sdk.providers.wire import Body, Maybe, Reply, warn_of_status
from nexiom_sdk.types import Asset, Failed, Poll, Running, Succeeded
from nexiom_sdk.wording import printable

_LINK_LIFETIME = timedelta(hours=1)
_QUEUED: Mapping[str, bool] = {"queued": True, "processing": False, "dreaming": False}
_BY_CODE: Mapping[str, str] = {
    "content_moderated": "content_rejected",
    "generation_failed": "generation_failed",
    "output_not_found": "generation_failed",
    "budget_exhausted": "quota_exhausted",
    "rate_limited": "rate_limited",
    "image_too_large": "invalid_input",
    "unsupported_format": "invalid_input",
    "corrupt_input": "invalid_input",
    "invalid_request": "invalid_input",
}
# The older API has no codes; its sentences are recognised by a part of them.
_BY_WORDS: Mapping[str, str] = {
    "blacklisted words": "content_rejected",
    "moderation": "content_rejected",
    "prompt not allowed": "content_rejected",
    "contains ip": "content_rejected",
    "failed to read user input": "invalid_input",
    "insufficient credits": "quota_exhausted",
}


class _Output(Body):  # one file of the Agents API
    type: Maybe[str] = None
    url: Maybe[str] = None


class _Assets(Body):  # the files of the older API
    video: Maybe[str] = None


class Generation(Body):
    """A generation of either API."""

    id: str = Field(min_length=1)
    state: str = ""
    failure_code: Maybe[str] = None
    failure_reason: Maybe[str] = None
    output: Maybe[tuple[Maybe[_Output], ...]] = None
    assets: Maybe[_Assets] = None


def outcome_of(reply: Reply) -> Poll:
    """What a generation says.

    Raises:
        MalformedResponse: It is no generation.
    """
    made = reply.read(Generation)
    match made.state:
        case "completed":
            return _succeeded(made, reply)
        case "failed":
            return _failed(made)
        case _:
            if made.state not in _QUEUED:
                warn_of_status("Luma", made.state)
            return Running(queued=_QUEUED.get(made.state, False))


def _succeeded(made: Generation, reply: Reply) -> Succeeded:
    files = [file for file in made.output or () if file is not None]
    videos = tuple(
        Asset(url=file.url, expires_at=reply.received_at + _LINK_LIFETIME)
        for file in files
        if file.type in {"video", None} and file.url
    )
    others = [printable(file.type, 20) for file in files if file.type not in {"video", None} and file.type]
    older = (Asset(url=made.assets.video),) if made.assets and made.assets.video else ()
    return Succeeded(
        assets=videos or older,
        warnings=(f"Luma also made {', '.join(others)}, which is not fetched",) if others else (),
    )


def _failed(made: Generation) -> Failed:
    said = made.failure_reason or "Luma gave no reason."
    words = (code for part, code in _BY_WORDS.items() if part in said.lower())
    return Failed(code=_BY_CODE.get(made.failure_code or "") or next(words, "generation_failed"), message=said)
