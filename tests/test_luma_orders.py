from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from luma_rig import FIXTURES, adapter, fixture, order
from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import estimate, mismatches
from nexiom_sdk.providers.luma_cards import RAY_2, RAY_3
from nexiom_sdk.types import DeliveredMedia, Media, MediaRole, Submission, VideoSpec

CARDS = (RAY_3, *RAY_2)
PAGE = Path(__file__).parents[1] / "docs" / "luma.md"
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def at(role: MediaRole, name: str, media_type: str = "") -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type=media_type, url=f"https://inputs.example.com/{name}")


KAYAK = "A kayak slides under a mossy stone bridge, low tracking shot"
ORDERS: Mapping[str, Submission] = {
    "agents_submit_t2v": order(prompt=KAYAK, aspect_ratio="16:9", resolution="720p", duration_seconds=5),
    "agents_submit_i2v": order(
        prompt="Snow begins to fall",
        aspect_ratio="16:9",
        resolution="1080p",
        duration_seconds=5,
        media=(at("first_frame", "cabin.jpg"),),
    ),
    "agents_submit_i2v_base64": order(
        prompt="Dust floats through a shaft of light",
        aspect_ratio="1:1",
        resolution="540p",
        duration_seconds=5,
        media=(DeliveredMedia(role="first_frame", media_type="image/png", data=base64.b64decode(_PIXEL)),),
    ),
    "agents_submit_first_last": order(
        prompt="Dawn turns to noon",
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=5,
        media=(at("last_frame", "noon.jpg"), at("first_frame", "dawn.jpg")),
    ),
    "agents_submit_keyframes_10s": order(
        prompt="A paper kite climbs above a valley",
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=10,
        media=(at("first_frame", "k0.jpg"), at("last_frame", "k1.jpg")),
    ),
    "agents_submit_edit": order(
        prompt="Turn the street into a canal",
        resolution="720p",
        duration_seconds=5,
        aspect_ratio="16:9",
        media=(at("source_video", "street.mp4", "video/mp4"),),
        options={"video": {"edit": {"strength": "flex_1"}}},
    ),
    "dm_submit_t2v": order(
        model="ray-2",
        prompt=KAYAK,
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=5,
        options={"loop": False},
    ),
    "dm_submit_i2v": order(
        model="ray-flash-2",
        prompt="Snow begins to fall",
        resolution="540p",
        duration_seconds=5,
        media=(at("first_frame", "cabin.jpg"),),
    ),
    "dm_submit_first_last": order(
        callback_url="https://hooks.example.com/luma/abc",
        model="ray-2",
        prompt="Dawn turns to noon",
        aspect_ratio="16:9",
        resolution="1080p",
        duration_seconds=5,
        media=(at("first_frame", "dawn.jpg"), at("last_frame", "noon.jpg")),
    ),
    "dm_submit_extend": order(
        model="ray-2",
        prompt="The kayak reaches open water",
        options={"keyframes": {"frame0": {"type": "generation", "id": "d290f1ee-6c54-4b01-90e6-d701748f0851"}}},
    ),
    "dm_submit_modify": order(
        model="ray-2",
        prompt="Turn the street into a canal",
        duration_seconds=5,
        media=(at("source_video", "street.mp4"), at("first_frame", "canal.jpg")),
        options={"mode": "flex_1"},
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_as_it_was_recorded(name: str) -> None:
    call = adapter().submit_call(ORDERS[name])
    assert call.json == fixture(f"{name}_request")
    recorded = fixture("index")[f"{name}_request.json"]
    assert isinstance(recorded, dict)
    assert (call.method, call.path.partition("lumalabs.ai")[2]) == (recorded["method"], recorded["path"])


def test_every_recorded_order_is_written() -> None:
    names = {file.stem.removesuffix("_request") for file in FIXTURES.glob("*_submit_*_request.json")}
    assert names == {*ORDERS}


@pytest.mark.parametrize(("roles", "places"), [(["first_frame"], [0]), (["last_frame"], [240])])
def test_a_single_frame_of_a_long_clip_is_a_keyframe_too(roles: list[MediaRole], places: list[int]) -> None:
    call = adapter().submit_call(order(duration_seconds=10, media=tuple(at(role, "a.png") for role in roles)))
    assert isinstance(call.json, dict)
    video = call.json["video"]
    assert isinstance(video, dict)
    assert (video["keyframe_indexes"], "start_frame" in video) == (places, False)


def test_a_video_without_a_type_is_taken_for_an_mp4() -> None:
    call = adapter().submit_call(order(media=(at("source_video", "a"),)))
    assert isinstance(call.json, dict)
    assert call.json["source"] == {"url": "https://inputs.example.com/a", "media_type": "video/mp4"}


def test_nothing_is_sent_that_is_not_set() -> None:
    assert adapter().submit_call(order()).json == {"model": "ray-3.2", "type": "video", "prompt": "a fox in snow"}
    older = adapter().submit_call(order(model="ray-2"))
    assert older.json == {"generation_type": "video", "model": "ray-2", "prompt": "a fox in snow"}


def test_a_change_of_a_video_needs_to_be_told_how_much() -> None:
    with pytest.raises(InvalidInput, match=r"adhere_1, .*reimagine_3") as caught:
        adapter().submit_call(order(model="ray-2", media=(at("source_video", "a.mp4"),)))
    assert "flex_1" in caught.value.next_step


def test_references_that_do_not_go_together_are_refused() -> None:
    source = at("source_video", "a.mp4")
    with pytest.raises(UnsupportedFeature, match="not both"):
        adapter().submit_call(order(media=(source, at("first_frame", "b.png"))))
    with pytest.raises(UnsupportedFeature, match="not with a last one"):
        adapter().submit_call(
            order(model="ray-2", media=(source, at("last_frame", "b.png")), options={"mode": "flex_1"})
        )


def test_a_prompt_that_is_too_short_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidInput, match="at least 3"):
        adapter().submit_call(order(model="ray-2", prompt="ox"))


@pytest.mark.parametrize("model", ["ray-3.2", "ray-2"])
def test_an_option_that_does_not_exist_is_refused(model: str) -> None:
    with pytest.raises(InvalidInput, match="There is no option of Luma 'concept'"):
        adapter().submit_call(order(model=model, options={"concept": 1}))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"options": {"video": {"duration": "10s"}}}, "no option of Luma 'duration'"),
        ({"options": {"video": {"resolution": "1080p"}}}, "no option of Luma 'resolution'"),
        ({"options": {"video": "1080p"}}, "is an object"),
        ({"options": {"type": "image"}}, "no type of order here 'image'"),
        ({"options": {"type": "video_edit"}}, "no type of order here"),
        ({"options": {"video": {"keyframes": []}}, "media": (at("first_frame", "a.png"),)}, "give one of them"),
        ({"model": "ray-2", "options": {"keyframes": {}}, "media": (at("first_frame", "a.png"),)}, "give one of them"),
    ],
)
def test_an_option_cannot_say_something_else_than_the_request(spec: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        adapter().submit_call(order(**spec))  # type: ignore[arg-type]  # fields of a spec


def test_a_video_can_be_reframed() -> None:
    spec = order(
        aspect_ratio="9:16", media=(at("source_video", "a.mp4", "video/mp4"),), options={"type": "video_reframe"}
    )
    call = adapter().submit_call(spec)
    assert isinstance(call.json, dict)
    assert (call.json["type"], call.json["aspect_ratio"]) == ("video_reframe", "9:16")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    for seconds in card.durations_seconds:
        for resolution in card.resolutions:
            for ratio in card.aspect_ratios:
                adapter().submit_call(
                    order(model=card.model, duration_seconds=seconds, resolution=resolution, aspect_ratio=ratio)
                )
    for role in card.media:
        options = {"mode": "flex_1"} if role == "source_video" and card.model != "ray-3.2" else {}
        adapter().submit_call(order(model=card.model, media=(at(role, "a"),), options=options))


def test_ten_seconds_are_not_twice_the_price_of_five() -> None:
    costs = [
        estimate(RAY_3, VideoSpec(model="ray-3.2", prompt="x", duration_seconds=length, resolution="720p"))
        for length in (5, 10)
    ]
    assert costs == [Decimal("0.30"), Decimal("0.90")]
    for card in RAY_2:
        assert estimate(card, VideoSpec(model=card.model, prompt="x", duration_seconds=5, resolution="720p")) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"duration_seconds": 9.0}, "nearest: 10 s"),
        ({"audio": True}, "silent"),
        ({"seed": 1}, "no seed"),
        ({"negative_prompt": "text"}, "no negative prompt"),
        ({"resolution": "2160p"}, "nearest: 1080p"),
        ({"media": (Media.from_url("https://a.example/x.png", role="reference_image"),)}, "no reference image"),
    ],
)
def test_what_ray_3_does_not_offer_is_refused_with_what_it_does(asked: dict[str, object], said: str) -> None:
    request = VideoRequest(prompt="x", **asked)  # type: ignore[arg-type]
    assert said in " ".join(map(str, mismatches(request, RAY_3)))


def test_the_older_models_need_addresses() -> None:
    request = VideoRequest(prompt="a fox", reference_media_path="u1/fox.png")
    for card in RAY_2:
        assert mismatches(request, card) == ()
        assert "addresses only" in str(mismatches(request, card, addresses=False)[0])


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `ray")]
    assert {cells[0].strip("`"): cells[1:] for cells in rows} == {
        card.model: [
            ", ".join(f"{length:g}" for length in card.durations_seconds),
            ", ".join(card.resolutions),
            ", ".join(card.aspect_ratios),
            "address, base64" if "bytes" in card.delivery else "address",
        ]
        for card in CARDS
    }
    prices = {str(price.usd) for price in RAY_3.prices}
    assert prices == set(re.findall(r"\$(\d+\.\d\d)", PAGE.read_text("utf-8")))
