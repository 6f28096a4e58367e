"""Interactions of Gemini Omni, and the files that their results are in at the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AwareDatetime, Base64Bytes, Field, JsonValue

from nexiom_sdk.providers.bills import written
from nexiom_sdk.providers.veo_refusals import moderated
from nexiom_sdk.providers.wire import Body, Maybe, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Poll, Running, Succeeded

_GOING_ON: Mapping[str, bool] = {"queued": True, "in_progress": False}
_FAILED = frozenset({"failed", "incomplete", "budget_exceeded", "requires_action", "requires_continuation"})
_BY_CODE: Mapping[str, str] = {
    "content_blocked": "content_rejected",
    "invalid_request": "invalid_input",
    "out_of_range": "invalid_input",
    "parameter_unknown": "invalid_input",
    "payment_required": "quota_exhausted",
    "quota_exceeded": "quota_exhausted",
    "rate_limit_exceeded": "rate_limited",
}


class _Trouble(Body):
    code: Maybe[str] = None
    message: Maybe[str] = None


class Block(Body):
    """A piece of what the model made."""

    type: Maybe[str] = None
    text: Maybe[str] = None
    data: Maybe[Base64Bytes] = None
    uri: Maybe[str] = None
    mime_type: Maybe[str] = None


class _Step(Body):
    type: Maybe[str] = None
    content: Maybe[tuple[Maybe[Block], ...]] = None


class _Tokens(Body):
    modality: Maybe[str] = None
    tokens: object = None


class _Usage(Body):
    total_input_tokens: object = None
    total_output_tokens: object = None
    total_tokens: object = None
    by_kind: Maybe[tuple[Maybe[_Tokens], ...]] = Field(default=None, validation_alias="output_tokens_by_modality")


class Interaction(Body):
    """An interaction."""

    id: str = Field(min_length=1)
    status: str = ""
    steps: Maybe[tuple[Maybe[_Step], ...]] = None
    errors: Maybe[tuple[Maybe[_Trouble], ...]] = None
    usage: Maybe[_Usage] = None

    @property
    def made(self) -> list[Block]:
        """What the model made."""
        outputs = (step.content or () for step in self.steps or () if step is not None and step.type == "model_output")
        return [block for output in outputs for block in output if block is not None]

    @property
    def video(self) -> Block | None:
        """The video that it made, the last one."""
        videos = [block for block in self.made if block.type == "video" and (block.data or block.uri)]
        return videos[-1] if videos else None

    @property
    def detail(self) -> dict[str, JsonValue]:
        """What it used, in Google's units. What a token that goes in costs is not known, so it is no cost in USD."""
        used = self.usage or _Usage()
        video = next((one.tokens for one in used.by_kind or () if one and one.modality == "video"), None)
        return written(**used.model_dump(exclude={"by_kind"}), output_video_tokens=video)


class File(Body):
    """A file of the Gemini API."""

    name: str = Field(pattern=r"^files/[^/]+$")
    state: str = ""
    media_type: Maybe[str] = Field(default=None, alias="mimeType")
    expires_at: Maybe[AwareDatetime] = Field(default=None, alias="expirationTime")


def outcome_of(seen: Interaction) -> Poll:
    """What an interaction says; one that is completed has no video here."""
    if seen.status == "completed":
        said = " ".join(block.text for block in seen.made if block.text)
        return Failed(code="generation_failed", message=f"Google made no video. {said}".strip(), detail=seen.detail)
    if seen.status == "cancelled":
        return Cancelled(detail=seen.detail)
    if seen.status in _FAILED:
        return _failed(seen)
    if seen.status not in _GOING_ON:
        warn_of_status("Google", seen.status)
    return Running(queued=_GOING_ON.get(seen.status, False))


def collected(file: File, url: str, *, used: Mapping[str, JsonValue]) -> Poll:
    """What the file of a finished interaction says.

    Args:
        file: The file.
        url: Where it is fetched.
        used: What the interaction used.
    """
    if file.state == "FAILED":
        return Failed(code="generation_failed", message="Google made the video and could not file it.")
    if file.state == "ACTIVE":
        kind = file.media_type or "video/mp4"
        asset = Asset(url=url, media_type=kind, needs_auth=True, expires_at=file.expires_at)
        return Succeeded(assets=(asset,), detail=used)
    if file.state != "PROCESSING":
        warn_of_status("Google", f"of a file: {file.state}")
    return Running()


def _failed(seen: Interaction) -> Failed:
    troubles = [trouble for trouble in seen.errors or () if trouble is not None]
    words = [(trouble.code or "").rpartition("/")[2] for trouble in troubles]
    said = " ".join(trouble.message for trouble in troubles if trouble.message)
    usual = "content_rejected" if moderated(said) else "generation_failed"
    code = next((_BY_CODE[word] for word in words if word in _BY_CODE), usual)
    return Failed(code=code, message=said or f"Google ended the order as {seen.status}.", detail=seen.detail)
