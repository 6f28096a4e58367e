"""Seedance's server for tests, with the paths of BytePlus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_API = "/api/v3"
_TASKS = f"{_API}/contents/generations/tasks"
_REFUSALS: Mapping[Refusal, tuple[int, str, str]] = {
    "moderated": (400, "InputTextSensitiveContentDetected", "The input text may contain sensitive information."),
    "no_credit": (403, "AccountOverdueError", "Your account has an overdue balance."),
    "bad_key": (401, "AuthenticationError", "The API key in the request is missing or invalid."),
    "busy": (429, "ServerOverloaded", "The service is currently unable to handle additional requests."),
}
_FAILURES: Mapping[Ending, tuple[str, str]] = {
    "failed": ("InternalServiceError", "The service encountered an unexpected internal error."),
    "moderated": ("OutputVideoSensitiveContentDetected", "The output video may contain sensitive information."),
}


class SeedanceWire(ProviderWire):
    """Seedance's tasks, one by one and in a list.

    DELETE is true to the original: it stops a task that waits, is refused for one that runs, and erases one that ended.

    Attributes:
        erased: Ids of tasks whose record is gone.
    """

    name = "seedance"

    def __init__(
        self,
        *,
        looks: int = 2,
        ending: Ending = "succeeded",
        refusal: Refusal | None = None,
        video: bytes | None = None,
    ) -> None:
        super().__init__(looks=looks, ending=ending, refusal=refusal, video=video)
        self.erased: set[str] = set()

    def __call__(self, received: Received) -> Answer | Fault:
        if received.path.startswith(f"{_API}/") and not received.headers.get("authorization", "").startswith("Bearer "):
            return self.refused(received, "bad_key")
        order_id = self.order_id(received)
        if self.verb(received) == "cancel" and self._looked.get(order_id, 0) > 1:
            return self._not_queued(order_id)
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"api_key": "ark-not-a-real-one", "base_url": origin + _API}

    def verb(self, received: Received) -> Verb:
        match received.method, received.path:
            case "POST", path if path == _TASKS:
                return "submit"
            case "GET", path if path.startswith(f"{_TASKS}/"):
                return "poll"
            case "DELETE", path if path.startswith(f"{_TASKS}/"):
                return "cancel"
            case "GET", path if path.startswith("/results/"):
                return "content"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        return Answer.json({"id": f"cgt-20261122203512-{number:05}"})

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        return _error(*_REFUSALS[refusal])

    def waiting(self, order_id: str) -> Answer:
        return _task(order_id, "queued")

    def running(self, order_id: str, progress: float) -> Answer:
        return _task(order_id, "running")

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if order_id in self.erased:
            return _error(404, "NotFound.Id", "The specified task is not found.")
        if ending in _FAILURES:
            code, message = _FAILURES[ending]
            return _task(order_id, "failed", error={"code": code, "message": message})
        return _task(
            order_id,
            "succeeded",
            content={"video_url": f"{self.origin}/results/{order_id}.mp4?X-Tos-Signature=00"},
            usage={"completion_tokens": 108900, "total_tokens": 108900},
            resolution="720p",
            ratio="16:9",
            duration=5,
            framespersecond=24,
            seed=78674,
        )

    def gone(self, order_id: str) -> Answer:
        return _task(order_id, "cancelled")

    def stopped(self, received: Received) -> Answer:
        return Answer.json({})

    def other(self, received: Received) -> Answer:
        if (received.method, received.path) != ("GET", _TASKS):
            return super().other(received)
        asked = received.query.get("filter.task_ids", ())
        looks = [self._looked_at(replace(received, target=f"{_TASKS}/{task_id}")) for task_id in asked]
        items = [json.loads(look.body) for look in looks if look.status == 200]
        return Answer.json({"total": len(items), "items": items})

    def _not_queued(self, order_id: str) -> Answer:
        if self._looked[order_id] > self.looks:
            self.erased.add(order_id)
            return Answer.json({})
        return _error(400, "InvalidParameter", "The task is running and cannot be cancelled.")


def _error(status: int, code: str, message: str) -> Answer:
    return Answer.json({"error": {"code": code, "message": message, "param": "", "type": ""}}, status)


def _task(order_id: str, status: str, **more: object) -> Answer:
    times = {"created_at": 1795379712, "updated_at": 1795379840}
    return Answer.json({"id": order_id, "status": status, **times, "service_tier": "default", **more})
