"""Hunyuan's videos at Tencent Cloud's service `vclm`, for accounts that have a SecretId and a SecretKey.

Sources: the official package `tencentcloud-sdk-python-vclm` 3.1.127 and Tencent's pages 1616/126160 and 1616/126162; as
of 2026-11-22. No live account was used. What is peculiar:

- Requests are signed with TC3; every call is a POST to `/`, and a header names the action.
- Refusals come with HTTP 200: the body is looked at first.
- One job at a time is usual: the next one is refused until it has ended.
- Tencent documents four errors as its own trouble, to be asked again. As the answer to an order they do not say that no
  job was made, so there they leave it uncertain.
- Nothing can be cancelled, nobody calls back, and there is neither an idempotency key nor a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from pydantic import ConfigDict, JsonValue, SecretStr
from pydantic.alias_generators import to_pascal

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    GenerationFailed,
    InvalidInput,
    MalformedResponse,
    ModelRetired,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth_tc3 import Tc3
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.hunyuan_cards import VCLM
from nexiom_sdk.providers.hunyuan_config import VARIABLES, region
from nexiom_sdk.providers.hunyuan_orders import Text, vclm_body
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Body, Call, Maybe, Reply, warn_of_status
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Submission, Succeeded

_SERVICE, _VERSION = "vclm", "2024-05-23"
_SUBMIT, _DESCRIBE = "SubmitHunyuanToVideoJob", "DescribeHunyuanToVideoJob"
_SERVER_ERROR = 500
_NO_JOB = "1000000000000000000"
_RESULT_LIVES = timedelta(hours=24)
_CLOCK_IS_WRONG = "AuthFailure.SignatureExpire"
_NOT_KNOWN = ("FailedOperation.JobNotFound", "FailedOperation.JobNotExist")
_BY_ANYBODY: Mapping[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    429: RateLimited,
}
# By what a code begins with.
_FAMILIES: Mapping[str, type[ProviderError]] = {
    "AuthFailure": AuthenticationFailed,
    "UnauthorizedOperation": AuthenticationFailed,
    "InvalidParameter": InvalidInput,  # InvalidParameterValue, too
    "MissingParameter": InvalidInput,
    "FailedOperation.Image": InvalidInput,
    "FailedOperation.Moderation": ContentRejected,
    "RequestLimitExceeded": RateLimited,
    "ResourceInsufficient": ProviderUnavailable,
    "ResourcesSoldOut.ChargeStatusException": QuotaExhausted,  # arrears
    "ResourceUnavailable": ModelRetired,  # the service is not activated
}


class _Pascal(Body):
    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_pascal)


class _Error(_Pascal):
    code: Text
    message: Maybe[str] = None


class _Said(_Pascal):
    error: Maybe[_Error] = None
    request_id: Maybe[str] = None
    job_id: Maybe[Text] = None
    status: Maybe[str] = None
    error_code: Maybe[Text] = None
    error_message: Maybe[str] = None
    result_video_url: Maybe[str] = None


class _Envelope(_Pascal):
    response: _Said


class VclmHunyuan(HttpProvider):
    """Videos from Hunyuan at Tencent Cloud.

    Args:
        config: `secret_id` and `secret_key`, with temporary credentials `security_token` too; perhaps `region` and
            `vclm_base_url`.
        http: Bounds for network calls, and the clock that requests are signed with.

    Raises:
        MissingCredentials: A half of the pair is missing.
        ConfigurationError: A value cannot be used.

    Example:
        >>> pair = {"secret_id": "not-a-real-id", "secret_key": "not-a-real-key"}
        >>> [card.model for card in VclmHunyuan(pair).models]
        ['hunyuan-vclm']
    """

    name = "hunyuan"
    title = "Tencent Cloud"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    default_base_url = "https://vclm.tencentcloudapi.com"
    keys_at = "https://console.cloud.tencent.com/cam/capi"
    models: Sequence[ModelCard] = (VCLM,)

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self._region = region(self.config)

    def endpoints(self) -> Sequence[Endpoint]:
        """The only one; its requests are signed over their bodies."""
        secret_id, secret_key = self.config.secret("secret_id"), self.config.secret("secret_key")
        if secret_id is None or secret_key is None:
            self.config.missing("secret_key" if secret_id else "secret_id", f"a pair that is made at {self.keys_at}")
        pair = Tc3(
            secret_id=secret_id,
            secret_key=secret_key,
            token=self.config.secret("security_token"),
            service=_SERVICE,
            clock=self.options.clock,
        )
        return (replace(self.config.endpoint("vclm_base_url", self.default_base_url, key=None), auth=pair),)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order."""
        return self._call(_SUBMIT, vclm_body(submission.spec, VCLM))

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:  # noqa: ARG002
        """The job that was made; where there is none, the body may say why."""
        said = reply.read(_Envelope).response
        if said.job_id is None:
            raise self.read_error(reply) or MalformedResponse("it names no job", provider=self.name)
        return Operation(id=said.job_id)

    def poll_call(self, operation: Operation, /) -> Call:
        """The job as it is now; no HTTP status tells that there is none, so the reader wants to see each reply."""
        return replace(self._call(_DESCRIBE, {"JobId": operation.id}), any_status=True)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the job says. Only a body of Tencent's can say that there is none."""
        said = _said(reply)
        if said.error is not None and said.error.code in _NOT_KNOWN:
            return self.lost(operation, reply)
        if said.error is not None or said.status is None:
            raise self.read_error(reply) or self._refused(ProviderUnavailable, reply, said)
        match said.status:
            case "DONE":
                url, until = said.result_video_url, reply.received_at + _RESULT_LIVES
                return Succeeded(assets=(Asset(url=url, expires_at=until),) if url else ())
            case "FAIL":
                kind = _kind_of(said.error_code or "") or GenerationFailed
                reason = ": ".join(filter(None, (said.error_code, said.error_message)))
                return Failed(code=kind.code, message=reason or "Tencent Cloud gave no reason.")
            case status:
                if status not in {"WAIT", "RUN"}:
                    warn_of_status(self.title, status)
                return Running(queued=status == "WAIT")

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal by the family of its code, usually in a reply of success."""
        said = _said(reply)
        known = _kind_of(said.error.code) if said.error and reply.status < _SERVER_ERROR else None
        kind = known or _BY_ANYBODY.get(reply.status)
        return None if kind is None else self._refused(kind, reply, said)

    async def check(self) -> None:
        """Ask for a job that does not exist: whoever is told so may ask."""
        reply = await self.send(self.poll_call(Operation(id=_NO_JOB)))
        said = _said(reply)
        if said.status is None and (said.error is None or said.error.code not in _NOT_KNOWN):
            raise self.read_error(reply) or self._refused(ProviderUnavailable, reply, said)

    def _call(self, action: str, body: dict[str, JsonValue]) -> Call:
        headers = {"X-TC-Action": action, "X-TC-Version": _VERSION, "X-TC-Region": self._region}
        return Call("POST", "/", headers=headers, json=body)

    def _refused(self, kind: type[ProviderError], reply: Reply, said: _Said) -> ProviderError:
        code, words = (said.error.code, said.error.message) if said.error else (None, None)
        error = self.error(kind, reply, ": ".join(filter(None, (code, words))), code=code)
        error.request_id = error.request_id or (said.request_id and self.config.clean(said.request_id))
        if code == _CLOCK_IS_WRONG:
            error.next_step = "Set the clock of this machine right: a signature holds for a few minutes only."
        return error


def _said(reply: Reply) -> _Said:
    """What Tencent's body says; nothing where it is somebody else's."""
    envelope = reply.read_or_none(_Envelope)
    return _Said() if envelope is None else envelope.response


def _kind_of(code: str) -> type[ProviderError] | None:
    """What a code means; None where it does not say that no job was made."""
    return next((kind for family, kind in _FAMILIES.items() if code.startswith(family)), None)
