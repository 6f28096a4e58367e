"""What a clip will cost by the cards, as tables that a person can compare with a price page.

Prices are those that the cards' own sources name, as of autumn 2026: Google as LiteLLM 1.109.1 has it, Runway
2026-10-08, Kling 2026-10, BytePlus 2026-10-02, Luma 2026-07-10, OpenRouter 2026-10-09.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import pytest

from nexiom_sdk.models import ModelCard, estimate
from nexiom_sdk.providers import (
    hunyuan_cards,
    hunyuan_open_cards,
    kling_cards,
    local,
    luma_cards,
    openrouter_cards,
    runway_cards,
    seedance_cards,
    sora_cards,
    veo_cards,
)
from nexiom_sdk.types import DeliveredMedia, MediaRole, Mode, Resolution, VideoSpec

CARDS: Mapping[str, Sequence[ModelCard]] = {
    "veo": (*veo_cards.VEO, *veo_cards.OMNI),
    "runway": runway_cards.CARDS,
    "kling": (*kling_cards.PRESENT, *kling_cards.OLDER),
    "seedance": seedance_cards.CARDS,
    "luma": (luma_cards.RAY_3, *luma_cards.RAY_2),
    "openrouter": openrouter_cards.CARDS,
    "hunyuan": (hunyuan_cards.TOKENHUB, hunyuan_cards.VCLM, hunyuan_open_cards.CARD),
    "sora": (sora_cards.served(sora_cards.SERVED, "upload"), *sora_cards.RETIRED),
    "local": (local.CARD,),
}
OFFERED = {
    f"{provider}/{card.model}": card
    for provider, cards in CARDS.items()
    for card in cards
    if card.lifecycle != "retired"
}

# USD for a second of video made from text or a first frame, by lines of the picture; `a` with, `s` without sound,
# neither: whichever. `~`: the provider lists a price per token, and the rate is what it comes to.
RATES = """
veo/veo-3.1-generate-001                    720a .40   1080a .40  2160a .60
veo/veo-3.1-fast-generate-001               720a .10   1080a .12  2160a .30
veo/veo-3.1-lite-generate-001               720 .05    1080 .08
veo/gemini-omni-1.1-flash                   360 .03    720 .10    1080 .15   2160 .30

runway/gen4.5                               720 .12
runway/gen4_turbo                           720 .05
runway/gemini_omni_flash                    720 .10
runway/gemini_omni_flash_1.1                360 .034   720 .10    1080 .15   2160 .30
runway/seedance2                            480 .36    720 .36    1080 .40   2160 1.50
runway/seedance2_fast                       480 .29    720 .29
runway/seedance2_mini                       480 .16    720 .16
runway/seedance2_5                          480 .20    720 .30    1080 .68
runway/wan3                                 480 .05    720 .10    1080 .20
runway/wan3_prime                           480 .068   720 .14    1080 .28
runway/veo3.1                               720a .40   1080a .40  720s .20   1080s .20
runway/veo3.1_fast                          720a .15   1080a .15  720s .10   1080s .10
runway/kling3.0_pro                         1080 .17
runway/hailuo3                              768 .10    1440 .15
runway/h3_max                               480 .05    768 .08
runway/happyhorse_1_0                       720 .15    1080 .30

kling/kling-3.0                             720s .084  1080s .112 2160s .42  720a .126  1080a .168 2160a .42
kling/kling-3.0-omni                        720s .084  1080s .112 2160s .42  720a .112  1080a .14  2160a .42
kling/kling-3.0-turbo                       720 .112   1080 .14
kling/kling-2.6                             720s .042  1080s .07  1080a .14
kling/kling-2.5-turbo                       720 .042   1080 .07
kling/kling-v3                              720s .084  1080s .112 2160s .42  720a .126  1080a .168 2160a .42
kling/kling-v3-omni                         720s .084  1080s .112 2160s .42  720a .112  1080a .14  2160a .42
kling/kling-v2-6                            720s .042  1080s .07  1080a .14
kling/kling-v2-5-turbo                      720 .042   1080 .07
kling/kling-video-o1                        720 .084   1080 .112

seedance/dreamina-seedance-2-5-260628       480 .103   720 .231   1080 .569
seedance/dreamina-seedance-2-0-260128       480 .070   720 .151   1080 .374  2160 .778
seedance/dreamina-seedance-2-0-fast-260128  480 .056   720 .121
seedance/dreamina-seedance-2-0-mini-260615  480 .035   720 .076
seedance/seedance-1-5-pro-251215            720a .052  1080a .117 720s .026  1080s .058
seedance/seedance-1-0-pro-250528            720 .054   1080 .122
seedance/seedance-1-0-pro-fast-251015       720 .022   1080 .049

openrouter/google/veo-3.1                   720a .40   1080a .40  2160a .60  720s .20   1080s .20  2160s .40
openrouter/google/veo-3.1-fast              720a .10   1080a .12  2160a .30  720s .08   1080s .10  2160s .25
openrouter/google/veo-3.1-lite              720a .05   1080a .08  720s .03   1080s .05
openrouter/kwaivgi/kling-v3.0-pro           720s .112  720a .168
openrouter/kwaivgi/kling-v3.0-std           720s .084  720a .126
openrouter/kwaivgi/kling-video-o1           720 .112
openrouter/bytedance/seedance-2.5           480 ~.10   720 ~.23
openrouter/bytedance/seedance-2.0           480 ~.070  720 ~.151  1080 ~.374 2160 ~.778
openrouter/bytedance/seedance-2.0-fast      480 ~.042  720 ~.091
openrouter/bytedance/seedance-2.0-mini      480 ~.035  720 ~.076
openrouter/bytedance/seedance-1-5-pro       720a ~.052 1080a ~.117 720s ~.026 1080s ~.058
openrouter/runway/gen-4.5                   720 .12
openrouter/alibaba/wan-3.0                  480 .05    720 .10    1080 .20
openrouter/alibaba/wan-3.0-prime            480 .068   720 .14    1080 .28
openrouter/alibaba/wan-2.7                  720 .10    1080 .10
openrouter/alibaba/happyhorse-1.1           720 .0988  1080 .1278
openrouter/minimax/hailuo-3                 1440 .13
openrouter/minimax/hailuo-3-max             480 .05    768 .08
openrouter/minimax/hailuo-2.3               1080 .0817
openrouter/black-forest-labs/flux-3-video   720 .17    1080 .29
openrouter/x-ai/grok-imagine-video-1.5      480 .08    720 .14    1080 .25
openrouter/x-ai/grok-imagine-video-1.5-lite 480 .02    720 .03    1080 .14
openrouter/heygen/heygen-video-1            480 .02    768 .03    1440 .09

local/preview                               360 0      720 0      2160 0
"""

# What has a price of another kind, or none in some places: `?` is a price that nobody knows.
#                                           from       seconds  size   sound  USD
CLIPS = """
luma/ray-3.2                                text        5      540    -      .15
luma/ray-3.2                                text        5      720    -      .30
luma/ray-3.2                                image       5     1080    -     1.20
luma/ray-3.2                                text       10      540    -      .45
luma/ray-3.2                                text       10      720    -      .90
luma/ray-3.2                                image      10     1080    -     3.60
luma/ray-3.2                                text        5      360    -      ?
luma/ray-3.2                                video       5      720    -      ?
luma/ray-3.2                                text        -      720    -      ?

veo/veo-3.1-generate-001                    text        8     1080    a     3.20
veo/veo-3.1-generate-001                    reference   8     1080    a     3.20
veo/veo-3.1-generate-001                    text        8     1080    s      ?
veo/veo-3.1-fast-generate-001               text        8      720    s      ?
veo/veo-3.1-generate-001                    video       7      720    a      ?
veo/gemini-omni-1.1-flash                   reference   8      720    -      .80
veo/gemini-omni-1.1-flash                   video       8      720    -      ?

runway/seedance2_mini                       text        4      480    -      .64
runway/seedance2_mini                       text        3      480    -      .64
runway/seedance2_5                          text        4      480    -      .80
runway/seedance2_5                          text        5      480    -     1.00
runway/seedance2_5                          reference   4      480    -     1.20
runway/seedance2_5                          reference  10     1080    -    10.20
runway/seedance2_5                          video      10      720    -     4.50
runway/grok_imagine_1_5                     text       10      720    -     1.60
runway/grok_imagine_1_5                     image      10      720    -     1.61
runway/grok_imagine_1_5                     reference  10      720    -     1.67
runway/grok_imagine_1_5_lite                text       10     1080    -     1.40
runway/grok_imagine_1_5_lite                image      10     1080    -     1.41
runway/gen4.5                               text        -      720    -      ?
runway/hailuo3                              reference   5      768    -      ?
runway/aleph2                               video       5     1080    -      ?
runway/act_two                              reference   5      720    -      ?

kling/kling-3.0-omni                        reference   5      720    s      .630
kling/kling-3.0-omni                        reference   5     1080    s      .840
kling/kling-3.0-omni                        reference   5     2160    s     2.100
kling/kling-3.0-omni                        reference   5      720    a      .560
kling/kling-3.0-omni                        reference   5     1080    a      .700
kling/kling-3.0-omni                        video       5      720    s      ?
kling/kling-video-o1                        reference  10      720    -     1.260
kling/kling-video-o1                        reference  10     1080    -     1.680
kling/kling-video-o1                        video      10      720    -      ?

seedance/dreamina-seedance-2-0-260128       reference   5      720    -     1.860
seedance/dreamina-seedance-2-5-260628       reference   5      720    -     4.865
seedance/dreamina-seedance-2-5-260628       video       5      720    -     8.340
seedance/dreamina-seedance-2-5-260628       video      30      720    -     8.340
seedance/seedance-1-5-pro-251215            text        5      480    a      ?
seedance/seedance-1-0-pro-250528            text        5      480    -      ?

openrouter/x-ai/grok-imagine-video          text       10      720    -      .70
openrouter/x-ai/grok-imagine-video          image      10      720    -      .702
openrouter/x-ai/grok-imagine-video          reference  10      720    -      .720
openrouter/alibaba/wan-2.6                  text        5     1080    -      .60
openrouter/alibaba/wan-2.6                  image       5     1080    -      .75
openrouter/alibaba/wan-2.6                  reference   5     1080    -      ?
"""

# Models without any price, and why.
UNKNOWN: Mapping[str, str] = {
    "veo/gemini-omni-1.2-flash": "what is said of it is inferred from resellers, not from Google's page",
    "runway/aleph2": "it follows the length of the video that goes in",
    "runway/act_two": "it follows the length of the video that goes in",
    "runway/kling2.5_turbo_pro": "not found",
    "runway/kling3.0_standard": "not found",
    "runway/kling3.0_4k": "not found",
    "runway/klingO3_standard": "not found",
    "runway/klingO3_pro": "not found",
    "runway/klingO3_4k": "not found",
    "runway/kling_4": "not found",
    "luma/ray-2": "one weak report, and Luma's rate per pixel was not found",
    "luma/ray-flash-2": "only inferred",
    "hunyuan/hy-video-v1.5": "1.5 CNY a clip is not confirmed for this id, and no USD",
    "hunyuan/hunyuan-vclm": "1.2 CNY a credit, and no USD",
    "hunyuan/HunyuanVideo-1.5": "the operator's own machine",
    "sora/@served": "the operator's own machine, or a reseller",
}

_SOUND: Mapping[str, tuple[bool | None, ...]] = {"a": (True,), "s": (False,), "": (True, False, None), "-": (None,)}
_ROLES: Mapping[Mode, tuple[MediaRole, ...]] = {
    "text": (),
    "image": ("first_frame",),
    "reference": ("reference_image",),
    "video": ("source_video",),
}


def clip(card: ModelCard, mode: Mode, length: float | None, size: Resolution, sound: bool | None) -> Decimal | None:
    """What the card says that such a clip costs."""
    media = tuple(DeliveredMedia(role=role, media_type="", url="https://a.example/x") for role in _ROLES[mode])
    spec = VideoSpec(
        model=card.model, prompt="a fox", media=media, duration_seconds=length, resolution=size, audio=sound
    )
    assert spec.mode == mode
    return estimate(card, spec)


def rates() -> Iterator[tuple[str, str, str, str]]:
    for model, *columns in map(str.split, filter(None, RATES.splitlines())):
        for where, usd in zip(columns[::2], columns[1::2], strict=True):
            found = re.fullmatch(r"(\d+)([as]?)", where)
            assert found
            yield model, found[1], found[2], usd


def lengths(card: ModelCard) -> Sequence[float]:
    """The shortest and the longest that it offers; some lengths where none are known."""
    offered = card.durations_seconds or card.duration_range_seconds or (5.0, 7.5)
    return offered[0], offered[-1]


@pytest.mark.parametrize(("model", "size", "sound", "usd"), [*rates()])
def test_a_second_costs_what_the_list_says(model: str, size: str, sound: str, usd: str) -> None:
    card, place = OFFERED[model], f"{size}p"
    assert place in card.resolutions
    modes: tuple[Mode, ...] = ("text", "image") if not card.media_required else ("image",)
    for mode in modes:
        for length in lengths(card):
            for heard in _SOUND[sound]:
                said = clip(card, mode, length, place, heard)  # one of its resolutions
                listed = Decimal(usd.removeprefix("~")) * Decimal(str(length))
                assert said is not None
                if usd.startswith("~"):
                    assert abs(said - listed) <= listed * Decimal("0.05")
                elif not _least(card):
                    assert said == listed
                else:
                    assert said >= listed


def _least(card: ModelCard) -> bool:
    return any(price.least_usd for price in card.prices)


def clips() -> Iterator[tuple[str, ...]]:
    return map(tuple, map(str.split, filter(None, CLIPS.splitlines())))


@pytest.mark.parametrize(("model", "mode", "length", "size", "sound", "usd"), [*clips()])
def test_a_clip_costs_what_the_list_says(model: str, mode: Mode, length: str, size: str, sound: str, usd: str) -> None:
    card = OFFERED[model]
    [heard] = _SOUND[sound]
    said = clip(card, mode, None if length == "-" else float(length), f"{size}p", heard)  # type: ignore[arg-type]
    assert said == (None if usd == "?" else Decimal(usd))


def test_every_model_that_is_offered_is_in_a_table_or_has_a_reason_why_not() -> None:
    in_tables = {model for model, *_ in rates()} | {model for model, *_ in clips()}
    assert in_tables | {*UNKNOWN} == {*OFFERED}
    assert not {model for model, *_ in rates()} & {*UNKNOWN}


@pytest.mark.parametrize("model", UNKNOWN)
def test_a_price_that_nobody_knows_is_none(model: str) -> None:
    card = OFFERED[model]
    assert card.prices == ()
    for mode in _ROLES:
        for size in card.resolutions or ("720p",):
            for length in (*lengths(card), None):
                assert clip(card, mode, length, size, None) is None


@pytest.mark.parametrize("model", OFFERED)
def test_nothing_is_estimated_to_be_free_but_a_preview_made_here(model: str) -> None:
    card = OFFERED[model]
    said = [
        clip(card, mode, length, size, sound)
        for mode in _ROLES
        for length in lengths(card)
        for size in card.resolutions
        for sound in (True, False, None)
    ]
    assert all(usd is None or (usd == 0) == (model == "local/preview") for usd in said)


@pytest.mark.parametrize("model", OFFERED)
def test_every_price_has_a_date(model: str) -> None:
    card = OFFERED[model]
    assert not card.prices or re.match(r"2026-\d\d(-\d\d)?: \S", card.priced_on) or model == "local/preview"
    if model in UNKNOWN and not model.startswith("runway/a"):  # their rate is known, and their length is not
        assert card.priced_on == ""


def test_what_any_server_of_ones_own_or_another_region_serves_has_no_price() -> None:
    unlisted = (
        veo_cards.VEO_UNLISTED,
        veo_cards.OMNI_UNLISTED,
        kling_cards.UNLISTED,
        seedance_cards.UNLISTED,
        hunyuan_cards.UNLISTED,
    )
    assert {(card.prices, card.priced_on) for card in unlisted} == {((), "")}
