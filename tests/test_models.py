from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from any_cards import TODAY, any_card, any_price, any_request
from nexiom_sdk.models import (
    Lengths,
    ModelCard,
    Price,
    Shapes,
    estimate,
    is_free,
    lines,
    mismatches,
    nearest_ratio,
    nearest_resolution,
)
from nexiom_sdk.types import (
    ASPECT_RATIOS,
    RESOLUTIONS,
    AspectRatio,
    Candidate,
    Media,
    MediaRole,
    Mode,
    Resolution,
    VideoRequest,
    VideoSpec,
)

few = settings(max_examples=80, deadline=None)

CARD = ModelCard(
    model="a1",
    durations_seconds=(4, 8),
    lengths=(Lengths(one_of=(8,), resolutions=("1080p",)), Lengths(between=(2, 6), modes=("reference",))),
    resolutions=("720p", "1080p"),
    aspect_ratios=("16:9", "9:16"),
    media={"first_frame": 1, "last_frame": 1, "reference_image": 2},
    media_exclusions=(("first_frame", "reference_image"),),
    delivery=frozenset({"bytes"}),
    audio="always",
    max_prompt_chars=10,
)


def frame(role: str = "first_frame", **place: object) -> dict[str, object]:
    return {"role": role, **(place or {"input_path": "u1/fox.png"})}


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        ({}, []),
        ({"duration_seconds": 4}, []),
        ({"duration_seconds": 8, "resolution": "1080p", "aspect_ratio": "9:16", "audio": True}, []),
        ({"duration_seconds": 5}, ["5 s is not offered (offered: 4, 8 s; nearest: 4 s)"]),
        ({"duration_seconds": 6}, ["6 s is not offered (offered: 4, 8 s; nearest: 8 s)"]),
        (
            {"duration_seconds": 4, "resolution": "1080p"},
            ["4 s is not offered at 1080p (offered: 8 s; nearest: 8 s)"],
        ),
        ({"resolution": "2160p"}, ["2160p is not offered (offered: 720p, 1080p; nearest: 1080p)"]),
        ({"aspect_ratio": "1:1"}, ["1:1 is not offered (offered: 16:9, 9:16; nearest: 9:16)"]),
        ({"audio": False}, ["always makes sound"]),
        ({"seed": 0}, ["takes no seed"]),
        ({"negative_prompt": "rain"}, ["takes no negative prompt"]),
        ({"negative_prompt": ""}, []),
        ({"prompt": "a fox in snow"}, ["the prompt has 13 characters, 10 are allowed"]),
        ({"media": [frame()]}, []),
        ({"media": [frame(), frame()]}, ["takes 1 x first frame, not 2"]),
        ({"media": [frame("source_video")]}, ["takes no source video"]),
        ({"media": [frame("reference_image")], "duration_seconds": 2.5}, []),
        (
            {"media": [frame(), frame("reference_image")]},
            ["takes only one of first frame and reference image"],
        ),
        ({"media": [frame(url="https://example.com/fox.png")]}, []),
        (
            {"seed": 1, "resolution": "480p"},
            ["480p is not offered (offered: 720p, 1080p; nearest: 720p)", "takes no seed"],
        ),
    ],
)
def test_every_reason_why_a_model_cannot_do_it_is_given(asked: dict[str, object], reasons: list[str]) -> None:
    request = VideoRequest.model_validate({"prompt": "a fox", **asked})
    assert [str(reason) for reason in mismatches(request, CARD)] == reasons


@pytest.mark.parametrize(
    ("sound", "asked", "reason", "adaptable"),
    [
        ("never", True, "makes silent clips only", False),
        ("never", False, None, None),
        ("always", True, None, None),
        ("always", False, "always makes sound", True),
        ("optional", True, None, None),
        ("optional", False, None, None),
        ("unknown", True, "sound cannot be chosen", True),
        ("unknown", False, "sound cannot be chosen", True),
        ("never", None, None, None),
        ("unknown", None, None, None),
    ],
)
def test_sound_that_is_missing_is_final_and_sound_too_much_is_not(
    *, sound: str, asked: bool | None, reason: str | None, adaptable: bool | None
) -> None:
    card = ModelCard.model_validate({"model": "a1", "audio": sound})
    found = mismatches(VideoRequest(prompt="x", audio=asked), card)
    assert [(str(one), one.adaptable) for one in found] == ([(reason, adaptable)] if reason else [])


def test_a_model_that_needs_a_picture_says_so() -> None:
    card = ModelCard(model="a1", media={"first_frame": 1}, media_required=True)
    assert [str(one) for one in mismatches(VideoRequest(prompt="x"), card)] == ["needs a reference image or video"]
    assert not mismatches(VideoRequest(prompt="x", reference_media_path="u1/fox.png"), card)


SHAPELY = ModelCard(
    model="a1",
    durations_seconds=(5,),
    lengths=(Lengths(one_of=(5, 10), resolutions=("720p",)),),
    resolutions=("720p", "1080p"),
    aspect_ratios=("16:9", "9:16", "1:1"),
    shapes=(
        Shapes(aspect_ratios=("16:9", "9:16"), modes=("text",), resolutions=("720p",)),
        Shapes(aspect_ratios=(), modes=("video",)),
    ),
    media={"first_frame": 1, "source_video": 1},
)
FROM_THE_PICTURE = "the shape cannot be chosen (it comes from the picture)"


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        ({"aspect_ratio": "9:16"}, []),
        ({"aspect_ratio": "1:1"}, []),  # at 1080p
        (
            {"aspect_ratio": "1:1", "resolution": "720p"},
            ["1:1 is not offered (offered: 16:9, 9:16; nearest: 9:16)"],
        ),
        ({"aspect_ratio": "1:1", "resolution": "720p", "media": [frame()]}, []),
        ({"aspect_ratio": "1:1", "duration_seconds": 5}, []),
        (
            {"aspect_ratio": "1:1", "duration_seconds": 10},  # one at 1080p only, the other at 720p only
            ["1:1 is not offered (offered: 16:9, 9:16; nearest: 9:16)"],
        ),
        ({"aspect_ratio": "16:9", "media": [frame("source_video")]}, [FROM_THE_PICTURE]),
        ({"media": [frame("source_video")]}, []),
    ],
)
def test_shapes_are_judged_by_mode_and_by_a_resolution_that_the_length_fits(
    asked: dict[str, object], reasons: list[str]
) -> None:
    found = mismatches(VideoRequest.model_validate({"prompt": "a fox", **asked}), SHAPELY)
    assert [str(reason) for reason in found] == reasons
    assert all(reason.adaptable for reason in found)


@pytest.mark.parametrize("places", [[{}], [{"url": "https://example.com/fox.png"}, {}]])
@pytest.mark.parametrize(
    ("delivery", "addresses", "refused"),
    [({"url"}, False, True), ({"url"}, True, False), ({"bytes"}, False, False), ({"url", "bytes"}, False, False)],
)
def test_a_model_that_takes_addresses_only_needs_a_store_that_has_them(
    *, places: list[dict[str, object]], delivery: set[str], addresses: bool, refused: bool
) -> None:
    card = ModelCard.model_validate({"model": "a1", "media": {"first_frame": 2}, "delivery": delivery})
    request = VideoRequest.model_validate({"prompt": "x", "media": [frame("first_frame", **place) for place in places]})
    reasons = [str(one) for one in mismatches(request, card, addresses=addresses)]
    assert reasons == ["takes references as web addresses only, and this store has none"] * refused


@pytest.mark.parametrize(("role", "refused"), [("first_frame", False), ("reference_video", True)])
def test_a_kind_of_reference_may_go_in_by_address_only_while_others_need_not(role: MediaRole, *, refused: bool) -> None:
    card = ModelCard(model="a1", media={role: 1}, addresses_only_for=frozenset({"video"}))
    request = VideoRequest(prompt="x", media=(Media.from_input("u1/a", role=role),))
    reasons = [str(one) for one in mismatches(request, card, addresses=False)]
    assert reasons == ["takes videos as web addresses only, and this store has none"] * refused
    assert list(mismatches(request, card, addresses=True)) == []


def test_an_address_of_the_users_own_needs_no_store() -> None:
    card = ModelCard.model_validate({"model": "a1", "media": {"first_frame": 1}, "delivery": {"url"}})
    request = VideoRequest.model_validate({"prompt": "x", "media": [frame(url="https://example.com/fox.png")]})
    assert not mismatches(request, card, addresses=False)


@pytest.mark.parametrize(
    ("day", "retired"),
    [(TODAY - timedelta(days=1), True), (TODAY, True), (TODAY + timedelta(days=1), False), (None, False)],
)
def test_a_model_is_gone_from_its_last_day_on(*, day: date | None, retired: bool) -> None:
    assert ModelCard(model="a1", retires_on=day).retired(TODAY) is retired
    assert ModelCard(model="a1", retires_on=day, lifecycle="retired").retired(TODAY)


PRICES = (
    Price(usd=Decimal("0.40"), resolution="1080p", audio=True),
    Price(usd=Decimal("0.20"), resolution="1080p"),
    Price(usd=Decimal("0.90"), per="clip", duration_seconds=10),
    Price(usd=Decimal("0.03"), mode="image", resolution="720p"),
    Price(usd=Decimal("0.05"), resolution="720p"),
)


@pytest.mark.parametrize(
    ("terms", "price"),
    [
        ({"resolution": "1080p", "duration_seconds": 8, "audio": True}, "3.20"),
        ({"resolution": "1080p", "duration_seconds": 8, "audio": False}, "1.60"),
        ({"resolution": "1080p", "duration_seconds": 8}, "1.60"),
        ({"resolution": "720p", "duration_seconds": 2.5}, "0.125"),
        ({"resolution": "720p", "duration_seconds": 4, "mode": "image"}, "0.12"),
        ({"resolution": "480p", "duration_seconds": 10}, "0.90"),
        ({"duration_seconds": 10}, "0.90"),
        ({"resolution": "480p", "duration_seconds": 8}, None),
        ({"resolution": "720p"}, None),
        ({}, None),
    ],
)
def test_the_first_row_whose_conditions_all_hold_is_the_price(terms: dict[str, object], price: str | None) -> None:
    candidate = Candidate.model_validate({"provider": "acme", "model": "a1", **terms})
    assert estimate(ModelCard(model="a1", prices=PRICES), candidate) == (None if price is None else Decimal(price))


def test_the_price_of_what_is_sent_is_the_price_of_what_was_estimated() -> None:
    spec = VideoSpec(model="a1", prompt="x", resolution="1080p", duration_seconds=8, audio=True)
    assert estimate(ModelCard(model="a1", prices=PRICES), spec) == Decimal("3.20")
    assert estimate(ModelCard(model="a1"), spec) is None


def test_what_costs_nothing_a_second_costs_nothing_at_any_length() -> None:
    unset = VideoSpec(model="a1", prompt="x")
    assert estimate(ModelCard(model="a1", prices=(Price(usd=Decimal(0)),)), unset) == 0
    assert estimate(ModelCard(model="a1", prices=(Price(usd=Decimal(0), plus_usd=Decimal(2)),)), unset) == 2


@pytest.mark.parametrize(
    ("prices", "free"),
    [
        ((), False),
        (({"usd": 0},), True),
        (({"usd": 0, "resolution": "720p"}, {"usd": "0.00"}), True),
        (({"usd": 0}, {"usd": "0.01", "resolution": "1080p"}), False),
        (({"usd": 0, "plus_usd": 1},), False),
        (({"usd": 0, "least_usd": 1},), False),
    ],
)
def test_a_model_is_free_where_every_price_is_zero_and_one_is_known(
    *, prices: tuple[dict[str, object], ...], free: bool
) -> None:
    assert is_free(ModelCard.model_validate({"model": "a1", "prices": prices})) is free


@pytest.mark.parametrize(
    ("row", "price"),
    [
        (Price(usd=Decimal("0.10"), plus_usd=Decimal("0.03")), "0.83"),
        (Price(usd=Decimal("0.10"), plus_usd=Decimal("0.03"), per="clip"), "0.13"),
        (Price(usd=Decimal("0.10"), least_usd=Decimal(1)), "1"),
        (Price(usd=Decimal("0.10"), least_usd=Decimal("0.50")), "0.80"),
        (Price(usd=Decimal("0.10"), plus_usd=Decimal("0.30"), least_usd=Decimal(1)), "1.10"),
    ],
)
def test_a_price_may_have_a_fixed_part_and_a_floor(row: Price, price: str) -> None:
    spec = VideoSpec(model="a1", prompt="x", duration_seconds=8)
    assert estimate(ModelCard(model="a1", prices=(row,)), spec) == Decimal(price)
    unset = estimate(ModelCard(model="a1", prices=(row,)), VideoSpec(model="a1", prompt="x"))
    assert (unset is None) == (row.per == "second")


@given(any_price, st.sampled_from([2.0, 2.5, 8.0, 10.0]), st.sampled_from([0.5, 4.0]))
def test_a_clip_never_costs_less_than_its_floor_or_its_fixed_part_or_a_shorter_clip(
    price: Price, length: float, more: float
) -> None:
    card = ModelCard(model="a1", prices=(price.evolve(resolution=None, audio=None, mode=None, duration_seconds=None),))
    shorter, longer = (
        estimate(card, Candidate(provider="acme", model="a1", duration_seconds=one)) for one in (length, length + more)
    )
    assert shorter is not None
    assert longer is not None
    assert max(price.least_usd, price.plus_usd) <= shorter <= longer
    if price.least_usd <= shorter != price.least_usd:
        per_clip = price.usd if price.per == "clip" else price.usd * Decimal(str(length))
        assert shorter == per_clip + price.plus_usd


@pytest.mark.parametrize(
    ("wanted", "offered", "nearest"),
    [
        ("720p", ("480p", "1080p"), "480p"),
        ("768p", ("720p", "1080p"), "720p"),
        ("540p", ("360p", "720p"), "720p"),
        ("2160p", ("720p", "1080p"), "1080p"),
        ("720p", (), "720p"),
    ],
)
def test_the_nearest_resolution(wanted: Resolution, offered: tuple[Resolution, ...], nearest: Resolution) -> None:
    assert nearest_resolution(wanted, offered) == nearest


@pytest.mark.parametrize(
    ("wanted", "offered", "nearest"),
    [
        ("21:9", ("16:9", "9:16"), "16:9"),
        ("3:4", ("16:9", "9:16"), "9:16"),
        ("9:21", ("1:1",), "1:1"),
        ("1:1", (), "1:1"),
    ],
)
def test_the_nearest_aspect_ratio(wanted: AspectRatio, offered: tuple[AspectRatio, ...], nearest: AspectRatio) -> None:
    assert nearest_ratio(wanted, offered) == nearest


@given(st.sampled_from(RESOLUTIONS), st.sets(st.sampled_from(RESOLUTIONS), min_size=1))
def test_the_nearest_resolution_is_offered_and_none_is_nearer(wanted: Resolution, offered: set[Resolution]) -> None:
    nearest = nearest_resolution(wanted, offered)
    assert nearest in offered
    assert all(abs(lines(nearest) - lines(wanted)) <= abs(lines(one) - lines(wanted)) for one in offered)


@given(st.sampled_from(ASPECT_RATIOS), st.sets(st.sampled_from(ASPECT_RATIOS), min_size=1))
def test_the_nearest_aspect_ratio_is_offered_and_an_offered_one_is_its_own(
    wanted: AspectRatio, offered: set[AspectRatio]
) -> None:
    assert nearest_ratio(wanted, offered) in offered
    assert wanted not in offered or nearest_ratio(wanted, offered) == wanted


@few
@given(any_card, any_request, st.floats(0.1, 3600))
def test_the_nearest_length_is_offered_and_an_offered_one_is_its_own(
    card: ModelCard, request: VideoRequest, wanted: float
) -> None:
    rule = card.lengths_for(request.mode, request.resolution)
    nearest = rule.nearest(wanted)
    assert rule.nearest(nearest) == nearest
    assert not rule.one_of or rule.between or nearest in rule.one_of
    assert rule.between is None or rule.between[0] <= nearest <= rule.between[1]


@few
@given(any_card, st.sampled_from(get_args(Mode)), st.none() | st.sampled_from(RESOLUTIONS))
def test_the_first_rule_that_applies_says_which_shapes_are_offered(
    card: ModelCard, mode: Mode, resolution: Resolution | None
) -> None:
    def holds(rule: Shapes) -> bool:
        mode_fits = not rule.modes or mode in rule.modes
        return mode_fits and (not rule.resolutions or resolution in {None, *rule.resolutions})

    ratios = next((rule.aspect_ratios or None for rule in card.shapes if holds(rule)), card.aspect_ratios)
    assert card.ratios_for(mode, resolution) == ratios


@few
@given(any_card, any_request, st.data())
def test_no_offered_combination_is_refused(card: ModelCard, request: VideoRequest, data: st.DataObject) -> None:
    resolution = data.draw(st.none() | st.sampled_from(card.resolutions or RESOLUTIONS))
    place = resolution or next(iter(card.resolutions), None)
    rule, ratios = card.lengths_for("text", place), card.ratios_for("text", place)
    sounds: dict[str, list[bool | None]] = {"never": [None, False], "always": [None, True], "unknown": [None]}
    offered = VideoRequest(
        prompt="fox"[: card.max_prompt_chars],
        duration_seconds=data.draw(st.none() | st.sampled_from([rule.nearest(length) for length in (1.0, 5.0, 40.0)])),
        resolution=resolution,
        aspect_ratio=None if ratios is None else data.draw(st.none() | st.sampled_from(ratios or ASPECT_RATIOS)),
        audio=data.draw(st.sampled_from(sounds.get(card.audio, [None, False, True]))),
        seed=request.seed if card.seed else None,
        negative_prompt=request.negative_prompt if card.negative_prompt else None,
    )
    assume(not (card.media_required or card.conditions))
    assert mismatches(offered, card) == ()


@few
@given(any_card, any_request)
def test_what_is_not_asked_is_never_a_reason(card: ModelCard, request: VideoRequest) -> None:
    for one in mismatches(request, card):
        asked = one.field in {"prompt", "media"} or getattr(request, one.field) is not None
        assert asked or card.conditions  # what is asked together may rule out what nobody asked
        assert str(one)
