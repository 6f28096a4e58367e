"""OpenRouter's video models as they were listed on 2026-10-09, until `refresh` reads what is listed now.

Source: a public snapshot of the list of that day. Ratios are given where the snapshot names them, and where it says how
many there are and another API of the same model names as many. Left out: upscalers, and models that edit or animate a
person, whose input is not documented (`runway/aleph-2`, `heygen/avatar-iv`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from nexiom_sdk.models import Condition, ModelCard
from nexiom_sdk.providers.openrouter_catalogue import Row, card_of

SEEN = "2026-10-09: OpenRouter's list of video models"
_WIDE_AND_TALL = ("16:9", "9:16")
_SQUARE_TOO = (*_WIDE_AND_TALL, "1:1")
_SEVEN = ("1:1", "3:4", "9:16", "4:3", "16:9", "21:9", "9:21")
_FIVE = ("16:9", "9:16", "1:1", "4:3", "3:4")
_SIX = (*_FIVE, "21:9")
_UNKNOWN = ()
_FIRST, _FIRST_AND_LAST = ("first_frame",), ("first_frame", "last_frame")
_VEO_KEYS = ("personGeneration", "negativePrompt")
_MOST_PROMPT_CHARS = {"kwaivgi/": 2500}
_LAST_BESIDE_FIRST = Condition(roles=("last_frame",), beside=("first_frame",))
_SOUND_BESIDE_MORE = Condition(roles=("reference_audio",), beside=("reference_image", "reference_video"))
# OpenRouter passes orders on: what the makers' own APIs say of these models holds here too.
_CONDITIONS: Mapping[str, Condition] = {
    "google/veo-": _LAST_BESIDE_FIRST,
    "kwaivgi/kling-": _LAST_BESIDE_FIRST,
    "bytedance/seedance-": _LAST_BESIDE_FIRST,
    "bytedance/seedance-2.0": _SOUND_BESIDE_MORE,
}


def _row(
    model: str,
    seconds: Sequence[float],
    resolutions: str,
    ratios: Sequence[str],
    frames: Sequence[str],
    *,
    audio: bool | None,
    seed: bool | None,
    keys: Sequence[str] = (),
    **skus: str,
) -> Row:
    return Row(
        id=model,
        supported_durations=tuple(seconds),
        supported_resolutions=tuple(resolutions.split()),
        supported_aspect_ratios=tuple(ratios) or None,
        supported_frame_images=tuple(frames),
        generate_audio=audio,
        seed=seed,
        allowed_passthrough_parameters=tuple(keys),
        pricing_skus=skus,
    )


def _sound(*, loud: str, silent: str, at: str = "") -> Mapping[str, str]:
    end = f"_{at}" if at else ""
    return {f"duration_seconds_with_audio{end}": loud, f"duration_seconds_without_audio{end}": silent}


def _by_resolution(**cents: str) -> Mapping[str, str]:
    return {f"cents_per_video_output_second_{name.removeprefix('at')}": amount for name, amount in cents.items()}


_ROWS: tuple[Row, ...] = (
    _row("google/veo-3.1", (4, 6, 8), "720p 1080p 4K", _WIDE_AND_TALL, _FIRST_AND_LAST,
         audio=True, seed=True, keys=_VEO_KEYS, **_sound(loud="0.40", silent="0.20"),
         **_sound(loud="0.60", silent="0.40", at="4k")),
    _row("google/veo-3.1-fast", (4, 6, 8), "720p 1080p 4K", _WIDE_AND_TALL, _FIRST_AND_LAST,
         audio=True, seed=True, keys=_VEO_KEYS, **_sound(loud="0.12", silent="0.10"),
         **_sound(loud="0.10", silent="0.08", at="720p"), **_sound(loud="0.30", silent="0.25", at="4k")),
    _row("google/veo-3.1-lite", (4, 6, 8), "720p 1080p", _WIDE_AND_TALL, _FIRST_AND_LAST,
         audio=True, seed=True, keys=_VEO_KEYS, **_sound(loud="0.05", silent="0.03", at="720p"),
         **_sound(loud="0.08", silent="0.05", at="1080p")),
    _row("kwaivgi/kling-v3.0-pro", range(3, 16), "720p", _SQUARE_TOO, _FIRST_AND_LAST,
         audio=True, seed=False, **_sound(loud="0.168", silent="0.112")),
    _row("kwaivgi/kling-v3.0-std", range(3, 16), "720p", _SQUARE_TOO, _FIRST_AND_LAST,
         audio=True, seed=False, **_sound(loud="0.126", silent="0.084")),
    _row("kwaivgi/kling-video-o1", (5, 10), "720p", _SQUARE_TOO, _FIRST_AND_LAST,
         audio=True, seed=False, duration_seconds="0.112"),
    _row("bytedance/seedance-2.5", range(4, 31), "480p 720p", _SIX, _FIRST_AND_LAST,
         audio=True, seed=True, video_tokens="0.0000107"),
    _row("bytedance/seedance-2.0", range(4, 16), "480p 720p 1080p 4K", _SEVEN, _FIRST_AND_LAST,
         audio=True, seed=True, video_tokens="0.000007", video_tokens_1080p="0.0000077",
         video_tokens_4k="0.000004"),
    _row("bytedance/seedance-2.0-fast", range(4, 16), "480p 720p", _SEVEN, _FIRST_AND_LAST,
         audio=True, seed=True, video_tokens="0.0000042"),
    _row("bytedance/seedance-2.0-mini", range(4, 16), "480p 720p", _SEVEN, _FIRST_AND_LAST,
         audio=True, seed=True, video_tokens="0.0000035"),
    _row("bytedance/seedance-1-5-pro", range(4, 13), "480p 720p 1080p", _SEVEN, _FIRST_AND_LAST,
         audio=True, seed=True, video_tokens="0.0000024", video_tokens_without_audio="0.0000012"),
    _row("runway/gen-4.5", range(2, 11), "720p", _WIDE_AND_TALL, _FIRST,
         audio=False, seed=True, duration_seconds="0.12"),
    _row("alibaba/wan-3.0", range(2, 31), "480p 720p 1080p", _FIVE, _FIRST,
         audio=True, seed=True, **_by_resolution(at480p="5", at720p="10", at1080p="20")),
    _row("alibaba/wan-3.0-prime", range(2, 31), "480p 720p 1080p", _FIVE, _FIRST,
         audio=True, seed=True, **_by_resolution(at480p="6.8", at720p="14", at1080p="28")),
    _row("alibaba/wan-2.7", range(2, 11), "720p 1080p", _UNKNOWN, _FIRST_AND_LAST,
         audio=True, seed=True, duration_seconds="0.10"),
    _row("alibaba/wan-2.6", (5, 10), "720p 1080p", _UNKNOWN, _FIRST,
         audio=True, seed=True, text_to_video_duration_seconds_720p="0.08",
         text_to_video_duration_seconds_1080p="0.12", image_to_video_duration_seconds_720p="0.10",
         image_to_video_duration_seconds_1080p="0.15"),
    _row("alibaba/happyhorse-1.1", range(3, 16), "720p 1080p", _UNKNOWN, _FIRST,
         audio=None, seed=True, duration_seconds_720p="0.0988", duration_seconds_1080p="0.1278"),
    _row("minimax/hailuo-3", range(5, 16), "2K", _SIX, _FIRST_AND_LAST,
         audio=True, seed=False, duration_seconds="0.13"),
    _row("minimax/hailuo-3-max", range(5, 16), "480p 768p", _UNKNOWN, _FIRST_AND_LAST,
         audio=False, seed=False, duration_seconds_480p="0.05", duration_seconds_768p="0.08"),
    _row("minimax/hailuo-2.3", (6, 10), "1080p", ("16:9",), _FIRST,
         audio=False, seed=None, duration_seconds="0.0817"),
    _row("black-forest-labs/flux-3-video", range(5, 21), "720p 1080p", _UNKNOWN, _FIRST_AND_LAST,
         audio=True, seed=False, duration_seconds_720p="0.17", duration_seconds_1080p="0.29"),
    _row("x-ai/grok-imagine-video", range(1, 16), "480p 720p", _FIVE, _FIRST,
         audio=None, seed=None, **_by_resolution(at480p="5", at720p="7"), cents_per_image_input="0.2"),
    _row("x-ai/grok-imagine-video-1.5", range(1, 16), "480p 720p 1080p", _FIVE, _FIRST,
         audio=None, seed=None, **_by_resolution(at480p="8", at720p="14", at1080p="25")),
    _row("x-ai/grok-imagine-video-1.5-lite", range(1, 16), "480p 720p 1080p", _FIVE, _FIRST,
         audio=None, seed=None, **_by_resolution(at480p="2", at720p="3", at1080p="14")),
    _row("heygen/heygen-video-1", range(5, 16), "480p 768p 2K", _UNKNOWN, _FIRST,
         audio=False, seed=None, duration_seconds_480p="0.02", duration_seconds_768p="0.03",
         duration_seconds_2k="0.09"),
)  # fmt: skip

_GONE = ModelCard(
    model="openai/sora-2-pro",
    lifecycle="retired",
    retires_on=date(2026, 10, 1),
    successor="google/veo-3.1",
    verified_on="2026-10-09: listed in September 2026, and no more in October",
)


def known(model: str) -> ModelCard:
    """What is known of a model beside the list: references of other kinds, lengths of prompts."""
    moving = model.startswith("bytedance/seedance-2")
    return ModelCard(
        model=model,
        media={"reference_video": 10, "reference_audio": 10} if moving else {},
        conditions=tuple(one for begin, one in _CONDITIONS.items() if model.startswith(begin)),
        max_prompt_chars=next((most for maker, most in _MOST_PROMPT_CHARS.items() if model.startswith(maker)), None),
        min_poll_seconds=10,
    )


CARDS: tuple[ModelCard, ...] = (*(card_of(row, seen=SEEN, known=known(row.id)) for row in _ROWS), _GONE)
