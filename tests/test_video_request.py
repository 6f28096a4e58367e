from __future__ import annotations

import typing
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk import Media, VideoRequest
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.types import MediaRole, RequestFields


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"prompt": ""}, "The prompt is empty"),
        ({"prompt": " \n "}, "The prompt is empty"),
        ({"prompt": "a\0b"}, "NUL"),
        ({"prompt": "x" * 1_000_000}, "1,000,000 bytes; 65,536 are allowed"),
        ({"prompt": "\ud83d"}, "surrogate"),
        ({"prompt": None}, "prompt"),
        ({}, "prompt is missing"),
        ({"prompt": "x", "duration_seconds": 0}, "duration_seconds: it should be greater than 0"),
        ({"prompt": "x", "duration_seconds": -1}, "greater than 0"),
        ({"prompt": "x", "duration_seconds": float("nan")}, "finite"),
        ({"prompt": "x", "duration_seconds": float("inf")}, "finite"),
        ({"prompt": "x", "duration_seconds": "8"}, "duration_seconds"),
        ({"prompt": "x", "quality_tier": "cinematc"}, "Did you mean 'cinematic'?"),
        ({"prompt": "x", "resolution": "720"}, "Did you mean '720p'?"),
        ({"prompt": "x", "aspect_ratio": "16x9"}, "Did you mean '16:9'?"),
        ({"prompt": "x", "max_cost_usd": Decimal(-1)}, "max_cost_usd"),
        ({"prompt": "x", "seed": -1}, "seed"),
        ({"prompt": "x", "durration": 8}, "There is no field 'durration'"),
        ({"prompt": "x", "media": [{"input_path": "a", "url": "https://b"}]}, "exactly one of"),
        ({"prompt": "x", "media": [{"url": "http://b"}]}, "https://"),
        ({"prompt": "x", "media": [{"input_path": "a", "role": "first"}]}, "Did you mean 'first_frame'?"),
    ],
)
def test_an_impossible_request_says_what_is_wrong(fields: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        VideoRequest(**fields)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "Nothing was charged" in str(caught.value)
    assert str(caught.value).count("Nothing was charged") == 1


def test_an_error_never_repeats_the_prompt() -> None:
    with pytest.raises(InvalidInput) as caught:
        VideoRequest(prompt="CANARY-PROMPT" + "x" * 100_000)
    assert "CANARY-PROMPT" not in str(caught.value)


@given(st.text(min_size=1, max_size=300))
def test_any_text_is_a_prompt_or_invalid_input(prompt: str) -> None:
    try:
        assert VideoRequest(prompt=prompt).prompt == prompt
    except InvalidInput:
        assert not prompt.strip() or "\0" in prompt


def test_a_request_survives_json() -> None:
    request = VideoRequest(
        prompt="Un phare, 電影感 🌊",
        duration_seconds=6,
        media=(Media.from_input("a.png"), Media.from_url("https://x.example/b.png", role="last_frame")),
        max_cost_usd=Decimal("1.50"),
        options={"acme": {"motion": 3}},
    )
    assert VideoRequest.model_validate_json(request.model_dump_json()) == request


def test_the_keywords_of_generate_are_the_fields_of_a_request() -> None:
    assert set(typing.get_type_hints(RequestFields)) == set(VideoRequest.model_fields) - {"prompt"}


def test_bytes_and_prompts_stay_out_of_reprs() -> None:
    media = Media.from_bytes(b"CANARY-BYTES")
    assert "CANARY" not in repr(media)


def test_the_reference_path_comes_first_and_makes_an_image_order() -> None:
    request = VideoRequest(
        prompt="x", reference_media_path="a.png", media=(Media.from_input("b.png", role="last_frame"),)
    )
    assert [one.input_path for one in request.references] == ["a.png", "b.png"]
    assert request.mode == "image"


def test_an_object_in_google_s_store_may_be_a_reference() -> None:
    assert Media.from_url("gs://my-bucket/fox.png").delivery == "gs"


@pytest.mark.parametrize(
    ("address", "says"),
    [("gs://", "gs://bucket/folder/fox.png"), ("gs://Bucket/fox.png", "3 to 63 small letters")],
)
def test_an_address_that_google_s_store_cannot_have_is_refused_with_the_rule(address: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        Media.from_url(address)


@pytest.mark.parametrize("role", ["source_video", "reference_video", "reference_audio"])
def test_only_pictures_can_be_fitted(role: MediaRole) -> None:
    with pytest.raises(InvalidInput, match="Only pictures can be fitted"):
        Media.from_file("fox.mp4", role=role, fit=True)


@pytest.mark.parametrize("role", ["first_frame", "last_frame", "reference_image"])
def test_every_kind_of_picture_can_be_fitted(role: MediaRole) -> None:
    assert Media.from_input("u1/fox.png", role=role, fit=True).fit
    assert not Media.from_input("u1/fox.png", role=role).fit
    with pytest.raises(InvalidInput, match="nobody opens it"):
        Media.from_url("gs://bucket/fox.png", role=role, fit=True)
