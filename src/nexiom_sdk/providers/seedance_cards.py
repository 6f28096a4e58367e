"""The models of Seedance: what they take, and what they cost at BytePlus.

Sources: BytePlus' page of 2026-10-02 with prices per million tokens and examples in USD per second at 16:9, the pages
about orders and about models that end, and the packages `byteplus-python-sdk-v2` 3.0.63 and `volcengine-python-sdk`
5.0.54; as of 2026-11-22.

A clip costs (seconds of video that go in + seconds that come out) x width x height x 24 / 1024 tokens. How long a video
is that goes in is not known here, so estimates with references take it for the longest that the API takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from nexiom_sdk.models import Condition, MediaLimits, ModelCard, Price, Shapes
from nexiom_sdk.types import AspectRatio, MediaRole, Resolution

_MIB = 1024 * 1024
_MILL = Decimal("0.001")
_MILLION = 1_000_000
_RATIOS: tuple[AspectRatio, ...] = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
_REFERENCES: tuple[MediaRole, ...] = ("reference_image", "reference_video", "reference_audio")
_APART: tuple[tuple[MediaRole, MediaRole], ...] = (
    ("first_frame", "reference_image"),
    ("first_frame", "reference_video"),
    ("first_frame", "reference_audio"),
    ("first_frame", "source_video"),
    ("last_frame", "reference_image"),
    ("last_frame", "reference_video"),
    ("last_frame", "reference_audio"),
    ("last_frame", "source_video"),
    ("reference_video", "source_video"),  # which of them is changed would be left to the prompt
)
_LAST_BESIDE_FIRST = Condition(roles=("last_frame",), beside=("first_frame",))
_SOUND_BESIDE_MORE = Condition(roles=("reference_audio",), beside=("reference_image", "reference_video"))
_MINI = "dreamina-seedance-2-0-mini-260615"


@dataclass(frozen=True, slots=True)
class _Usd:
    """USD at one resolution.

    Args:
        second: For a second of video at 16:9, with sound; empty where it is not published.
        tokens: For a million tokens, with sound.
        tokens_with_video: The same where a video goes in; empty where none can.
        silent_second: For a second without sound, where that is another price.
        silent_tokens: For a million tokens without sound.
    """

    second: str
    tokens: str
    tokens_with_video: str = ""
    silent_second: str = ""
    silent_tokens: str = ""


_USD: Mapping[str, Mapping[Resolution, _Usd]] = {
    "dreamina-seedance-2-5-260628": {
        "480p": _Usd("0.103", "10.7", "6.4"),
        "720p": _Usd("0.231", "10.7", "6.4"),
        "1080p": _Usd("0.569", "11.7", "7.0"),
    },
    "dreamina-seedance-2-0-260128": {
        "480p": _Usd("0.070", "7.0", "4.3"),
        "720p": _Usd("0.151", "7.0", "4.3"),
        "1080p": _Usd("0.374", "7.7", "4.7"),
        "2160p": _Usd("0.778", "4.0", "2.4"),
    },
    "dreamina-seedance-2-0-fast-260128": {
        "480p": _Usd("0.056", "5.6", "3.3"),
        "720p": _Usd("0.121", "5.6", "3.3"),
    },
    _MINI: {
        "480p": _Usd("0.035", "3.5", "2.1"),
        "720p": _Usd("0.076", "3.5", "2.1"),
    },
    "seedance-1-5-pro-251215": {
        "480p": _Usd("", "2.4", silent_tokens="1.2"),
        "720p": _Usd("0.052", "2.4", silent_second="0.026", silent_tokens="1.2"),
        "1080p": _Usd("0.117", "2.4", silent_second="0.058", silent_tokens="1.2"),
    },
    "seedance-1-0-pro-250528": {
        "480p": _Usd("", "2.5"),
        "720p": _Usd("0.054", "2.5"),
        "1080p": _Usd("0.122", "2.5"),
    },
    "seedance-1-0-pro-fast-251015": {
        "480p": _Usd("", "1.0"),
        "720p": _Usd("0.022", "1.0"),
        "1080p": _Usd("0.049", "1.0"),
    },
}


def _prices(model: str, most_video_seconds: int, *, edits: bool) -> tuple[Price, ...]:
    rows: list[Price] = []
    for place, usd in _USD[model].items():
        plain = Decimal(usd.second or 0)
        if usd.tokens_with_video:
            with_video = (plain * Decimal(usd.tokens_with_video) / Decimal(usd.tokens)).quantize(_MILL, ROUND_CEILING)
            most = with_video * most_video_seconds
            if edits:  # as much may come out as goes in
                rows.append(Price(usd=most * 2, per="clip", resolution=place, mode="video"))
            rows.append(Price(usd=with_video, plus_usd=most, resolution=place, mode="reference"))
        if usd.silent_second:
            rows.append(Price(usd=Decimal(usd.silent_second), resolution=place, audio=False))
        if usd.second:
            rows.append(Price(usd=plain, resolution=place))
    return tuple(rows)


def _card(
    model: str,
    seconds: tuple[int, int],
    *,
    last: bool = True,
    references: tuple[int, int, int] = (0, 0, 0),
    video_seconds: int = 0,
    shortest_video: int | None = None,
    edits: bool = False,
    sound: bool = True,
    seed: bool = False,
) -> ModelCard:
    """A card.

    Args:
        model: Its id at BytePlus.
        seconds: Shortest and longest clip.
        last: Whether it takes a last frame.
        references: Most images, videos and sounds as references.
        video_seconds: Longest that all videos, and all sounds, that go in may be together.
        shortest_video: Shortest video that may go in, in seconds.
        edits: Whether it changes a video.
        sound: Whether sound can be chosen.
        seed: Whether it takes a seed.
    """
    counts: Mapping[MediaRole, int] = {
        "first_frame": 1,
        "last_frame": int(last),
        **dict(zip(_REFERENCES, references, strict=True)),
        "source_video": int(edits),
    }
    return ModelCard(
        model=model,
        durations_seconds=tuple(map(float, range(seconds[0], seconds[1] + 1))),
        resolutions=tuple(_USD.get(model, {})),
        aspect_ratios=_RATIOS,
        shapes=(Shapes(aspect_ratios=(), modes=("image", "video")),),
        media={role: count for role, count in counts.items() if count},
        media_exclusions=tuple(pair for pair in _APART if all(counts[role] for role in pair)),
        conditions=(_LAST_BESIDE_FIRST,) if last else (),
        media_limits={
            "image": MediaLimits(
                max_bytes=30 * _MIB, min_side_pixels=300, max_side_pixels=6000, min_ratio=0.4, max_ratio=2.5
            ),
            "video": MediaLimits(
                max_bytes=200 * _MIB, min_seconds=shortest_video, max_total_seconds=video_seconds or None
            ),
            "audio": MediaLimits(
                types=("audio/mpeg", "audio/wav"), max_bytes=15 * _MIB, max_total_seconds=video_seconds or None
            ),
        },
        addresses_only_for=frozenset({"video"}),
        audio="optional" if sound else "never",
        seed=seed,
        prices=_prices(model, video_seconds, edits=edits) if model else (),
        priced_on="2026-10-02: BytePlus' price page" if model else "",
        verified_on="2026-11-22: byteplus-python-sdk-v2 3.0.63",
    )


def of_generation(card: ModelCard, *names: str) -> ModelCard:
    """The card with what holds for the generation that its names tell; an operator may have renamed a model.

    Args:
        card: The card.
        names: What the model is called, here and there.

    Example:
        >>> of_generation(UNLISTED, "mine", "dreamina-seedance-2-0-260128").conditions[-1].roles
        ('reference_audio',)
    """
    if _SOUND_BESIDE_MORE in card.conditions or not any("seedance-2-0-" in name for name in names):
        return card
    return card.evolve(conditions=(*card.conditions, _SOUND_BESIDE_MORE))


CARDS = (
    _card("dreamina-seedance-2-5-260628", (4, 30), references=(30, 10, 10), video_seconds=30, edits=True),
    *(
        of_generation(_card(model, (4, 15), references=(9, 3, 3), video_seconds=15, shortest_video=2), model)
        for model in ("dreamina-seedance-2-0-260128", "dreamina-seedance-2-0-fast-260128", _MINI)
    ),
    _card("seedance-1-5-pro-251215", (4, 12), seed=True),
    _card("seedance-1-0-pro-250528", (2, 12), sound=False, seed=True),
    _card("seedance-1-0-pro-fast-251015", (2, 12), last=False, sound=False, seed=True),
)

GONE = tuple(
    ModelCard(
        model=f"seedance-1-0-lite-{kind}-250428",
        lifecycle="retired",
        verified_on="2026-10-02: no more in BytePlus' table of models; no day is named",
    )
    for kind in ("t2v", "i2v")
)

UNLISTED = _card("", (4, 30), references=(30, 10, 10), edits=True, seed=True).evolve(durations_seconds=())
"""What is assumed of a model that is newer than this list, or that an operator named: all that any of them takes."""


def volcengine_id(model: str) -> str:
    """The id of a model at Volcengine.

    Example:
        >>> volcengine_id("dreamina-seedance-2-0-260128"), volcengine_id("seedance-1-0-pro-250528")
        ('doubao-seedance-2-0-260128', 'doubao-seedance-1-0-pro-250528')
    """
    return f"doubao-{model.removeprefix('dreamina-')}"


def cost_usd(
    tokens: int, model: str, resolution: str, *, audio: bool | None, with_video: bool, flex: bool
) -> Decimal | None:
    """What a clip of so many tokens costs at BytePlus by the list; None where that is not certain.

    Args:
        tokens: Tokens as the task counts them.
        model: Its id at BytePlus.
        resolution: As Seedance writes it.
        audio: Whether the clip has sound; None where it is not known.
        with_video: Whether a video went in.
        flex: Made offline, at half the price.

    Example:
        >>> cost_usd(108900, "dreamina-seedance-2-0-260128", "720p", audio=True, with_video=False, flex=False)
        Decimal('0.7623')
    """
    named = "2160p" if resolution == "4k" else resolution
    usd = next((usd for place, usd in _USD.get(model, {}).items() if place == named), None)
    if usd is None or (usd.silent_tokens and audio is None):
        return None
    rate = usd.tokens_with_video if with_video else (usd.silent_tokens if audio is False else "") or usd.tokens
    return Decimal(rate) * tokens / _MILLION / (2 if flex else 1) if rate else None
