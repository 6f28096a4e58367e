"""What a model does only together with something else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_cards import any_card, any_request
from nexiom_sdk.conditions import heard, places, sound_of
from nexiom_sdk.models import Condition, ModelCard, Sound, broken_conditions, mismatches
from nexiom_sdk.types import RESOLUTIONS, Media, MediaRole, Resolution, VideoRequest

PLACES: tuple[Resolution, ...] = ("720p", "1080p")


def card_with(
    *conditions: Condition, audio: Sound = "optional", resolutions: tuple[Resolution, ...] = PLACES
) -> ModelCard:
    return ModelCard(
        model="a1",
        audio=audio,
        resolutions=resolutions,
        conditions=conditions,
        media={"first_frame": 2, "last_frame": 1, "reference_image": 3, "reference_video": 1},
    )


@pytest.mark.parametrize(
    ("condition", "roles", "audio", "resolution", "broken"),
    [
        (Condition(audio=True, resolutions=("1080p",)), (), True, "1080p", None),
        (Condition(audio=True, resolutions=("1080p",)), (), False, "720p", None),
        (Condition(audio=True, resolutions=("1080p",)), (), None, "720p", None),
        (Condition(audio=True, resolutions=("1080p",)), (), True, None, None),
        (
            Condition(audio=True, resolutions=("1080p",)),
            (),
            True,
            "720p",
            "720p is not offered with sound (offered: 1080p; nearest: 1080p)",
        ),
        (
            Condition(roles=("last_frame",), audio=False, resolutions=("720p",)),
            ("last_frame",),
            False,
            "1080p",
            "1080p is not offered without sound beside a last frame (offered: 720p; nearest: 720p)",
        ),
        (Condition(roles=("last_frame",), resolutions=("720p",)), ("first_frame",), None, "1080p", None),
        (
            Condition(roles=("reference_video",), silent=True),
            ("reference_video",),
            True,
            None,
            "makes silent clips only beside a reference video",
        ),
        (Condition(roles=("reference_video",), silent=True), ("reference_video",), None, None, None),
        (
            Condition(roles=("last_frame",), beside=("first_frame", "reference_image")),
            ("last_frame",),
            None,
            None,
            "takes a last frame only beside a first frame or a reference image",
        ),
        (Condition(roles=("last_frame",), beside=("first_frame",)), ("first_frame", "last_frame"), None, None, None),
        (Condition(beside=("first_frame",)), (), None, None, "needs a first frame"),
        (
            Condition(counted=("first_frame", "reference_image"), most=2),
            ("first_frame", "reference_image", "reference_image"),
            None,
            None,
            "takes 2 x a first frame or a reference image together, not 3",
        ),
        (Condition(counted=("first_frame", "reference_image"), most=2), ("first_frame",) * 2, None, None, None),
    ],
)
def test_a_condition_that_is_broken_is_told_in_words(
    condition: Condition,
    roles: Sequence[MediaRole],
    audio: bool | None,
    resolution: Resolution | None,
    broken: str | None,
) -> None:
    found = [str(one) for one in broken_conditions(card_with(condition), roles, audio=audio, resolution=resolution)]
    assert found == ([] if broken is None else [broken])


@pytest.mark.parametrize(
    ("sound", "roles", "expected"),
    [
        ("optional", (), "optional"),
        ("optional", ("reference_video",), "never"),
        ("always", ("reference_video",), "never"),
        ("never", ("reference_video",), "never"),
        ("unknown", ("reference_video",), "unknown"),
    ],
)
def test_a_condition_can_silence_a_model(sound: Sound, roles: Sequence[MediaRole], expected: Sound) -> None:
    card = card_with(Condition(roles=("reference_video",), silent=True), audio=sound)
    assert sound_of(card, roles) == expected


@pytest.mark.parametrize(
    ("sound", "asked", "expected"),
    [("optional", None, None), ("optional", True, True), ("always", None, True), ("always", False, True),
     ("never", None, False), ("never", True, False), ("unknown", True, None)],
)  # fmt: skip
def test_what_will_be_heard_is_said_by_the_model_first(sound: Sound, asked: bool | None, expected: bool | None) -> None:
    assert heard(card_with(audio=sound), (), audio=asked) is expected


def test_the_resolutions_left_are_those_that_every_condition_allows() -> None:
    loud, framed = (
        Condition(audio=True, resolutions=("1080p",)),
        Condition(roles=("last_frame",), resolutions=("720p",)),
    )
    card = card_with(loud, framed)
    assert places(card, (), audio=None) == PLACES
    assert places(card, (), audio=True) == ("1080p",)
    assert places(card, ("last_frame",), audio=False) == ("720p",)
    assert places(card, ("last_frame",), audio=True) == ()
    assert places(card_with(resolutions=()), (), audio=True) is None
    assert places(card_with(loud, resolutions=()), (), audio=True) == ("1080p",)


def test_a_model_whose_conditions_leave_no_resolution_is_out_although_none_was_asked_for() -> None:
    loud, framed = (
        Condition(audio=True, resolutions=("1080p",)),
        Condition(roles=("last_frame",), resolutions=("720p",)),
    )
    request = VideoRequest(prompt="x", audio=True, media=(Media.from_input("u1/fox.png", role="last_frame"),))
    [reason] = mismatches(request, card_with(loud, framed))
    assert str(reason) == "offers no resolution for all of this together"
    assert not reason.adaptable


def test_a_model_that_is_silenced_by_a_condition_meets_the_wish_for_silence() -> None:
    card = card_with(Condition(roles=("reference_video",), silent=True), audio="always")
    video = (Media.from_input("u1/fox.mp4", role="reference_video"),)
    assert [str(one) for one in mismatches(VideoRequest(prompt="x", audio=False), card)] == ["always makes sound"]
    assert not mismatches(VideoRequest(prompt="x", audio=False, media=video), card)
    reasons = [str(one) for one in mismatches(VideoRequest(prompt="x", audio=True, media=video), card)]
    assert reasons == ["makes silent clips only beside a reference video"]


@settings(max_examples=150, deadline=None)
@given(any_card, any_request, st.none() | st.sampled_from(RESOLUTIONS))
def test_a_resolution_that_is_left_breaks_no_condition(
    card: ModelCard, request: VideoRequest, wanted: Resolution | None
) -> None:
    left = places(card, request.roles, audio=request.audio)
    sound = heard(card, request.roles, audio=request.audio)
    for place in RESOLUTIONS:
        broken = broken_conditions(card, request.roles, audio=sound, resolution=place)
        refused = any(one.field == "resolution" for one in broken)
        offered = not card.resolutions or place in card.resolutions
        assert (offered and not refused) == (left is None or place in left)
