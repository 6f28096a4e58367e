from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from hunyuan_hosted_rig import FIXTURES, FRAME, fixture, order, tokenhub, vclm
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BYTES = DeliveredMedia(role="first_frame", media_type="image/png", data=base64.b64decode(PIXEL))
CAT, BOAT, PUSH = "一只猫在草原上奔跑，写实风格", "A paper boat drifts down a rainy street at dusk", "镜头缓慢推进"
ORDERS: Mapping[str, Submission] = {
    "t2v": order(prompt=CAT, aspect_ratio="16:9", duration_seconds=5, resolution="720p"),
    "t2v_negative": order(
        prompt=BOAT, negative_prompt="blurry, low quality", aspect_ratio="9:16", duration_seconds=5, resolution="720p"
    ),
    "i2v_url": order(prompt=PUSH, media=(FRAME,), duration_seconds=5, resolution="720p"),
    "i2v_base64": order(prompt=PUSH, media=(BYTES,), duration_seconds=5, resolution="720p"),
}
VCLM_ORDERS: Mapping[str, Submission] = {
    "t2v": order("hunyuan-vclm", prompt="一只狗在跳舞", options={"LogoAdd": 1}, duration_seconds=5, resolution="720p"),
    "i2v_url": order("hunyuan-vclm", prompt=PUSH, media=(FRAME,), duration_seconds=5, resolution="720p"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_at_tokenhub_is_written_as_it_was_recorded_and_never_has_its_prompt_rewritten(name: str) -> None:
    call = tokenhub().submit_call(ORDERS[name])
    told = fixture(f"tokenhub_submit_request_{name}")
    told.pop("n", None)  # one clip is what is made without it, too
    assert call.json == {**told, "revise": False}
    assert (call.method, call.path) == ("POST", "/wand/hunyuan-video/generation")


@pytest.mark.parametrize("name", VCLM_ORDERS)
def test_an_order_at_vclm_is_written_as_it_was_recorded(name: str) -> None:
    call = vclm().submit_call(VCLM_ORDERS[name])
    assert call.json == fixture(f"vclm_submit_request_{name}")
    assert (call.method, call.path) == ("POST", "/")
    assert call.headers == {
        "X-TC-Action": "SubmitHunyuanToVideoJob",
        "X-TC-Version": "2024-05-23",
        "X-TC-Region": "ap-guangzhou",
    }


def test_every_recorded_order_is_written() -> None:
    for api, orders in (("tokenhub", ORDERS), ("vclm", VCLM_ORDERS)):
        head = f"{api}_submit_request_"
        assert {file.stem.removeprefix(head) for file in FIXTURES.glob(f"{head}*.json")} == {*orders}


def test_the_bytes_of_a_picture_go_bare() -> None:
    assert tokenhub().submit_call(ORDERS["i2v_base64"]).json == {
        **fixture("tokenhub_submit_request_i2v_base64"),
        "revise": False,
    }
    assert vclm().submit_call(order("hunyuan-vclm", media=(BYTES,))).json == {
        "Prompt": "a fox in snow",
        "Image": {"Base64": PIXEL},
    }


def test_nothing_is_sent_that_is_not_set() -> None:
    told = {"model": "hy-video-v1.5", "prompt": "a fox in snow", "revise": False}
    assert tokenhub().submit_call(order()).json == told
    assert vclm().submit_call(order("hunyuan-vclm")).json == {"Prompt": "a fox in snow"}


def test_lengths_are_whole_numbers_on_the_wire() -> None:
    assert '"duration": 5,' in json.dumps(tokenhub().submit_call(order(duration_seconds=5.0)).json)


def test_options_are_sent_as_they_are() -> None:
    call = tokenhub().submit_call(order(options={"revise": True}))
    assert isinstance(call.json, dict)
    assert call.json["revise"] is True
    logo: JsonValue = {"LogoUrl": "https://cdn.example.com/logo.png"}
    call = vclm().submit_call(order("hunyuan-vclm", options={"LogoAdd": 0, "LogoParam": logo}))
    assert isinstance(call.json, dict)
    assert (call.json["LogoAdd"], call.json["LogoParam"]) == (0, logo)


def at(role: MediaRole) -> DeliveredMedia:
    return FRAME.evolve(role=role)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"media": (FRAME, at("last_frame"))}, "takes no last frame"),
        ({"media": (FRAME, FRAME)}, "takes 1 x first frame, not 2"),
        ({"media": (at("reference_image"),)}, "takes no reference image"),
        ({"media": (at("source_video"),)}, "takes no source video"),
        ({"media": (FRAME,), "aspect_ratio": "16:9"}, "takes no aspect ratio: the shape is that of what goes in"),
        ({"duration_seconds": 5.5}, "makes clips of 5 s only"),
        ({"duration_seconds": 10}, "makes clips of 5 s only"),
        ({"audio": True}, "makes silent clips only"),
        ({"seed": 0}, "takes no seed"),
        ({"model": "hunyuan-vclm", "media": (at("last_frame"),)}, "takes no last frame"),
        ({"model": "hunyuan-vclm", "aspect_ratio": "16:9"}, r"takes no aspect ratio\."),
        ({"model": "hunyuan-vclm", "duration_seconds": 6}, "makes clips of 5 s only"),
        ({"model": "hunyuan-vclm", "negative_prompt": "rain"}, "takes no negative prompt"),
        ({"model": "hunyuan-vclm", "seed": 1}, "takes no seed"),
    ],
)
def test_what_hunyuan_has_no_word_for_is_refused_instead_of_left_out(spec: dict[str, object], said: str) -> None:
    made = order(**spec)  # type: ignore[arg-type]  # fields of a spec
    with pytest.raises(UnsupportedFeature, match=said) as caught:
        (vclm() if made.spec.model == "hunyuan-vclm" else tokenhub()).submit_call(made)
    assert (caught.value.charged, len(caught.value.reasons)) == ("no", 1)


@pytest.mark.parametrize("option", ["n", "model", "logo_add", "image_url", "Revise"])
def test_an_option_that_tokenhub_does_not_have_or_that_the_request_says_is_refused(option: str) -> None:
    with pytest.raises(InvalidInput, match=f"no option of hy-video-v1.5 '{option}'"):
        tokenhub().submit_call(order(options={option: 1}))


@pytest.mark.parametrize("revise", [1, "yes", None, {}])
def test_an_option_that_is_neither_true_nor_false_is_refused(revise: JsonValue) -> None:
    with pytest.raises(InvalidInput, match="true or false"):
        tokenhub().submit_call(order(options={"revise": revise}))


@pytest.mark.parametrize(
    "options",
    [{"Prompt": "x"}, {"LogoAdd": 2}, {"LogoAdd": True}, {"LogoAdd": None}, {"LogoAdd": []}, {"LogoParam": "x"}],
    ids=str,
)
def test_an_option_that_vclm_would_not_take_as_it_is_meant_is_refused(options: dict[str, JsonValue]) -> None:
    with pytest.raises(InvalidInput, match="option"):
        vclm().submit_call(order("hunyuan-vclm", options=options))


def test_a_model_goes_by_the_id_that_the_operator_gives() -> None:
    made = tokenhub(models="hy-video-v1.5=ep-7, hy-video-v2")
    assert [card.model for card in made.models] == ["hy-video-v1.5", "hy-video-v2"]
    bodies = [made.submit_call(order(model, duration_seconds=5)).json for model in ("hy-video-v1.5", "hy-video-v2")]
    assert [body["model"] for body in bodies if isinstance(body, dict)] == ["ep-7", "hy-video-v2"]


def test_a_model_that_only_the_operator_knows_may_be_longer_but_by_whole_seconds() -> None:
    made = tokenhub(models="hy-video-v2")
    call = made.submit_call(order("hy-video-v2", duration_seconds=10, resolution="1080p"))
    assert isinstance(call.json, dict)
    assert (call.json["duration"], call.json["resolution"]) == (10, "1080p")
    with pytest.raises(InvalidInput, match="whole seconds"):
        made.submit_call(order("hy-video-v2", duration_seconds=7.5))


_ROLES: tuple[MediaRole, ...] = ("first_frame", "last_frame", "reference_audio")
_VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=5) | st.just({"LogoUrl": "x"})


@given(
    model=st.sampled_from(["hy-video-v1.5", "hy-video-v2", "hunyuan-vclm"]),
    prompt=st.text(max_size=9),
    duration_seconds=st.none() | st.floats() | st.just(5.0),
    resolution=st.sampled_from([None, "720p", "2160p"]),
    aspect_ratio=st.sampled_from([None, "16:9", "9:21"]),
    audio=st.none() | st.booleans(),
    negative_prompt=st.none() | st.text(max_size=3),
    media=st.lists(st.sampled_from(_ROLES).map(at) | st.just(BYTES), max_size=2).map(tuple),
    options=st.dictionaries(st.sampled_from(["revise", "LogoAdd", "LogoParam", "n"]), _VALUES, max_size=2),
)
def test_no_spec_makes_anything_but_a_body_without_nulls_or_an_error_of_ours(model: str, **spec: object) -> None:
    made = vclm() if model == "hunyuan-vclm" else tokenhub(models="hy-video-v2")
    with suppress(InvalidInput, UnsupportedFeature):
        call = made.submit_call(order(model, **spec))
        assert isinstance(call.json, dict)
        assert spec["prompt"] in {call.json.get("prompt"), call.json.get("Prompt")}
        assert None not in call.json.values()
