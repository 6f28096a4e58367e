"""Orders as Veo takes them at Vertex AI: one instance, and its parameters."""

from __future__ import annotations

from pydantic import JsonValue

from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.asked import check, check_options, of_roles, only_set, whole_seconds
from nexiom_sdk.providers.veo_media import media_type, resolution
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import DeliveredMedia, MediaRole, VideoSpec

_OPTIONS = (
    "compressionQuality",
    "enhancePrompt",
    "labels",
    "personGeneration",
    "pubsubTopic",
    "resizeMode",
    "sampleCount",
    "storageUri",
)


def veo_body(spec: VideoSpec, card: ModelCard, *, storage_uri: str) -> dict[str, JsonValue]:
    """The body of an order.

    Sound and the number of clips are always said, for both decide about the price.

    Args:
        spec: What to make.
        card: The model.
        storage_uri: Where the result shall be put in Cloud Storage; empty: it comes with the answer.

    Raises:
        UnsupportedFeature: References that do not go together, or what Veo has no word for.
        InvalidInput: An option that does not exist or says what the request says, or a value that cannot be sent.
    """
    check(spec, card)
    check_options(spec, _OPTIONS)
    options = dict(spec.options)
    labels = options.pop("labels", None)
    parameters: dict[str, JsonValue] = {
        "sampleCount": 1,
        "generateAudio": spec.audio is not False,
        "resolution": resolution(spec),
        "seed": spec.seed,
        "negativePrompt": spec.negative_prompt,
        "storageUri": storage_uri or None,
    }
    if spec.mode != "video":  # a clip that is continued has a shape, and grows by a fixed length
        parameters |= {"durationSeconds": whole_seconds(spec), "aspectRatio": spec.aspect_ratio}
    return only_set(
        {"instances": [_instance(spec)], "parameters": only_set({**parameters, **options}), "labels": labels}
    )


def _instance(spec: VideoSpec) -> dict[str, JsonValue]:
    references: list[JsonValue] = [
        {"image": _file(one), "referenceType": "asset"} for one in of_roles(spec, "reference_image")
    ]
    return only_set(
        {
            "prompt": spec.prompt,
            "image": _first(spec, "first_frame"),
            "lastFrame": _first(spec, "last_frame"),
            "video": _first(spec, "source_video"),
            "referenceImages": references or None,
        }
    )


def _first(spec: VideoSpec, role: MediaRole) -> JsonValue:
    return next(map(_file, of_roles(spec, role)), None)


def _file(media: DeliveredMedia) -> dict[str, JsonValue]:
    place: dict[str, JsonValue] = {"gcsUri": media.url} if media.url else {"bytesBase64Encoded": base64_text(media)}
    return {**place, "mimeType": media_type(media)}
