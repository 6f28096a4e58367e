"""The models of Runway: what they take and cost. Keys and sizes come from the forms, so that they cannot disagree.

Facts: the official package `runwayml` 5.24.0 (October 2026). Prices: Runway's price page as read from 2026-09-27 to
2026-10-08; 1 credit is 0.01 USD. Lengths, sound and numbers of references that Runway leaves open are the makers'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import combinations, product

from nexiom_sdk.models import Condition, Lengths, MediaKind, MediaLimits, ModelCard, Price, Shapes, Sound
from nexiom_sdk.providers.runway_forms import FORMS, Endpoint, Form
from nexiom_sdk.types import AspectRatio, MediaRole, Mode, Resolution

_VERIFIED_ON = "2026-11-22: runwayml 5.24.0"
_PRICED_ON = "2026-10-08: Runway's price page"
_ENDPOINTS: Mapping[Mode, tuple[Endpoint, ...]] = {
    "text": ("text_to_video",),
    "image": ("image_to_video",),
    "reference": ("text_to_video", "image_to_video", "character_performance"),
    "video": ("video_to_video",),
}
# Endpoints that take references beside what they are for.
_BESIDE: Mapping[MediaRole, Endpoint] = {"first_frame": "image_to_video", "source_video": "video_to_video"}
_UPLOADED = MediaLimits(max_bytes=200 * 1024 * 1024)  # what its own place for files takes
LAST_BESIDE_FIRST = Condition(roles=("last_frame",), beside=("first_frame",))


def _whole(shortest: int, longest: int) -> tuple[float, ...]:
    return tuple(map(float, range(shortest, longest + 1)))


def _usd(
    rates: Mapping[Resolution | None, str],
    *,
    modes: tuple[Mode | None, ...] = (None,),
    audio: bool | None = None,
    least: str = "0",
    plus: str = "0",
) -> tuple[Price, ...]:
    """Prices per second by resolution; None stands for all others."""
    return tuple(
        Price(
            usd=Decimal(usd),
            resolution=resolution,
            mode=mode,
            audio=audio,
            least_usd=Decimal(least),
            plus_usd=Decimal(plus),
        )
        for mode, (resolution, usd) in product(modes, rates.items())
    )


def _forms(model: str) -> Mapping[Mode, Form]:
    """The form of each kind of order that a model takes."""
    found: dict[Mode, Form] = {}
    for mode, endpoints in _ENDPOINTS.items():
        for form in filter(None, (FORMS.get((model, endpoint)) for endpoint in endpoints)):
            if mode != "reference" or form.place("reference_image"):
                found.setdefault(mode, form)
    return found


def _apart(model: str, media: Mapping[MediaRole, int], *, frames_alone: bool) -> tuple[tuple[MediaRole, ...], ...]:
    """Roles that no form takes together; keyframes and references are two kinds of order where a model says so."""
    forms = [form for (name, _), form in FORMS.items() if name == model]
    return tuple(
        pair
        for pair in combinations(media, 2)
        if not any(all(form.place(role) for role in pair) for form in forms)
        or (frames_alone and pair[0].endswith("frame") and pair[1].startswith("reference"))
    )


def _conditions(model: str, media: Mapping[MediaRole, int]) -> Iterator[Condition]:
    """What goes in only beside something else, and at which sizes: as the form for references alone has it."""
    if "last_frame" in media:
        yield LAST_BESIDE_FIRST
    references: list[MediaRole] = [role for role in media if role.startswith("reference")]
    performance, plain = FORMS.get((model, "character_performance")), FORMS.get((model, "text_to_video"))
    for role in references:
        if performance is not None:  # the character and what it shall do
            others: list[MediaRole] = [other for other in references if other != role]
            yield Condition(roles=(role,), beside=tuple(others))
        elif plain is None or plain.place(role) is None:
            taking: list[MediaRole] = [
                beside
                for beside, endpoint in _BESIDE.items()
                if (form := FORMS.get((model, endpoint))) is not None and form.place(role)
            ]
            yield Condition(roles=(role,), beside=tuple(taking))
        elif (lines := _lines(plain, "reference")) != _lines(plain, "text"):
            yield Condition(roles=(role,), resolutions=lines)


def _card(
    model: str,
    seconds: tuple[float, ...] = (),
    *,
    prices: tuple[Price, ...] = (),
    last: bool = False,
    references: tuple[int, int, int] = (0, 0, 0),
    frames_alone: bool = False,
    sound: Sound = "unknown",
    prompt: int | None = None,
    min_side_pixels: int | None = None,
    video: MediaLimits = _UPLOADED,
    conditions: tuple[Condition, ...] = (),
) -> ModelCard:
    """A card: the forms say what can be asked for, the arguments what the forms do not know.

    Args:
        model: Its id.
        seconds: Lengths; empty where none are known.
        prices: Prices; those of all kinds of order hold only where the length is asked for.
        last: Whether it takes a last frame.
        references: Most images, videos and sounds as references.
        frames_alone: Whether keyframes exclude references.
        sound: Whether clips have sound, where no key chooses it.
        prompt: Longest prompt.
        min_side_pixels: Shortest side of a picture.
        video: What videos must be like.
        conditions: What its maker says of references beside that.
    """
    forms = _forms(model)
    keys = frozenset[str]().union(*(form.keys for form in forms.values()))
    timed: list[Mode] = [mode for mode, form in forms.items() if "duration" in form.keys]
    offered: dict[Mode, tuple[AspectRatio, ...]] = {mode: _shapes(form, mode) for mode, form in forms.items()}
    alike = len(set(offered.values())) == 1 and all(offered.values())
    counts: dict[MediaRole, int] = {
        "first_frame": int("image" in forms),
        "last_frame": int(last),
        "reference_image": references[0],
        "reference_video": references[1],
        "reference_audio": references[2],
        "source_video": int("video" in forms),
    }
    media: dict[MediaRole, int] = {role: count for role, count in counts.items() if count}
    limits: dict[MediaKind, MediaLimits] = {
        "image": MediaLimits(types=("image/jpeg", "image/png", "image/webp"), min_side_pixels=min_side_pixels),
        "video": video,
        "audio": _UPLOADED,
    }
    return ModelCard(
        model=model,
        durations_seconds=seconds,
        lengths=tuple(Lengths(modes=(mode,)) for mode in forms if mode not in timed),
        resolutions=tuple(dict.fromkeys(line for mode, form in forms.items() for line in _lines(form, mode))),
        aspect_ratios=offered[next(iter(offered))] if alike else (),
        shapes=() if alike else tuple(Shapes(aspect_ratios=one, modes=(mode,)) for mode, one in offered.items()),
        media=media,
        media_exclusions=_apart(model, media, frames_alone=frames_alone),
        conditions=(*_conditions(model, media), *conditions),
        media_required="text" not in forms,
        media_limits=limits,
        audio="optional" if "audio" in keys else sound,
        seed="seed" in keys,
        negative_prompt="negativePrompt" in keys,
        max_prompt_chars=prompt,
        prices=tuple(
            price.evolve(mode=mode)
            for price in prices
            for mode in ((price.mode,) if price.mode or len(timed) == len(forms) else timed)
        ),
        priced_on=_PRICED_ON if prices else "",
        verified_on=_VERIFIED_ON,
    )


def _lines(form: Form, mode: Mode) -> tuple[Resolution, ...]:
    return tuple(dict.fromkeys(line for line, _ in form.sizes_for(mode) if line))


def _shapes(form: Form, mode: Mode) -> tuple[AspectRatio, ...]:
    return tuple(dict.fromkeys(shape for _, shape in form.sizes_for(mode) if shape))


def _kling() -> Iterator[ModelCard]:
    yield _card("kling2.5_turbo_pro", (5, 10), last=True, sound="never")
    for grade in ("standard", "pro", "4k"):
        prices = _usd({None: "0.17"}) if grade == "pro" else ()
        yield _card(f"kling3.0_{grade}", _whole(3, 15), prices=prices, last=True)
        yield _card(f"klingO3_{grade}", _whole(3, 15), last=True, references=(7, 0, 0))
    yield _card("kling_4", last=True, references=(10, 5, 0))


def _seedance() -> Iterator[ModelCard]:
    card = partial(_card, last=True, frames_alone=True)
    sound_beside_more = Condition(roles=("reference_audio",), beside=("reference_image", "reference_video"))
    for model, prices in (
        ("seedance2", _usd({"1080p": "0.40", "2160p": "1.50", None: "0.36"})),
        ("seedance2_fast", _usd({None: "0.29"})),
        ("seedance2_mini", _usd({None: "0.16"}, least="0.64")),
    ):
        yield card(
            model, _whole(4, 15), prices=prices, references=(9, 3, 3), prompt=3500, conditions=(sound_beside_more,)
        )
    plain = _usd({"480p": "0.20", "720p": "0.30", "1080p": "0.68"}, modes=("text", "image"), least="0.80")
    # A video that goes in costs half as much again; references are taken for videos, so the estimate is a ceiling.
    with_video = _usd({"480p": "0.30", "720p": "0.45", "1080p": "1.02"}, modes=("reference", "video"), least="0.80")
    yield card("seedance2_5", _whole(4, 30), prices=plain + with_video, references=(30, 10, 10), prompt=15_000)


def _cards() -> Iterator[ModelCard]:
    length_of_the_source = f"{_PRICED_ON}; it follows the length of the video that goes in, so it is not known before"
    yield _card("gen4.5", _whole(2, 10), prices=_usd({None: "0.12"}), sound="never", prompt=1000)
    yield _card("gen4_turbo", _whole(2, 10), prices=_usd({None: "0.05"}), sound="never", prompt=1000)
    yield _card("aleph2", video=_UPLOADED.evolve(min_seconds=2, max_seconds=30, max_frames_per_second=30)).evolve(
        priced_on=f"0.28 USD/s, at least 0.56 ({length_of_the_source})"
    )
    yield _card("act_two", references=(1, 1, 0), video=_UPLOADED.evolve(min_seconds=3, max_seconds=30)).evolve(
        priced_on=f"0.05 USD/s ({length_of_the_source})"
    )
    for model, silent, loud in (("veo3.1", "0.20", "0.40"), ("veo3.1_fast", "0.10", "0.15")):
        prices = _usd({None: silent}, audio=False) + _usd({None: loud})
        yield _card(model, (4, 6, 8), prices=prices, last=True, prompt=1000)
    yield from _seedance()
    yield from _kling()
    yield _card(
        "hailuo3",
        _whole(5, 15),
        prices=_usd({"768p": "0.10", "1440p": "0.15"}, modes=("text", "image")),
        last=True,
        references=(9, 3, 3),
        frames_alone=True,
    )
    yield _card("h3_max", _whole(5, 15), prices=_usd({"480p": "0.05", "768p": "0.08"}), last=True, min_side_pixels=256)
    for model, low, middle, high in (("wan3", "0.05", "0.10", "0.20"), ("wan3_prime", "0.068", "0.14", "0.28")):
        prices = _usd({"480p": low, "720p": middle, "1080p": high})
        yield _card(model, _whole(2, 30), prices=prices, last=True, references=(10, 3, 3), frames_alone=True)
    yield _card("happyhorse_1_0", prices=_usd({"720p": "0.15", "1080p": "0.30"}), prompt=2500)
    grok: Mapping[Resolution | None, str] = {"480p": "0.10", "720p": "0.16", "1080p": "0.29"}
    yield _card(
        "grok_imagine_1_5",
        _whole(1, 15),
        prices=_usd(grok, modes=("text",))
        + _usd(grok, modes=("image",), plus="0.01")
        + _usd(grok, modes=("reference",), plus="0.07"),
        references=(7, 0, 1),
        sound="always",
        prompt=2500,
    )
    lite: Mapping[Resolution | None, str] = {"480p": "0.02", "720p": "0.03", "1080p": "0.14"}
    prices = _usd(lite, modes=("text",)) + _usd(lite, modes=("image",), plus="0.01")
    yield _card("grok_imagine_1_5_lite", _whole(1, 15), prices=prices, prompt=2500)
    yield _card("gemini_omni_flash", _whole(3, 10), prices=_usd({None: "0.10"}), sound="always")
    yield _card(
        "gemini_omni_flash_1.1",
        _whole(3, 10),
        prices=_usd({"360p": "0.034", "720p": "0.10", "1080p": "0.15", "2160p": "0.30"}),
        last=True,
        references=(10, 3, 0),
        sound="always",
    ).evolve(priced_on=f"{_PRICED_ON} for 360p and 2160p; Google's own prices for 720p and 1080p")
    for model, since, successor in (
        ("gen3a_turbo", date(2026, 7, 30), "gen4_turbo"),
        ("gen4_aleph", date(2026, 7, 30), "aleph2"),
        ("veo3", date(2026, 8, 1), "veo3.1"),
    ):
        yield ModelCard(
            model=model, lifecycle="retired", retires_on=since, successor=successor, verified_on=_VERIFIED_ON
        )


CARDS: tuple[ModelCard, ...] = tuple(_cards())
