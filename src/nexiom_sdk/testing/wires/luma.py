"""Luma's two servers for tests, at one origin."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_AGENTS, _DREAM_MACHINE = "/v1", "/dream-machine/v1"
_KEYS = {_AGENTS: "luma-api-not-a-real-one", _DREAM_MACHINE: "luma-not-a-real-one"}
_REFUSALS: Mapping[Refusal, tuple[int, str]] = {
    "moderated": (422, "prompt: not allowed"),
    "no_credit": (402, "Insufficient credits. Please add credits to continue."),
    "bad_key": (401, "Invalid API key"),
    "busy": (429, "Too many concurrent jobs"),
}
_ENDS: Mapping[Ending, Mapping[str, object]] = {
    "succeeded": {"state": "completed"},
    "failed": {"state": "failed", "failure_code": "generation_failed", "failure_reason": "Generation failed"},
    "moderated": {"state": "failed", "failure_code": "content_moderated", "failure_reason": "Flagged by moderation."},
}


class LumaWire(ProviderWire):
    """Luma's generations at both APIs; the key of the one is refused at the other.

    Luma moderates after it took an order, so the refusal "moderated" is the nearest there is: a rejected parameter.
    """

    name = "luma"

    def __call__(self, received: Received) -> Answer | Fault:
        path, key = received.path, received.headers.get("authorization", "")
        base = next((one for one in _KEYS if path.startswith(f"{one}/")), None)
        strange = _KEYS[_DREAM_MACHINE if base == _AGENTS else _AGENTS]
        if base is not None and (not key.startswith("Bearer ") or key.endswith(strange)):
            return self.refused(received, "bad_key")
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {
            "api_key": _KEYS[_AGENTS],
            "base_url": origin + _AGENTS,
            "dream_machine_api_key": _KEYS[_DREAM_MACHINE],
            "dream_machine_base_url": origin + _DREAM_MACHINE,
        }

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.split("/"):
            case "POST", [*_, "generations"] | [*_, "generations", "video"] | [*_, "generations", "video", "modify"]:
                return "submit"
            case "GET", [*_, "generations", _]:
                return "poll"
            case "GET", ["", "results", _]:
                return "content"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        return _generation(f"d290f1ee-0000-4000-8000-{number:012}", {"state": "queued"}, status=201)

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, detail = _REFUSALS[refusal]
        return Answer.json({"detail": detail}, status)

    def waiting(self, order_id: str) -> Answer:
        return _generation(order_id, {"state": "queued"})

    def running(self, order_id: str, progress: float) -> Answer:
        return _generation(order_id, {"state": "processing"})

    def ended(self, order_id: str, ending: Ending) -> Answer:
        address = f"{self.origin}/results/{order_id}.mp4?X-Amz-Signature=invented"
        output = [{"type": "video", "url": address}] if ending == "succeeded" else []
        return _generation(order_id, {**_ENDS[ending], "output": output})


def _generation(order_id: str, state: Mapping[str, object], *, status: int = 200) -> Answer:
    return Answer.json({"id": order_id, "type": "video", "created_at": "2026-11-20T14:03:27Z", **state}, status)
