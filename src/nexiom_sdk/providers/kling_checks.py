"""What an order at either of Kling's APIs cannot say: found here, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nexiom_sdk.errors import InvalidInput, ModelRetired
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers import asked
from nexiom_sdk.providers.kling_cards import OLDER, PRESENT, UNLISTED, USUAL
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import AspectRatio, MediaRole, VideoSpec

USUAL_SHAPE: AspectRatio = "16:9"

_CARDS: Mapping[str, ModelCard] = {card.model: card for card in (*PRESENT, *OLDER)}
_TURBO_IMAGE_PROMPT = 2500


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
    asked.check(spec, card or UNLISTED, usual=USUAL)
    asked.whole_seconds(spec)
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
    asked.check_options(spec, known_options)
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
