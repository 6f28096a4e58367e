"""Hunyuan's videos at Tencent TokenHub, by its path `wand`.

Sources: Tencent's pages 1823/137202 (Hunyuan video, read in part), 1823/135738 (overview) and 1823/131595 (errors);
where they are silent, three public adapters that agree. As of 2026-11-22; no live account was used. What is peculiar:

- Ids are whole numbers larger than a double holds; they stay texts, to the digit.
- An error has an HTTP status, a type and a code, and may also come inside a reply of success. Both 402 and 403 are of
  one type, so the status or the code decides.
- Nothing can be cancelled, nobody calls back, and there is neither an idempotency key nor a list: an order whose answer
  was lost stays uncertain.
- The older form at TokenHub, `/v1/api/video/submit`, is superseded and not spoken here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    MalformedResponse,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.bills import Exact, written
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.hunyuan_cards import TOKENHUB, UNLISTED
from nexiom_sdk.providers.hunyuan_config import VARIABLES, prompt_max_chars
from nexiom_sdk.providers.hunyuan_open_cards import OPEN
from nexiom_sdk.providers.hunyuan_orders import Text, tokenhub_body
from nexiom_sdk.providers.model_names import model_names
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Body, Call, Maybe, Reply, segment, warn_of_status
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Submission, Succeeded

_PATH = "/wand/hunyuan-video"
_NO_ORDER = "0"
_SERVER_ERROR = 500
_BY_STATUS: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    429: RateLimited,
    451: ContentRejected,
}
_BY_TYPE: Mapping[str, type[ProviderError]] = {
    "invalid_request_error": InvalidInput,
    "authentication_error": AuthenticationFailed,
    "permission_error": AuthenticationFailed,
    "rate_limit_error": RateLimited,
    "content_filter_error": ContentRejected,
}
_SPENT = frozenset({"401007", "401008", "403004"})  # a plan, free quota or credit that is used up
_BY_ANYBODY = frozenset({401, 403, 429})  # whoever answers this, a proxy too, took no order
_MODERATED = ("moderation", "content filter", "content_filter")


class _Complaint(Body):
    type: Maybe[str] = None
    code: Maybe[Text] = None
    message: Maybe[str] = None
    request_id: Maybe[str] = None

    @property
    def said(self) -> str:
        return ": ".join(filter(None, (self.code, self.message)))


class _Refusal(Body):
    error: _Complaint


class _Taken(Body):
    task_id: Text


class _Video(Body):
    url: Maybe[str] = None


class _Usage(Exact):
    duration: object = None
    video_count: object = None


class _Task(Exact):
    status: str
    videos: Maybe[tuple[Maybe[_Video], ...]] = None
    error: Maybe[_Complaint] = None
    usage: Maybe[_Usage] = Field(default=None, validation_alias=AliasChoices("usage", "tokenhub_usage"))


class TokenHubHunyuan(HttpProvider):
    """Videos from Hunyuan at TokenHub.

    Args:
        config: `tokenhub_api_key`; perhaps `base_url`, `prompt_max_chars`, and `models`: more models that TokenHub has,
            or other ids for them.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no key.
        ConfigurationError: A value cannot be used.

    Example:
        >>> [card.model for card in TokenHubHunyuan({"tokenhub_api_key": "not-a-real-key"}).models]
        ['hy-video-v1.5']
    """

    name = "hunyuan"
    title = "TokenHub"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    default_base_url = "https://tokenhub.tencentmaas.com/v1"
    keys_at = "the TokenHub console of Tencent Cloud"

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        chars = prompt_max_chars(self.config)
        known, unlisted = (card.evolve(max_prompt_chars=chars) for card in (TOKENHUB, UNLISTED))
        self._names = model_names(self.config, "models", (known,), unlisted=unlisted)
        # The list of names is that of all of Hunyuan; this one is a server's of one's own.
        self.models: Sequence[ModelCard] = tuple(card for card in self._names.cards if card.model != OPEN)

    def endpoints(self) -> Sequence[Endpoint]:
        """The only one, with its key."""
        return (self.config.endpoint("base_url", self.default_base_url, key="tokenhub_api_key"),)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order."""
        spec = submission.spec
        card = next((one for one in self.models if one.model == spec.model), UNLISTED)
        return Call("POST", f"{_PATH}/generation", json=tokenhub_body(spec, card, model=self._names.id_of(spec.model)))

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:  # noqa: ARG002
        """The task that was made; where there is none, an error in the body may say why."""
        taken = reply.read_or_none(_Taken)
        if taken is None:
            raise self.read_error(reply) or MalformedResponse("it names no task", provider=self.name)
        return Operation(id=taken.task_id)

    def poll_call(self, operation: Operation, /) -> Call:
        """The task as it is now."""
        return Call("GET", f"{_PATH}/tasks/{segment(operation.id)}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:  # noqa: ARG002
        """What the task says."""
        task = reply.read_or_none(_Task)
        if task is None:
            raise self.read_error(reply) or self.error(MalformedResponse, reply)
        match task.status:
            case "succeeded":
                return _succeeded(task)
            case "failed":
                return _failed(task.error or _Complaint())
            case status:
                if status not in {"queued", "running"}:
                    warn_of_status(self.title, status)
                return Running(queued=status == "queued")

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal in TokenHub's own words, whatever the status of its reply; an upstream's trouble is none."""
        refusal = reply.read_or_none(_Refusal)
        complaint = refusal.error if refusal else _Complaint()
        kind = _kind_of(reply, complaint) if refusal else None
        if kind is None and reply.status in _BY_ANYBODY:
            kind = _BY_STATUS[reply.status]
        if kind is None:
            return None
        error = self.error(kind, reply, complaint.said, code=complaint.code)
        error.request_id = error.request_id or (complaint.request_id and self.config.clean(complaint.request_id))
        return error

    async def check(self) -> None:
        """Ask for a task that does not exist: only whether the key is taken is known from the answer."""
        reply = await self.send(Call("GET", f"{_PATH}/tasks/{_NO_ORDER}", any_status=True))
        refused, known = self.read_error(reply), reply.read_or_none(_Refusal) or reply.read_or_none(_Task)
        if refused is not None and not isinstance(refused, InvalidInput):
            raise refused
        if known is None or reply.status >= _SERVER_ERROR:
            raise self.error(ProviderUnavailable, reply)


def _kind_of(reply: Reply, complaint: _Complaint) -> type[ProviderError] | None:
    """What a complaint of TokenHub means; None for one that does not say that no order was taken."""
    if reply.status >= _SERVER_ERROR or complaint.type not in {None, *_BY_TYPE}:
        return None
    if complaint.code in _SPENT:
        return QuotaExhausted
    return _BY_STATUS.get(reply.status) or _BY_TYPE.get(complaint.type or "")


def _succeeded(task: _Task) -> Succeeded | Failed:
    if task.videos == ():
        return Failed(code="generation_failed", message="TokenHub reports success, and no video.")
    urls = (video.url for video in task.videos or () if video is not None)
    detail = written(**dict(task.usage or _Usage()))
    return Succeeded(assets=tuple(Asset(url=url) for url in urls if url), detail=detail)


def _failed(complaint: _Complaint) -> Failed:
    said = complaint.said or "TokenHub gave no reason."
    moderated = any(word in said.lower() for word in _MODERATED)
    return Failed(code="content_rejected" if moderated else "generation_failed", message=said)
