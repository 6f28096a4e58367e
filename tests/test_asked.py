from __future__ import annotations

import pytest

from nexiom_sdk import ModelCard
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import Condition, Shapes
from nexiom_sdk.providers.asked import check, check_options, of_roles, only_set, whole_seconds
from nexiom_sdk.types import DeliveredMedia, MediaRole, VideoSpec

SILENT = ModelCard(
    model="a1",
    media={"first_frame": 1, "reference_video": 1},
    shapes=(Shapes(aspect_ratios=(), modes=("image",)),),
    addresses_only_for=frozenset({"video"}),
)


def spec(**asked: object) -> VideoSpec:
    return VideoSpec(**{"model": "a1", "prompt": "a fox", **asked})  # type: ignore[arg-type]


def here(role: MediaRole) -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type="image/png", data=b"x")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"audio": True}, "makes silent clips only"),
        ({"seed": 0}, "takes no seed"),
        ({"negative_prompt": "rain"}, "takes no negative prompt"),
        ({"media": (here("last_frame"),)}, "takes no last frame"),
        ({"media": (here("reference_video"),)}, "takes videos as web addresses only"),
        ({"media": (here("first_frame"),), "aspect_ratio": "16:9"}, "the shape is that of what goes in"),
    ],
)
def test_what_the_card_has_no_word_for_is_refused(asked: dict[str, object], reason: str) -> None:
    with pytest.raises(UnsupportedFeature, match=reason) as caught:
        check(spec(**asked), SILENT, "and more")
    assert caught.value.reasons[-1] == "and more"
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    ("asked", "card"),
    [
        ({"audio": False, "negative_prompt": "", "aspect_ratio": "16:9"}, {}),
        (
            {"audio": True, "seed": 7, "negative_prompt": "x"},
            {"audio": "always", "seed": True, "negative_prompt": True},
        ),
        ({"audio": True}, {"audio": "unknown"}),
        ({"media": (here("first_frame"),)}, {}),
    ],
)
def test_what_it_has_a_word_for_passes(asked: dict[str, object], card: dict[str, object]) -> None:
    check(spec(**asked), SILENT.evolve(**card))


def test_silence_is_refused_where_clips_always_sound() -> None:
    with pytest.raises(UnsupportedFeature, match="always makes sound"):
        check(spec(audio=False), ModelCard(model="a1", audio="always"))


def test_conditions_of_the_card_hold_here_too_and_for_what_the_provider_makes_unasked() -> None:
    card = ModelCard(model="a1", audio="optional", conditions=(Condition(audio=True, resolutions=("1080p",)),))
    check(spec(audio=True, resolution="1080p"), card, usual="720p")
    check(spec(audio=False, resolution="720p"), card, usual="720p")
    check(spec(audio=True), card)
    for asked in ({"resolution": "720p"}, {}):
        with pytest.raises(UnsupportedFeature, match="720p is not offered with sound"):
            check(spec(audio=True, **asked), card, usual="720p")


@pytest.mark.parametrize(
    ("url", "delivery", "reason"),
    [
        ("gs://bucket/a.png", {"bytes", "url"}, "reads no gs:// addresses"),
        ("https://example.com/a.png", {"bytes", "gs"}, "takes references as files, not as web addresses"),
    ],
)
def test_an_address_goes_only_to_a_model_that_reads_such_addresses(url: str, delivery: set[str], reason: str) -> None:
    made = spec(media=(DeliveredMedia(role="first_frame", media_type="image/png", url=url),))
    card = ModelCard(model="a1", media={"first_frame": 1})
    check(made, card.evolve(delivery=frozenset({"bytes", "url", "gs"})))
    with pytest.raises(UnsupportedFeature, match=reason):
        check(made, card.evolve(delivery=frozenset(delivery)))


def test_an_unknown_option_is_refused_with_the_nearest_one() -> None:
    check_options(spec(options={"watermark": False}), ("watermark", "draft"))
    with pytest.raises(InvalidInput, match="watermark"):
        check_options(spec(options={"watermrk": False}), ("watermark", "draft"))


def test_a_length_is_whole_or_refused() -> None:
    assert (whole_seconds(spec()), whole_seconds(spec(duration_seconds=5.0))) == (None, 5)
    with pytest.raises(InvalidInput, match="whole seconds"):
        whole_seconds(spec(duration_seconds=5.5))


def test_references_come_in_the_order_of_the_roles_that_are_asked_for() -> None:
    made = spec(media=(here("last_frame"), here("reference_image"), here("first_frame")))
    assert [one.role for one in of_roles(made, "first_frame", "last_frame")] == ["first_frame", "last_frame"]


def test_a_body_keeps_what_is_false_or_zero() -> None:
    assert only_set({"a": None, "b": {}, "c": [], "d": 0, "e": False, "f": ""}) == {"d": 0, "e": False, "f": ""}
