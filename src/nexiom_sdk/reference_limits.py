"""Whether a reference is what a model takes, by the limits of its card; and what would mend it, where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import MediaKind, MediaLimits, ModelCard, kind_of
from nexiom_sdk.references import Reference
from nexiom_sdk.types import MediaRole
from nexiom_sdk.wording import printable, seconds

MOST_BYTES_INLINE = 50 * 1024 * 1024
"""Largest reference that is handed on as bytes, where the card does not say more: then it is held in memory."""

_ADVICE: dict[MediaKind, str] = {
    "image": "Convert or scale it first, let it be fitted (fit=True, or --fit), or choose another model.",
    "video": "Convert or cut it first, or choose another model; only pictures can be fitted here.",
    "audio": "Convert or cut it first, or choose another model; only pictures can be fitted here.",
}


def check_limits(
    found: Reference,
    card: ModelCard,
    *,
    role: MediaRole,
    name: str = "reference",
    video_size: tuple[int, int] | None = None,
) -> None:
    """Let the reference pass if it keeps to every limit that the card has for media of its kind.

    Args:
        found: The reference.
        card: The model it is for.
        role: What it is for.
        name: What to call it in errors.
        video_size: Width and height of the video that is asked for, where they are known.

    Raises:
        InvalidInput: It breaks a limit; all that it breaks are named.

    Example:
        >>> card = ModelCard(model="a1", media_limits={"image": MediaLimits(types=("image/png",))})
        >>> fox = Reference(size_bytes=6, media_type="image/gif")
        >>> check_limits(fox, card, role="first_frame", name="fox")
        Traceback (most recent call last):
        nexiom_sdk.errors.InvalidInput: a1 does not take the reference 'fox': it is image/gif (allowed: image/png).
    """
    broken = "; ".join(broken_limits(found, card, role=role, video_size=video_size))
    if broken:
        msg = f"{card.model} does not take the reference '{printable(name, 200)}': {broken}."
        raise InvalidInput(msg, next_step=_ADVICE[kind_of(role)])


def broken_limits(
    found: Reference, card: ModelCard, *, role: MediaRole, video_size: tuple[int, int] | None = None
) -> Iterator[str]:
    """What the reference is and what is allowed, for each limit that it breaks; the arguments are as above."""
    limits = limits_for(card, role)
    if limits.types and found.media_type not in limits.types:
        yield f"it is {found.media_type} (allowed: {', '.join(limits.types)})"
    if limits.max_bytes is not None and found.size_bytes > limits.max_bytes:
        yield f"it has {found.size_bytes:,} bytes (allowed: at most {limits.max_bytes:,})"
    if found.width is not None and found.height is not None:
        yield from _broken_by_size(found.width, found.height, limits, video_size)
    if found.length_seconds is not None:
        length = f"it lasts {seconds(round(found.length_seconds, 2))}"
        if limits.max_seconds is not None and found.length_seconds > limits.max_seconds:
            yield f"{length} (allowed: at most {seconds(limits.max_seconds)})"
        if limits.min_seconds is not None and found.length_seconds < limits.min_seconds:
            yield f"{length} (allowed: at least {seconds(limits.min_seconds)})"
    if found.frames_per_second is not None:
        rate = f"it has {found.frames_per_second:g} frames a second"
        frames = round(found.frames_per_second)  # 23.976 is 24 to everybody
        if limits.max_frames_per_second is not None and frames > limits.max_frames_per_second:
            yield f"{rate} (allowed: at most {limits.max_frames_per_second:g})"
        if limits.min_frames_per_second is not None and frames < limits.min_frames_per_second:
            yield f"{rate} (allowed: at least {limits.min_frames_per_second:g})"


def limits_for(card: ModelCard, role: MediaRole) -> MediaLimits:
    """The limits of a reference of this role, with that of what is held in memory on its way."""
    kind = kind_of(role)
    limits = card.media_limits.get(kind, _NONE)
    inline = limits.max_bytes is None and not card.by_address(role)
    return limits.evolve(max_bytes=MOST_BYTES_INLINE) if inline else limits


def check_together(found: Sequence[tuple[MediaRole, Reference]], card: ModelCard) -> None:
    """Let the references of an order pass if those of each kind are not too long together.

    Raises:
        InvalidInput: They are.
    """
    for kind, limits in card.media_limits.items():
        length = sum(one.length_seconds or 0.0 for role, one in found if kind_of(role) == kind)
        if limits.max_total_seconds is not None and length > limits.max_total_seconds:
            what = "sounds" if kind == "audio" else f"{kind}s"
            allowed = f"at most {seconds(limits.max_total_seconds)} in all"
            msg = (
                f"{card.model} does not take these {what}: they last {seconds(round(length, 2))} (allowed: {allowed})."
            )
            raise InvalidInput(msg, next_step="Cut them first, leave one out, or choose another model.")


def _broken_by_size(width: int, height: int, limits: MediaLimits, video_size: tuple[int, int] | None) -> Iterator[str]:
    pixels, ratio = f"it has {width:,} x {height:,} pixels", f"it is {width / height:.2f} times as wide as high"
    if limits.max_side_pixels is not None and max(width, height) > limits.max_side_pixels:
        yield f"{pixels} (allowed: at most {limits.max_side_pixels:,} on a side)"
    if limits.min_side_pixels is not None and min(width, height) < limits.min_side_pixels:
        yield f"{pixels} (allowed: at least {limits.min_side_pixels:,} on a side)"
    if limits.max_ratio is not None and width > height * limits.max_ratio:
        yield f"{ratio} (allowed: at most {limits.max_ratio:g})"
    if limits.min_ratio is not None and width < height * limits.min_ratio:
        yield f"{ratio} (allowed: at least {limits.min_ratio:g})"
    if limits.same_size_as_video and video_size is not None and (width, height) != video_size:
        yield f"{pixels} (allowed: exactly the {video_size[0]:,} x {video_size[1]:,} of the video)"


_NONE = MediaLimits()
