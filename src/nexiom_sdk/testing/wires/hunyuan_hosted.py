"""Tencent's two servers of Hunyuan for tests: TokenHub, and the service `vclm`, which verifies every signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_REQUEST_ID = "7f0c2a1e-4b7d-4a53-9f0e-2c6f3b9d1a55"
_WAND = "/v1/wand/hunyuan-video"
_FIRST_TASK, _FIRST_JOB = 1462318859043946496, 1387262242604040192  # both larger than what a double holds
_RESULTS = "/result/"
_ACCOUNT = "AKID-not-a-real-one"
_COMPLAINTS: Mapping[Refusal, tuple[int, str, str, str]] = {
    "moderated": (451, "content_filter_error", "451001", "content was filtered by safety policy"),
    "no_credit": (402, "permission_error", "401007", "endpoint is inactive: FREE_QUOTA_EXHAUSTED"),
    "bad_key": (401, "authentication_error", "401002", "invalid api key"),
    "busy": (429, "rate_limit_error", "429001", "rate limit exceeded on dimension: rpm"),
}
_FAILURES: Mapping[Ending, tuple[str, str]] = {
    "failed": ("FailedOperation.InnerError", "service internal error, please retry"),
    "moderated": ("FailedOperation.ModerationFailed", "content moderation did not pass"),
}
_CODES: Mapping[Refusal, str] = {
    "moderated": "FailedOperation.ModerationFailed",
    "no_credit": "ResourcesSoldOut.ChargeStatusException",
    "bad_key": "AuthFailure.SignatureFailure",
    "busy": "RequestLimitExceeded.JobNumExceed",
}
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<scope>(?P<day>[-0-9]{10})/vclm/tc3_request), "
    r"SignedHeaders=content-type;host, Signature=(?P<signature>[0-9a-f]{64})"
)


class TokenHubWire(ProviderWire):
    """Hunyuan at TokenHub."""

    name = "hunyuan"

    def __call__(self, received: Received) -> Answer | Fault:
        keyless = not re.fullmatch(r"Bearer \S+", received.headers.get("authorization", ""))
        if received.path.startswith(_WAND) and keyless:
            return self.refused(received, "bad_key")
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"tokenhub_api_key": "tokenhub-not-a-real-key", "base_url": f"{origin}/v1"}

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.removeprefix(_WAND).split("/"):
            case "POST", ["", "generation"]:
                return "submit"
            case "GET", ["", "tasks", order_id] if len(order_id) == len(str(_FIRST_TASK)):
                return "poll"
            case "GET", ["", "result", _]:
                return "content"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        return _flat(task_id=str(_FIRST_TASK + number), created=1795348800)

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, kind, code, message = _COMPLAINTS[refusal]
        return _complaint(status, kind, code, message)

    def waiting(self, order_id: str) -> Answer:
        return _flat(task_id=order_id, status="queued")

    def running(self, order_id: str, progress: float) -> Answer:
        return _flat(task_id=order_id, status="running")

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending in _FAILURES:
            code, message = _FAILURES[ending]
            return _flat(task_id=order_id, status="failed", error={"code": code, "message": message})
        url = f"{self.origin}{_RESULTS}{order_id}.mp4?q-sign-algorithm=sha1&q-signature=00"
        usage = {"duration": 5, "video_count": 1}
        return _flat(task_id=order_id, status="succeeded", videos=[{"url": url}], usage=usage)

    def other(self, received: Received) -> Answer:
        return _complaint(400, "invalid_request_error", "400004", "invalid parameter 'task_id'")

    def id_in(self, answer: Answer) -> str:
        return str(json.loads(answer.body)["task_id"])


class VclmWire(ProviderWire):
    """Hunyuan at the service `vclm`: one address for every action, and errors with HTTP 200.

    Attributes:
        secret_key: What requests have to be signed with.
    """

    name = "hunyuan"

    secret_key: str = "vclm-not-a-real-secret-key"  # noqa: S105 - invented

    def __call__(self, received: Received) -> Answer | Fault:
        if received.method == "POST" and not self._signed(received):
            return self.refused(received, "bad_key")
        known = {str(_FIRST_JOB + number) for number in range(1, len(self.orders) + 1)}
        if self.verb(received) == "poll" and self.order_id(received) not in known:
            return self.other(received)
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"secret_id": _ACCOUNT, "secret_key": self.secret_key, "vclm_base_url": origin}

    def verb(self, received: Received) -> Verb:
        if received.method == "GET" and received.path.startswith(_RESULTS):
            return "content"
        match received.headers.get("x-tc-action"), received.headers.get("x-tc-version"):
            case "SubmitHunyuanToVideoJob", "2024-05-23":
                return "submit"
            case "DescribeHunyuanToVideoJob", "2024-05-23":
                return "poll"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return str(json.loads(received.body)["JobId"])

    def accepted(self, received: Received, number: int) -> Answer:
        return _response(JobId=str(_FIRST_JOB + number))

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        return _response(Error={"Code": _CODES[refusal], "Message": "refused"})

    def waiting(self, order_id: str) -> Answer:
        return _job("WAIT")

    def running(self, order_id: str, progress: float) -> Answer:
        return _job("RUN")

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending in _FAILURES:
            code, message = _FAILURES[ending]
            return _job("FAIL", code=code, message=message)
        return _job("DONE", url=f"{self.origin}{_RESULTS}{order_id}.mp4")

    def other(self, received: Received) -> Answer:
        return _response(Error={"Code": "FailedOperation.JobNotFound", "Message": "there is no such job"})

    def id_in(self, answer: Answer) -> str:
        return str(json.loads(answer.body)["Response"]["JobId"])

    def _signed(self, received: Received) -> bool:
        """Whether the request is signed as Tencent documents it, over the very bytes that came."""
        headers = received.headers
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None or found["id"] != _ACCOUNT:
            return False
        body = hashlib.sha256(received.body).hexdigest()
        canonical = (
            f"{received.method}\n{received.path}\n\ncontent-type:{headers.get('content-type')}\n"
            f"host:{headers.get('host')}\n\ncontent-type;host\n{body}"
        )
        stated = f"{headers.get('x-tc-timestamp')}\n{found['scope']}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"TC3" + self.secret_key.encode()
        for part in (found["day"], "vclm", "tc3_request", f"TC3-HMAC-SHA256\n{stated}"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(key.hex(), found["signature"])


def _flat(**fields: object) -> Answer:
    return Answer.json({**fields, "request_id": _REQUEST_ID})


def _complaint(status: int, kind: str, code: str, message: str) -> Answer:
    said = {"type": kind, "code": code, "message": message, "source": "gateway", "request_id": _REQUEST_ID}
    return Answer.json({"error": said}, status)


def _job(status: str, *, code: str = "", message: str = "", url: str = "") -> Answer:
    return _response(Status=status, ErrorCode=code, ErrorMessage=message, ResultVideoUrl=url)


def _response(**fields: object) -> Answer:
    return Answer.json({"Response": {**fields, "RequestId": _REQUEST_ID}})
