"""OpenRouter's server for tests."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_BASE = "/api/v1"
_REFUSALS: Mapping[Refusal, Mapping[str, object]] = {
    "moderated": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["violence"]}},
    "no_credit": {"code": 402, "message": "Insufficient credits."},
    "bad_key": {"code": 401, "message": "No auth credentials found"},
    "busy": {"code": 429, "message": "Rate limit exceeded"},
}
_ERRORS: Mapping[Ending, str] = {
    "failed": "Provider returned an error while generating the video",
    "moderated": "Content policy violation",
}


class OpenRouterWire(ProviderWire):
    """OpenRouter's video jobs. Results lie at the API and need the key; a call without it is refused."""

    name = "openrouter"

    def __call__(self, received: Received) -> Answer | Fault:
        if not received.headers.get("authorization", "").startswith("Bearer "):
            return _refused(_REFUSALS["bad_key"])
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"api_key": "sk-or-v1-not-a-real-one", "base_url": origin + _BASE}

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.removeprefix(_BASE).strip("/").split("/"):
            case "POST", ["videos"]:
                return "submit"
            case "GET", ["videos", _, "content"]:
                return "content"
            case "GET", ["videos", order_id] if order_id != "models":
                return "poll"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.removeprefix(f"{_BASE}/videos/").partition("/")[0]

    def accepted(self, received: Received, number: int) -> Answer:
        order_id = f"gen-vid-{number:010}"
        return _job(order_id, {"status": "pending"}, status=202)

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        return _refused(_REFUSALS[refusal])

    def waiting(self, order_id: str) -> Answer:
        return _job(order_id, {"status": "pending"})

    def running(self, order_id: str, progress: float) -> Answer:
        return _job(order_id, {"status": "in_progress", "generation_id": f"gen-{order_id}"})

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending != "succeeded":
            return _job(order_id, {"status": "failed", "error": _ERRORS[ending]})
        content = f"{self.origin}{_BASE}/videos/{order_id}/content?index=0"
        usage = {"cost": 0.64, "is_byok": False}
        return _job(order_id, {"status": "completed", "unsigned_urls": [content], "usage": usage})

    def other(self, received: Received) -> Answer:
        if received.path != f"{_BASE}/videos/models":
            return super().other(received)
        model = {"id": "google/veo-3.1-fast", "pricing_skus": {"duration_seconds": "0.10"}}
        return Answer.json({"data": [{**model, "supported_durations": [4, 6, 8]}]})

    def expired(self) -> Answer:
        return _refused({"code": 410, "message": "Video output is no longer available"})


def _job(order_id: str, state: Mapping[str, object], *, status: int = 200) -> Answer:
    return Answer.json({"id": order_id, "polling_url": f"{_BASE}/videos/{order_id}", **state}, status)


def _refused(problem: Mapping[str, object]) -> Answer:
    code = problem["code"]
    assert isinstance(code, int)
    return Answer.json({"error": problem, "user_id": "user_invented"}, code)
