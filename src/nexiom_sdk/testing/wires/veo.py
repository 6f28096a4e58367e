"""Google's server for tests: Veo at Vertex AI, and the storage that its results lie in, at one origin."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb

PROJECT = "demo-project"
STORAGE = "/storage/v1"
BUCKET = "demo-bucket"
TOKEN = "ya29.not-a-real-one"  # noqa: S105 - invented
_MODELS = f"/v1/projects/{PROJECT}/locations/us-central1/publishers/google/models/"
_KIND = "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse"
_WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
_REFUSALS: Mapping[Refusal, tuple[int, str, str]] = {
    "moderated": (
        400,
        "INVALID_ARGUMENT",
        "The prompt could not be submitted. It contains sensitive words that violate the usage guidelines.",
    ),
    "no_credit": (400, "FAILED_PRECONDITION", "Billing is disabled for this project."),
    "bad_key": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "busy": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for online_prediction_requests_per_base_model."),
}


class VertexWire(ProviderWire):
    """What both of Google's APIs at Vertex AI share: tokens, and results in Cloud Storage.

    Attributes:
        inline: Give results inside of the answer instead of putting them in Cloud Storage.
    """

    name = "veo"
    inline: bool = False
    storage_uri: ClassVar[str]

    def __call__(self, received: Received) -> Answer | Fault:
        if not received.headers.get("authorization", "").startswith("Bearer "):
            return self.refused(received, "bad_key")
        return super().__call__(received)

    def settings(self, origin: str) -> Mapping[str, str]:
        place = {} if self.inline else {"storage_uri": self.storage_uri}
        urls = {"vertex_base_url": origin, "storage_base_url": origin + STORAGE}
        return {"transport": "vertex", "project": PROJECT, "access_token": TOKEN, **urls, **place}

    def expired(self) -> Answer:
        return Answer.json({"error": {"code": 404, "message": "No such object."}}, 404)

    def other(self, received: Received) -> Answer:
        _, of_google, model = received.path.partition("/publishers/google/models/")
        return Answer.json({"name": f"publishers/google/models/{model}"}) if of_google else super().other(received)

    def address(self, order_id: str) -> str:
        """Where a result lies."""
        return f"{self.storage_uri}{quote(order_id, safe='')}/sample_0.mp4"

    def stored(self, received: Received) -> bool:
        """Whether a request is for a result."""
        return received.method == "GET" and received.path.startswith(f"{STORAGE}/b/{BUCKET}/o/")


class VeoWire(VertexWire):
    """Veo's operations."""

    storage_uri = f"gs://{BUCKET}/veo/"

    def verb(self, received: Received) -> Verb:
        if self.stored(received):
            return "content"
        ours = received.method == "POST" and received.path.startswith(_MODELS)
        return {"predictLongRunning": "submit", "fetchPredictOperation": "poll"}.get(  # type: ignore[return-value]
            received.path.rpartition(":")[2] if ours else "", "other"
        )

    def order_id(self, received: Received) -> str:
        body = received.json()
        return str(body["operationName"]) if isinstance(body, dict) else ""

    def accepted(self, received: Received, number: int) -> Answer:
        resource = received.path.removeprefix("/v1/").partition(":")[0]
        return Answer.json({"name": f"{resource}/operations/4f0c2d1e-7b7a-4a52-9a39-{number:012}"})

    def id_in(self, answer: Answer) -> str:
        return str(Received(method="", target="", headers={}, body=answer.body).json()["name"])  # type: ignore[index,call-overload]

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status, word, message = _REFUSALS[refusal]
        error: dict[str, object] = {"code": status, "message": message, "status": word}
        return Answer.json({"error": {**error, "details": [_WAIT]} if refusal == "busy" else error}, status)

    def waiting(self, order_id: str) -> Answer:
        return Answer.json({"name": order_id})

    def running(self, order_id: str, progress: float) -> Answer:
        return Answer.json({"name": order_id})

    def ended(self, order_id: str, ending: Ending) -> Answer:
        operation: dict[str, object] = {"name": order_id, "done": True}
        if ending == "failed":
            return Answer.json({**operation, "error": {"code": 13, "message": "Internal error encountered."}})
        response: dict[str, object] = {"@type": _KIND, "raiMediaFilteredCount": int(ending == "moderated")}
        if ending == "moderated":
            response["raiMediaFilteredReasons"] = ["Veo could not generate videos. Support codes: 15236754"]
        elif self.inline:
            data = base64.b64encode(self.video).decode()
            response["videos"] = [{"bytesBase64Encoded": data, "mimeType": "video/mp4"}]
        else:
            response["videos"] = [{"gcsUri": self.address(order_id), "mimeType": "video/mp4"}]
        return Answer.json({**operation, "response": response})
