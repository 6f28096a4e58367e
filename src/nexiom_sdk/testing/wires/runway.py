"""Runway's server for tests."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_ENDPOINTS = frozenset(
    {
        "/v1/text_to_video",
        "/v1/image_to_video",
        "/v1/video_to_video",
        "/v1/character_performance",
    }
)
_REFUSALS: Mapping[Refusal, tuple[int, Mapping[str, object]]] = {
    "moderated": (400, {"error": "Validation of body failed", "issues": [{"path": ["promptText"], "message": "no"}]}),
    "no_credit": (400, {"error": "You do not have enough credits to run this task."}),
    "bad_key": (401, {"error": "The API key provided is not valid."}),
    "busy": (429, {"error": "You have reached the daily generation limit for this model."}),
}
_ENDS: Mapping[Ending, Mapping[str, object]] = {
    "succeeded": {"status": "SUCCEEDED", "cost": {"credits": 60}},
    "failed": {
        "status": "FAILED",
        "failure": "An unexpected error occurred.",
        "failureCode": "INTERNAL",
        "cost": {"credits": 0},
    },
    "moderated": {
        "status": "FAILED",
        "failure": "The text prompt was rejected by content moderation.",
        "failureCode": "SAFETY.INPUT.TEXT",
        "cost": {"credits": 60},
    },
}


class RunwayWire(ProviderWire):
    """Runway's tasks, uploads and account.

    Runway moderates after it took an order, so the refusal "moderated" is the nearest there is: a body that it does not
    take. A call without the version header is refused, and so is one to the API without a key.
    """

    name = "runway"

    def __call__(self, received: Received) -> Answer | Fault:
        if received.path.startswith("/v1/"):
            if received.headers.get("x-runway-version") != "2024-11-06":
                return Answer.json({"error": "The API version is not valid."}, 400)
            if not received.headers.get("authorization", "").startswith("Bearer "):
                return Answer.json({"error": "The API key provided is not valid."}, 401)
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"api_key": "key_not-a-real-one", "base_url": origin}

    def verb(self, received: Received) -> Verb:
        match received.method, received.path:
            case "POST", path if path in _ENDPOINTS:
                return "submit"
            case "GET", path if path.startswith("/v1/tasks/"):
                return "poll"
            case "DELETE", path if path.startswith("/v1/tasks/"):
                return "cancel"
            case "GET", path if path.startswith("/results/"):
                return "content"
            case "POST", "/v1/uploads" | "/bucket":
                return "upload"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        return Answer.json({"id": f"7f3c1d52-0000-4000-8000-{number:012}", "estimatedCost": {"credits": 60}})

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, body = _REFUSALS[refusal]
        return Answer.json(body, status)

    def waiting(self, order_id: str) -> Answer:
        return _task(order_id, {"status": "THROTTLED"})

    def running(self, order_id: str, progress: float) -> Answer:
        return _task(order_id, {"status": "RUNNING", "progress": progress})

    def ended(self, order_id: str, ending: Ending) -> Answer:
        address = f"{self.origin}/results/{order_id}.mp4?_jwt=invented"
        return _task(order_id, {**_ENDS[ending], **({"output": [address]} if ending == "succeeded" else {})})

    def gone(self, order_id: str) -> Answer:
        return Answer.json({"error": "Could not find Task"}, 404)

    def stopped(self, received: Received) -> Answer:
        return Answer(204)

    def other(self, received: Received) -> Answer:
        match received.path:
            case "/v1/uploads":
                fields = {"key": "ephemeral/1", "X-Amz-Signature": "00"}
                slot = {"runwayUri": "runway://invented", "uploadUrl": f"{self.origin}/bucket", "fields": fields}
                return Answer.json(slot)
            case "/bucket":
                return Answer(204)
            case "/v1/organization":
                return Answer.json({"creditBalance": 4210})
            case _:
                return super().other(received)


def _task(order_id: str, state: Mapping[str, object]) -> Answer:
    return Answer.json({"id": order_id, "createdAt": "2026-11-20T14:03:27.418Z", **state})
