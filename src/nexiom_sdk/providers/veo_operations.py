"""Operations of Veo at Vertex AI: `done` says that it ended, and what is beside it says how; there is no progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import AliasChoices, Base64Bytes, Field

from nexiom_sdk.providers.veo_refusals import moderated
from nexiom_sdk.providers.wire import Body, Maybe, Reply
from nexiom_sdk.types import Asset, Cancelled, Failed, Poll, Running, Succeeded

_CANCELLED, _INVALID_ARGUMENT = 1, 3
_BY_CODE: Mapping[int, str] = {_INVALID_ARGUMENT: "invalid_input", 8: "quota_exhausted"}  # of google.rpc.Code


class _Trouble(Body):
    code: Maybe[int] = None
    message: Maybe[str] = None


class _File(Body):
    address: Maybe[str] = Field(default=None, validation_alias=AliasChoices("gcsUri", "uri"))
    data: Maybe[Base64Bytes] = Field(default=None, validation_alias=AliasChoices("bytesBase64Encoded", "encodedVideo"))
    media_type: Maybe[str] = Field(default=None, alias="mimeType")


class _Sample(Body):
    video: Maybe[_File] = None


class _Response(Body):
    videos: Maybe[tuple[Maybe[_File], ...]] = None
    samples: Maybe[tuple[Maybe[_Sample], ...]] = Field(default=None, alias="generatedSamples")  # what it was called
    filtered: Maybe[int] = Field(default=None, alias="raiMediaFilteredCount")
    reasons: Maybe[tuple[Maybe[str], ...]] = Field(default=None, alias="raiMediaFilteredReasons")


class _Operation(Body):
    done: Maybe[bool] = None
    error: Maybe[_Trouble] = None
    response: Maybe[_Response] = None


def outcome_of(reply: Reply, asset: Callable[[str, str | None], Asset]) -> Poll:
    """What an operation says.

    Args:
        reply: The reply to a look.
        asset: Makes the result at an address, of a type.

    Raises:
        MalformedResponse: It is no operation.
    """
    seen = reply.read(_Operation)
    if not seen.done:
        return Running()
    if seen.error is not None:
        return _failed(seen.error)
    return _ended(seen.response or _Response(), asset)


def _failed(trouble: _Trouble) -> Failed | Cancelled:
    said = trouble.message or "Google gave no reason."
    if trouble.code == _CANCELLED:
        return Cancelled(reason=said)
    if trouble.code == _INVALID_ARGUMENT and moderated(said):
        return Failed(code="content_rejected", message=said)
    return Failed(code=_BY_CODE.get(trouble.code or 0, "generation_failed"), message=said)


def _ended(response: _Response, asset: Callable[[str, str | None], Asset]) -> Succeeded | Failed:
    files = [*(response.videos or ()), *(sample.video for sample in response.samples or () if sample is not None)]
    assets = tuple(
        asset(file.address, file.media_type)
        if file.address
        else Asset(data=file.data, media_type=file.media_type or "video/mp4")
        for file in files
        if file is not None and (file.address or file.data)
    )
    reasons = [reason for reason in response.reasons or () if reason]
    count = response.filtered or len(reasons)
    if not count:
        return Succeeded(assets=assets)
    said = " ".join([f"Google filtered {count} of {count + len(assets)} videos.", *reasons])
    return Succeeded(assets=assets, warnings=(said,)) if assets else Failed(code="content_rejected", message=said)
