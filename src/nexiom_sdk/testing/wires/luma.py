"""Luma's two servers for tests, at one origin."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

_AGENTS, _DREAM_MACHINE = "/v1", "/dream-machine/v1"
_KEYS = {_AGENTS: "luma-api-not-a-real-one", _DREAM_MACHINE: "luma-not-a-real-one"}
_OLDER_ID = "5d1b2c60-0f5b"  # what the ids of orders at Dream Machine begin with here
_NO_ORDER = "00000000-0000-0000-0000-000000000000"
_REFUSALS: Mapping[Refusal, tuple[int, str]] = {
    "moderated": (422, "prompt: not allowed"),
    "no_credit": (402, "Insufficient credits. Please add credits to continue."),
    "bad_key": (401, "Invalid API key"),
    "busy": (429, "Too many concurrent jobs"),
}
_FAILURES: Mapping[Ending, tuple[str, str]] = {
    "failed": ("generation_failed", "Job failed"),
    "moderated": ("content_moderated", "Advanced prompt moderation failed"),
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
            case "POST", [*_, "generations"] | [*_, "generations", "video"]:
                return "submit"
            case "POST", [*_, "generations", "video", "modify" | "reframe"]:
                return "submit"
            case "GET", [*_, "generations", order_id] if order_id != _NO_ORDER:
                return "poll"
            case "GET", ["", "results", _]:
                return "content"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        begins = _OLDER_ID if received.path.startswith(_DREAM_MACHINE) else "d290f1ee-6c54"
        return _generation(f"{begins}-4000-8000-{number:012}", "queued", status=201)

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, detail = _REFUSALS[refusal]
        return Answer.json({"detail": detail}, status)

    def waiting(self, order_id: str) -> Answer:
        return _generation(order_id, "queued")

    def running(self, order_id: str, progress: float) -> Answer:
        return _generation(order_id, "dreaming" if _older(order_id) else "processing")

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending in _FAILURES:
            code, reason = _FAILURES[ending]
            return _generation(order_id, "failed", code=code, reason=reason)
        address = f"{self.origin}/results/{order_id}.mp4"
        return _generation(
            order_id, "completed", video=address if _older(order_id) else f"{address}?X-Amz-Signature=00"
        )

    def other(self, received: Received) -> Answer:
        if received.path == f"{_DREAM_MACHINE}/credits":
            return Answer.json({"credit_balance": 48210.0})
        return Answer.json({"detail": "Generation not found"}, 404)


def _older(order_id: str) -> bool:
    return order_id.startswith(_OLDER_ID)


def _generation(
    order_id: str, state: str, *, video: str = "", code: str | None = None, reason: str | None = None, status: int = 200
) -> Answer:
    """A generation as the API shows it that the id belongs to; only the one has codes of failures."""
    shown: dict[str, object] = {"id": order_id, "state": state, "failure_reason": reason}
    if _older(order_id):
        shown |= {"generation_type": "video", "assets": {"video": video} if video else None}
    else:
        output = [{"type": "video", "url": video}] if video else []
        shown |= {"type": "video", "failure_code": code, "output": output}
    return Answer.json({**shown, "created_at": "2026-11-20T14:03:27Z"}, status)
