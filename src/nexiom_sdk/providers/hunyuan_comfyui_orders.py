"""What an order for HunyuanVideo-1.5 is for ComfyUI: its id, its picture, and the filled workflow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid5

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.comfyui_workflows import Place, Workflow, workflow_of
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.hunyuan_open_cards import FPS, check_asked, frames
from nexiom_sdk.providers.openai_videos import size
from nexiom_sdk.providers.wire import Call, Part
from nexiom_sdk.references import inspect
from nexiom_sdk.types import DeliveredMedia, VideoSpec
from nexiom_sdk.wording import unknown

CLIENT = "nexiom"
"""Who we are to ComfyUI: the client of our orders, and the folder of our pictures."""

_NAMESPACE = UUID("3abf8e48-83a8-48a2-84f1-7d423cab6d28")
_UPLOAD_SECONDS = 300.0
_USUAL_SECONDS, _USUAL_STEPS, _USUAL_SIZE = 5.0, 20, "1280x720"
_SEEDS = 2**32
_OPTIONS = ("steps",)


def order_id_of(key: str) -> str:
    """The id of the order with this key: always the same, and nobody else's."""
    return str(uuid5(_NAMESPACE, key))


def upload(media: DeliveredMedia) -> Call:
    """The call that hands a picture over, under a name made from its content.

    Raises:
        InvalidInput: It is no picture.
    """
    data = media.data or b""
    found = inspect(data, role=media.role)
    name = f"{hashlib.sha256(data).hexdigest()[:32]}.{found.extension}"
    return Call(
        "POST",
        "/upload/image",
        form={"type": "input", "subfolder": CLIENT, "overwrite": "true"},  # under this name there is only this picture
        files=(Part(name="image", filename=name, media_type=found.media_type, data=data),),
        timeout_seconds=_UPLOAD_SECONDS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflows:
    """The workflows of a server.

    Args:
        text: For a prompt alone.
        image: For a first frame.
    """

    text: Workflow
    image: Workflow

    @classmethod
    def of(cls, config: Configuration) -> Workflows:
        """Those that the operator gives, or else those that are shipped.

        Raises:
            ConfigurationError: One cannot be read or used.
        """
        also = frozenset[Place]({"first_frame_filename"})
        return cls(
            text=workflow_of(config, "workflow_t2v", "hunyuan_t2v.json"),
            image=workflow_of(config, "workflow_i2v", "hunyuan_i2v.json", also=also),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all their nodes, in alphabetical order."""
        return tuple(sorted({*self.text.classes, *self.image.classes}))

    def card(self, card: ModelCard) -> ModelCard:
        """A card without what one of them has no place for."""
        negatives = all("negative_prompt" in one.places for one in (self.text, self.image))
        return card.evolve(negative_prompt=card.negative_prompt and negatives)

    def filled(self, spec: VideoSpec, card: ModelCard, order_id: str, *, title: str) -> dict[str, JsonValue]:
        """The graph of an order.

        Args:
            spec: What to make; the `url` of a picture is its name at the server, once it has one.
            card: What the model takes.
            order_id: The order's id, from which a seed is made where none is asked for.
            title: The server's name in sentences.

        Raises:
            UnsupportedFeature: The model or the workflow does not take what is asked for.
            InvalidInput: An option is none.
        """
        spec = check_asked(spec, card, title)
        workflow = self.image if spec.media else self.text
        steps = _steps(spec)
        wishes = {"steps": steps, "negative_prompt": spec.negative_prompt}
        lacking = tuple(name for name, wish in wishes.items() if wish and name not in workflow.places)
        if lacking:
            msg = f"The workflow of {title} has no place for {' and '.join(lacking)}."
            raise UnsupportedFeature(msg, reasons=lacking)
        width, height = _size(spec)
        return workflow.filled(
            {
                "prompt": spec.prompt,
                "negative_prompt": spec.negative_prompt or "",
                "seed": UUID(order_id).int % _SEEDS if spec.seed is None else spec.seed,
                "steps": steps or _USUAL_STEPS,
                "fps": FPS,
                "width": width,
                "height": height,
                "frames": frames(spec.duration_seconds or _USUAL_SECONDS),
                "job_id": order_id,
                "first_frame_filename": next((one.url or "" for one in spec.media), ""),
            }
        )


def _size(spec: VideoSpec) -> tuple[int, int]:
    """Width and height, multiples of 16: at the resolution of the shipped workflows where none is asked for."""
    wish = spec.evolve(resolution=spec.resolution or "720p")
    width, height = (size(wish) or _USUAL_SIZE).split("x")
    return int(width), int(height)


def _steps(spec: VideoSpec) -> int | None:
    for name in spec.options:
        if name not in _OPTIONS:
            raise InvalidInput(unknown("option", name, _OPTIONS))
    steps = spec.options.get("steps")
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise InvalidInput("The option steps is no whole number above 0.")
    return steps
