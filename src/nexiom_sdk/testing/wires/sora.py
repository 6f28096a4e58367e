"""A server of OpenAI's format for tests."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_JOBS = "/v1/videos"
_CREATED_AT = 1_795_348_800
_RESULT_LIVES_SECONDS = 3600
_REFUSALS: Mapping[Refusal, tuple[int, str, str]] = {
    "moderated": (400, "moderation_blocked", "Your request was blocked by our moderation system."),
    "no_credit": (429, "insufficient_quota", "You exceeded your current quota."),
    "bad_key": (401, "invalid_api_key", "Incorrect API key provided."),
    "busy": (429, "rate_limit_exceeded", "Rate limit reached on requests per min."),
}
_FAILURES: Mapping[Ending, tuple[str, str]] = {
    "failed": ("video_generation_failed", "The video could not be generated."),
    "moderated": ("moderation_blocked", "Your request was blocked by our moderation system."),
}


class SoraWire(ProviderWire):
    """Jobs as OpenAI served them, on a server whose DELETE stops a job, as that of vLLM-Omni does."""

    name = "sora"

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"api_key": "sk-not-a-real-one", "base_url": f"{origin}/v1", "cancels": "1"}

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.removeprefix(_JOBS).split("/"):
            case "POST", [""]:
                return "submit"
            case "GET", ["", _]:
                return "poll"
            case "GET", ["", _, "content"]:
                return "content"
            case "DELETE", ["", _]:
                return "cancel"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.removeprefix(f"{_JOBS}/").partition("/")[0]

    def accepted(self, received: Received, number: int) -> Answer:
        return _job(f"video_68e5c0ff{number:04}", status="queued", progress=0)

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, code, message = _REFUSALS[refusal]
        return _error(status, code, message)

    def waiting(self, order_id: str) -> Answer:
        return _job(order_id, status="queued", progress=0)

    def running(self, order_id: str, progress: float) -> Answer:
        return _job(order_id, status="in_progress", progress=int(100 * progress))

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending == "succeeded":
            ended_at = {"completed_at": _CREATED_AT + 121, "expires_at": _CREATED_AT + 121 + _RESULT_LIVES_SECONDS}
            return _job(order_id, status="completed", progress=100, **ended_at)
        code, message = _FAILURES[ending]
        return _job(order_id, status="failed", progress=52, error={"code": code, "message": message})

    def gone(self, order_id: str) -> Answer:
        return _error(404, None, f"Video with id '{order_id}' not found.")

    def stopped(self, received: Received) -> Answer:
        return Answer.json({"id": self.order_id(received), "object": "video.deleted", "deleted": True})

    def expired(self) -> Answer:
        return _error(404, None, "Video not found.")

    def other(self, received: Received) -> Answer:
        if (received.method, received.path) == ("GET", _JOBS):
            return Answer.json({"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False})
        return super().other(received)


def _job(order_id: str, **state: object) -> Answer:
    job = {"id": order_id, "object": "video", "created_at": _CREATED_AT, "completed_at": None, "error": None}
    return Answer.json({**job, "expires_at": None, "model": "sora-2", "seconds": "8", "size": "1280x720", **state})


def _error(status: int, code: str | None, message: str) -> Answer:
    return Answer.json({"error": {"message": message, "type": None, "param": None, "code": code}}, status)
