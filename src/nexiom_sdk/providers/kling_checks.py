"""What an order at either of Kling's APIs cannot say: found here, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, ModelRetired, UnsupportedFeature
from nexiom_sdk.models import ModelCard, media_mismatches
from nexiom_sdk.providers.kling_cards import OLDER, OLDER_NAMES, PRESENT, UNLISTED
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import AspectRatio, MediaRole, VideoSpec
from nexiom_sdk.wording import seconds, unknown

USUAL_SHAPE: AspectRatio = "16:9"

_CARDS: Mapping[str, ModelCard] = {card.model: card for card in (*PRESENT, *OLDER)}
_MOST_IMAGES, _MOST_IMAGES_WITH_VIDEO = 7, 4
_TURBO_IMAGE_PROMPT = 2500
_WITH_FRAMES = frozenset({"image", "video"})  # kinds of order whose shape comes from what goes in


def known(*names: str) -> ModelCard | None:
    """The card of the first of these names that one is known by."""
    return next((_CARDS[name] for name in names if name in _CARDS), None)


def checked(spec: VideoSpec, card: ModelCard | None) -> None:
    """Let pass what can be said; of a model that is not known only what no model can be told is refused.

    Raises:
        UnsupportedFeature: References that do not go together, or what there is no word for.
        InvalidInput: A length or a prompt that cannot be sent.
        ModelRetired: The model is gone.
    """
    if card is not None and card.lifecycle == "retired":
        msg = f"Kling does not offer {card.model} any more; {card.successor} takes its place."
        raise ModelRetired(msg, provider="kling", model=card.model)
    reasons = tuple(_reasons(spec, card))
    if reasons:
        raise UnsupportedFeature(f"{spec.model} {'; '.join(reasons)}.", reasons=reasons)
    if spec.duration_seconds is not None and spec.duration_seconds % 1:
        raise InvalidInput(f"Kling takes whole seconds, not {seconds(spec.duration_seconds)}.")
    longest = card.max_prompt_chars if card else None
    if card is not None and card.model == "kling-3.0-turbo" and spec.media:
        longest = _TURBO_IMAGE_PROMPT
    if longest is not None and len(spec.prompt) > longest:
        raise InvalidInput(f"The prompt has {len(spec.prompt):,} characters; {spec.model} takes {longest:,} here.")


def check_options(spec: VideoSpec, known_options: Sequence[str]) -> None:
    """Let pass options that exist and do not contradict the references.

    Raises:
        InvalidInput: One does not exist here, or says something else than the request.
    """
    for key in spec.options:
        if key not in known_options:
            raise InvalidInput(unknown(f"option of {spec.model}", key, known_options))
    cuts = cuts_of(spec)
    if cuts is not None and spec.options.get("multi_shot", cuts) is not cuts:
        raise InvalidInput(f"Kling takes this reference with multi_shot {str(cuts).lower()} only: leave it out.")


def cuts_of(spec: VideoSpec) -> bool | None:
    """What a reference says of cuts: a changed video gets none, one to learn from needs them; None: as one likes."""
    roles = {one.role for one in spec.media}
    return False if "source_video" in roles else True if "reference_video" in roles else None


def of_role(spec: VideoSpec, role: MediaRole) -> list[str]:
    """Each reference of a role: its address, or its bytes as bare base64."""
    return [one.url or base64_text(one) for one in spec.media if one.role == role]


def warnings_of(spec: VideoSpec) -> tuple[str, ...]:
    """What a change of a video cannot be told."""
    changed = any(one.role == "source_video" for one in spec.media)
    return ("the length of a changed video cannot be chosen",) if changed and spec.duration_seconds is not None else ()


def whole_seconds(spec: VideoSpec) -> int | None:
    """The length to send; None where the provider's own, or that of the video to change."""
    changed = any(one.role == "source_video" for one in spec.media)
    return None if changed or spec.duration_seconds is None else int(spec.duration_seconds)


def is_set(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Only what is set: Kling is sent no null and nothing empty."""
    return {key: value for key, value in body.items() if value not in (None, {}, [])}


def _reasons(spec: VideoSpec, card: ModelCard | None) -> Iterator[str]:
    roles: list[MediaRole] = [one.role for one in spec.media]
    yield from map(str, media_mismatches(roles, card or UNLISTED))
    if card is not None:
        yield from _at_1080p(spec, OLDER_NAMES.get(card.model, card.model))
        yield from _sound(spec, card)
    if "last_frame" in roles and "first_frame" not in roles:
        yield "takes a last frame only beside a first frame"
    videos = [one for one in spec.media if one.role.endswith("video")]
    if any(one.url is None for one in videos):
        yield "takes videos as web addresses only: use Media.from_url"
    images = len(roles) - len(videos)
    most = _MOST_IMAGES_WITH_VIDEO if videos else _MOST_IMAGES
    if card is not None and images > most:
        yield f"takes {most} images{' beside a video' if videos else ''}, frames among them, not {images}"
    if spec.aspect_ratio is not None and spec.mode in _WITH_FRAMES:
        yield "takes its shape from the first frame or from the video: it cannot be chosen"
    if spec.seed is not None:
        yield "takes no seed"
    if spec.negative_prompt and not (card is not None and card.negative_prompt):
        yield "takes no negative prompt: say it in the prompt"


def _at_1080p(spec: VideoSpec, model: str) -> Iterator[str]:
    """Rules of the 2.x models, which a card cannot say."""
    both = any(one.role == "last_frame" for one in spec.media)
    if both and model in {"kling-2.6", "kling-2.5-turbo"} and spec.resolution != "1080p":
        yield "takes two frames at 1080p only"
    if spec.audio and model == "kling-2.6":
        if spec.resolution != "1080p":
            yield "makes sound at 1080p only"
        if both:
            yield "makes silent clips only from two frames"


def _sound(spec: VideoSpec, card: ModelCard) -> Iterator[str]:
    if spec.audio and card.audio == "never":
        yield "makes silent clips only"
    if spec.audio is False and card.audio == "always":
        yield "always makes sound"
    if spec.audio and any(one.role == "reference_video" for one in spec.media):
        yield "makes silent clips only from a reference video"
