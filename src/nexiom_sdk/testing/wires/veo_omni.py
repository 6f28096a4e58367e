"""Google's servers for tests: Gemini Omni at the Gemini API, with its files, and at Vertex AI."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb
from nexiom_sdk.testing.wires.veo import BUCKET, PROJECT, VertexWire

_KEY = "AIza-not-a-real-one"
_PUBLIC = "https://generativelanguage.googleapis.com"  # it names itself so, wherever it is reached
_REFUSALS: Mapping[Refusal, tuple[int, str, str]] = {
    "moderated": (400, "invalid_request", "The prompt contains sensitive words that violate the usage guidelines."),
    "no_credit": (402, "payment_required", "Billing is required for this model."),
    "bad_key": (401, "authentication", "API key not valid. Please pass a valid API key."),
    "busy": (429, "rate_limit_exceeded", "Resource has been exhausted (e.g. check quota)."),
}
_TROUBLE: Mapping[Ending, Mapping[str, str]] = {
    "failed": {"code": "internal_error", "message": "Video generation failed. Please try again."},
    "moderated": {"code": "content_blocked", "message": "The request was blocked by safety filters."},
}
_USAGE: Mapping[str, object] = {
    "total_input_tokens": 12,
    "total_output_tokens": 46336,
    "total_tokens": 46348,
    "output_tokens_by_modality": [{"modality": "video", "tokens": 46336}],
}


class _Interactions(ProviderWire):
    """The Interactions API, wherever it is."""

    begins: str

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.removeprefix(self.begins).split("/"):
            case "POST", ["interactions"]:
                return "submit"
            case "GET", ["interactions", _]:
                return "poll"
            case "POST", ["interactions", _, "cancel"]:
                return "cancel"
            case _:
                return "other"

    def order_id(self, received: Received) -> str:
        return received.path.removesuffix("/cancel").rpartition("/")[2]

    def accepted(self, received: Received, number: int) -> Answer:
        return _interaction(f"v1_ChdpbnRlcmFjdGlvbi{number:08}", "in_progress")

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, code, message = _REFUSALS[refusal]
        return Answer.json({"error": {"code": code, "message": message}}, status)

    def waiting(self, order_id: str) -> Answer:
        return _interaction(order_id, "queued")

    def running(self, order_id: str, progress: float) -> Answer:
        return _interaction(order_id, "in_progress")

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending in _TROUBLE:
            return _interaction(order_id, "failed", errors=[_TROUBLE[ending]])
        video = {"type": "video", "mime_type": "video/mp4", **self.result(order_id)}
        steps = [
            {"type": "user_input", "content": [{"type": "text", "text": "a fox in snow"}]},
            {"type": "thought", "signature": "EpcwCpQwAQw51sdI"},
            {"type": "model_output", "content": [video]},
        ]
        return _interaction(order_id, "completed", steps=steps, usage=_USAGE)

    def gone(self, order_id: str) -> Answer:
        return _interaction(order_id, "cancelled")

    def stopped(self, received: Received) -> Answer:
        return _interaction(self.order_id(received), "cancelled")

    def result(self, order_id: str) -> Mapping[str, str]:
        """How the video of an interaction is shown."""
        return {"data": base64.b64encode(self.video).decode()}


class OmniWire(_Interactions):
    """Gemini Omni at the Gemini API. A finished file is ready when it has been looked at `file_looks` times."""

    name = "veo"
    begins = "/v1beta/"
    file_looks: int = 1

    def __call__(self, received: Received) -> Answer | Fault:
        if not received.headers.get("x-goog-api-key"):
            return self.refused(received, "bad_key")
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"transport": "gemini", "api_key": _KEY, "base_url": origin}

    def verb(self, received: Received) -> Verb:
        download = received.path.startswith("/v1beta/files/") and received.path.endswith(":download")
        return "content" if download and received.query.get("alt") == ("media",) else super().verb(received)

    def result(self, order_id: str) -> Mapping[str, str]:
        return {"uri": f"{_PUBLIC}/v1beta/files/{order_id}:download?alt=media"}

    def expired(self) -> Answer:
        return Answer.json({"error": {"code": 404, "message": "File not found.", "status": "NOT_FOUND"}}, 404)

    def other(self, received: Received) -> Answer:
        if received.path.startswith("/v1beta/models/"):
            return Answer.json({"name": received.path.removeprefix("/v1beta/")})
        if not received.path.startswith("/v1beta/files/"):
            return super().other(received)
        self.file_looks -= 1
        file = {"name": received.path.removeprefix("/v1beta/"), "mimeType": "video/mp4", "source": "GENERATED"}
        state = "PROCESSING" if self.file_looks >= 0 else "ACTIVE"
        return Answer.json({**file, "state": state, "expirationTime": "2026-11-24T12:01:00Z"})


class OmniVertexWire(VertexWire, _Interactions):
    """Gemini Omni at Vertex AI."""

    storage_uri = f"gs://{BUCKET}/omni/"
    begins = f"/v1beta1/projects/{PROJECT}/locations/global/"

    def verb(self, received: Received) -> Verb:
        return "content" if self.stored(received) else super().verb(received)

    def result(self, order_id: str) -> Mapping[str, str]:
        return super().result(order_id) if self.inline else {"uri": self.address(order_id)}


def _interaction(order_id: str, status: str, **more: object) -> Answer:
    shown = {"id": order_id, "object": "interaction", "model": "gemini-omni-1.1-flash", "status": status}
    return Answer.json({**shown, "created": "2026-11-22T12:00:00Z", "updated": "2026-11-22T12:00:20Z", **more})
