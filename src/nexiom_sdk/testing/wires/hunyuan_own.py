"""Servers of one's own that make clips with HunyuanVideo, for tests: vLLM-Omni and ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from nexiom_sdk.testing.answers import Answer, Fault, Received
from nexiom_sdk.testing.provider_wire import Ending, ProviderWire, Refusal, Verb
from nexiom_sdk.testing.wires.sora import SoraWire

_BY_A_PROXY: Mapping[Refusal, int] = {"bad_key": 401, "busy": 429}
_READ: Mapping[str, Verb] = {"history": "poll", "queue": "find", "view": "content"}
_NODES = frozenset(
    {
        "BasicScheduler",
        "CFGGuider",
        "CLIPTextEncode",
        "CLIPVisionEncode",
        "CLIPVisionLoader",
        "CreateVideo",
        "DualCLIPLoader",
        "EmptyHunyuanVideo15Latent",
        "HunyuanVideo15ImageToVideo",
        "KSamplerSelect",
        "LoadImage",
        "ModelSamplingSD3",
        "RandomNoise",
        "SamplerCustomAdvanced",
        "SaveVideo",
        "UNETLoader",
        "VAEDecode",
        "VAELoader",
    }
)


class VllmHunyuanWire(SoraWire):
    """vLLM-Omni with both checkpoints behind one address: a failed job is told of with an HTTP error.

    It neither moderates nor counts credit; it can only be too busy, or its key be wrong.
    """

    name = "hunyuan"

    def settings(self, origin: str) -> Mapping[str, str]:
        url = f"{origin}/v1"
        return {"t2v_base_url": url, "i2v_base_url": url, "self_hosted_api_key": "sk-not-a-real-one"}

    def __call__(self, received: Received) -> Answer | Fault:
        if self.verb(received) == "submit" and "multipart/form-data" not in received.headers.get("content-type", ""):
            return Answer.json({"detail": [{"loc": ["body", "prompt"], "msg": "Field required"}]}, 422)
        return super().__call__(received)

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        return Answer.json({"error": "Unauthorized"}, _BY_A_PROXY.get(refusal, 400))

    def ended(self, order_id: str, ending: Ending) -> Answer:
        job = cast("dict[str, object]", json.loads(super().ended(order_id, ending).body))
        if ending == "succeeded":
            return Answer.json({**job, "model": "HunyuanVideo-1.5", "seconds": "5", "inference_time_s": 297.4})
        message = "Image is required for HunyuanVideo-1.5 I2V generation."
        return Answer.json({**job, "error": {"code": 500, "message": message}}, 500)

    def gone(self, order_id: str) -> Answer:
        return Answer.json({"detail": "Video not found"}, 404)

    def expired(self) -> Answer:
        return Answer.json({"detail": "Generated video file not found on disk"}, 404)


class ComfyWire(ProviderWire):
    """ComfyUI behind a proxy that wants a header.

    Orders lie in the queue until they end, and in the history from then on; the same id may be ordered twice.

    Attributes:
        older: The server does not know how to stop an order by its id.
        renames: The server takes another name for a picture than it is given.
        missing: A file that a node names and the server does not have.
        lacking: A class of nodes that it does not have.
        inputs: Names of the pictures that were uploaded.
    """

    name = "hunyuan"

    older: bool = False
    renames: bool = False
    missing: str = ""
    lacking: str = ""

    def __init__(
        self,
        *,
        looks: int = 2,
        ending: Ending = "succeeded",
        refusal: Refusal | None = None,
        video: bytes | None = None,
    ) -> None:
        super().__init__(looks=looks, ending=ending, refusal=refusal, video=video)
        self.inputs: set[str] = set()

    def settings(self, origin: str) -> Mapping[str, str]:
        return {"comfyui_base_url": origin, "comfyui_headers": "X-Proxy-Key: not-a-real-key"}

    def __call__(self, received: Received) -> Answer | Fault:
        if "x-proxy-key" not in received.headers:
            return Answer(401, body=b"<html>")
        wrong = self._wrong(received) if self.verb(received) == "submit" and not self.refusal else None
        return wrong or super().__call__(received)

    def verb(self, received: Received) -> Verb:
        match received.method, received.path.split("/")[1:]:
            case "POST", ["prompt"]:
                return "submit"
            case "POST", ["upload", "image"]:
                return "upload"
            case "POST", ["queue" | "interrupt"] | ["api", "jobs", _, "cancel"] if not self._unknown(received):
                return "cancel"
            case "GET", [word, *_]:
                return _READ.get(word, "other")
            case _:
                return "other"

    def _unknown(self, received: Received) -> bool:
        return self.older and received.path.startswith("/api/jobs/")

    def order_id(self, received: Received) -> str:
        match received.path.split("/")[1:]:
            case ["history", order_id] | ["api", "jobs", order_id, "cancel"]:
                return order_id
            case _:
                said = cast("dict[str, object]", received.json())
                named = cast("list[str]", said.get("delete", [said.get("prompt_id")]))
                return named[0]

    def id_in(self, answer: Answer) -> str:
        return str(json.loads(answer.body)["prompt_id"])

    def accepted(self, received: Received, number: int) -> Answer:
        order_id = str(cast("dict[str, object]", received.json())["prompt_id"])
        self._looked[order_id] = 0
        return Answer.json({"prompt_id": order_id, "number": number, "node_errors": {}})

    def refused(self, received: Received, refusal: Refusal) -> Answer:
        status = _BY_A_PROXY.get(refusal)
        return Answer(status, body=b"<html>") if status else _refusal("invalid_prompt", "Cannot execute", {})

    def waiting(self, order_id: str) -> Answer:
        return Answer.json({"queue_running": [], "queue_pending": [_row(order_id)]})

    def running(self, order_id: str, progress: float) -> Answer:
        return Answer.json({"queue_running": [_row(order_id)], "queue_pending": []})

    def ended(self, order_id: str, ending: Ending) -> Answer:
        if ending == "succeeded":
            file = {"filename": f"nexiom_{order_id}_00001_.mp4", "subfolder": "video", "type": "output"}
            return _entry(order_id, "success", {"15": {"images": [file], "animated": [True]}})
        cause = {"exception_message": "CUDA out of memory.", "exception_type": "torch.OutOfMemoryError"}
        return _entry(order_id, "error", {}, ["execution_error", cause])

    def gone(self, order_id: str) -> Answer:
        """One that ran is in the history as interrupted; one that waited is nowhere."""
        if self._looked.get(order_id, 0) > 1:
            return _entry(order_id, "error", {}, ["execution_interrupted", {"node_id": "12"}])
        return Answer.json({})

    def stopped(self, received: Received) -> Answer:
        return Answer.json({"cancelled": True}) if received.path.startswith("/api/") else Answer()

    def expired(self) -> Answer:
        return Answer(404)

    def other(self, received: Received) -> Answer:
        match received.method, received.path.split("/")[1:]:
            case "GET", ["queue"]:
                return self._queue()
            case "POST", ["upload", "image"]:
                return self._uploaded(received)
            case "GET", ["system_stats"]:
                return Answer.json({"system": {"comfyui_version": "0.3.75"}, "devices": []})
            case "GET", ["object_info", node]:
                return Answer.json({node: {"input": {}}} if node in _NODES - {self.lacking} else {})
            case _:
                return Answer(405 if received.method == "POST" else 404)

    def _looked_at(self, received: Received) -> Answer:
        order_id = self.order_id(received)
        if order_id in self.cancelled:
            return self.gone(order_id)
        done = self._looked.get(order_id, 0) > self.looks
        return self.ended(order_id, self.ending) if done else Answer.json({})

    def _queue(self) -> Answer:
        for order_id in self._looked.keys() - self.cancelled:
            looks = self._looked[order_id] = self._looked[order_id] + 1
            if looks <= self.looks:
                return self.waiting(order_id) if looks == 1 else self.running(order_id, looks / self.looks)
        return Answer.json({"queue_running": [], "queue_pending": []})

    def _uploaded(self, received: Received) -> Answer:
        fields = {part.name: part for part in received.form()}
        name, folder = fields["image"].filename or "", fields["subfolder"].data.decode()
        if self.renames:
            stem, _, ending = name.rpartition(".")
            name = f"{stem} (1).{ending}"
        self.inputs.add(f"{folder}/{name}")
        return Answer.json({"name": name, "subfolder": folder, "type": "input"})

    def _wrong(self, received: Received) -> Answer | None:
        """Why the graph cannot be run."""
        graph = cast("dict[str, object]", received.json()).get("prompt")
        if not isinstance(graph, dict):
            return _refusal("no_prompt", "No prompt provided", {}, "No prompt provided")
        for node_id, node in cast("dict[str, dict[str, object]]", graph).items():
            kind, inputs = str(node["class_type"]), cast("dict[str, object]", node["inputs"])
            if kind not in _NODES - {self.lacking}:
                return _refusal("invalid_prompt", f"Cannot execute because node {kind} does not exist.", {})
            wrong = [
                name for name, value in inputs.items() if _unfilled(value) or (self.missing and value == self.missing)
            ]
            if kind == "LoadImage" and inputs["image"] not in self.inputs:
                wrong = ["image"]
            if wrong:
                return _bad_node(node_id, kind, wrong[0], str(inputs[wrong[0]]))
        return None


def _unfilled(value: object) -> bool:
    return isinstance(value, str) and "{{" in value and value.endswith("}}")


def _row(order_id: str) -> list[object]:
    return [7, order_id, {}, {"client_id": "nexiom", "create_time": 1_795_348_800_000}, ["15"]]


def _entry(order_id: str, word: str, outputs: object, *messages: object) -> Answer:
    status: dict[str, object] = {"status_str": word, "completed": word == "success", "messages": list(messages)}
    return Answer.json({order_id: {"prompt": _row(order_id), "outputs": outputs, "status": status, "meta": {}}})


def _bad_node(node_id: str, kind: str, name: str, value: str) -> Answer:
    issue = {"type": "value_not_in_list", "message": "Value not in list", "details": f"{name}: '{value}' not in []"}
    return _refusal(
        "prompt_outputs_failed_validation",
        "Prompt outputs failed validation",
        {node_id: {"errors": [issue], "dependent_outputs": ["15"], "class_type": kind}},
    )


def _refusal(kind: str, message: str, nodes: object, details: str = "") -> Answer:
    error: dict[str, object] = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return Answer.json({"error": error, "node_errors": nodes}, 400)
