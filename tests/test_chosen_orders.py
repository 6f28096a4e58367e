"""Whatever is chosen can be ordered: no adapter refuses, once a row exists, what a card let pass."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choices_rig import TODAY, references
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import broken_conditions
from nexiom_sdk.policy import Policy
from nexiom_sdk.selection import select
from nexiom_sdk.types import ASPECT_RATIOS, QUALITY_TIERS, RESOLUTIONS, Candidate, MediaRole, VideoRequest
from our_providers import GROUPS, World, order, world

POLICY = Policy.default()
EVERYTHING = world(*GROUPS["everything"])
OTHER_KEYS = world("hunyuan (Tencent Cloud)", "kling (pair of keys)", "luma (older key)", "veo")
MODELS = sorted({(name, card.model) for name, cards in EVERYTHING.cards.items() for card in cards})
MEDIA = [
    "", "first frame", "first and last frame", "last frame", "1 reference image", "4 reference images",
    "8 reference images", "reference video", "reference sound", "source video",
]  # fmt: skip

any_wish = st.fixed_dictionaries(
    {
        "quality_tier": st.none() | st.sampled_from(QUALITY_TIERS),
        "duration_seconds": st.none() | st.sampled_from([2.0, 5.0, 6.0, 8.0, 10.0, 12.0, 20.0, 40.0]),
        "resolution": st.none() | st.none() | st.sampled_from(RESOLUTIONS),
        "aspect_ratio": st.none() | st.none() | st.sampled_from(ASPECT_RATIOS),
        "audio": st.none() | st.booleans(),
        "seed": st.none() | st.none() | st.just(7),
        "negative_prompt": st.none() | st.none() | st.just("rain"),
        "media": st.sets(st.sampled_from(MEDIA), max_size=2).map(
            lambda words: references(" + ".join(sorted(filter(None, words))))
        ),
        "strict": st.booleans(),
    }
)


def _beyond_cards(one: Candidate, request: VideoRequest) -> bool:
    """What no card can say: an option that a change needs, and a frame that brings its shape beside references."""
    if one.target in {"luma/ray-2", "luma/ray-flash-2"}:
        return "source_video" in request.roles
    return one.target == "runway/kling_4" and one.aspect_ratio is not None and "first_frame" in request.roles


@settings(max_examples=400)
@given(wish=any_wish, name=st.none() | st.sampled_from(MODELS), there=st.sampled_from([EVERYTHING, OTHER_KEYS]))
def test_whatever_is_chosen_can_be_ordered(wish: dict[str, object], name: tuple[str, str] | None, there: World) -> None:
    request = VideoRequest(prompt="a fox in snow", **wish)  # type: ignore[arg-type]
    if name is not None:
        request = request.evolve(provider=name[0], model=name[1])
    choice = select(request, POLICY, there.cards, unavailable=there.unavailable, today=TODAY)
    for one in choice.ranked:
        if not _beyond_cards(one, request):
            order(there, request, one)


@pytest.mark.parametrize(
    ("provider", "model", "media", "ratio"),
    [("luma", "ray-2", "source video", None), ("runway", "kling_4", "first frame + 1 reference image", "16:9")],
)
def test_what_no_card_can_say_is_refused_before_anything_is_sent(
    provider: str, model: str, media: str, ratio: str | None
) -> None:
    wish = {"provider": provider, "model": model, "media": references(media), "aspect_ratio": ratio}
    request = VideoRequest(prompt="a fox in snow", **wish)  # type: ignore[arg-type]
    choice = select(request, POLICY, EVERYTHING.cards, today=TODAY)
    assert choice.chosen is not None
    assert _beyond_cards(choice.chosen, request)
    with pytest.raises((UnsupportedFeature, InvalidInput)) as caught:
        order(EVERYTHING, request, choice.chosen)
    assert caught.value.charged == "no"


TAKE_A_LAST_FRAME_ALONE = {
    "luma/ray-2",
    "luma/ray-3.2",
    "luma/ray-flash-2",
    "openrouter/alibaba/wan-2.7",
    "openrouter/black-forest-labs/flux-3-video",
    "openrouter/minimax/hailuo-3",
    "openrouter/minimax/hailuo-3-max",
}
TAKE_A_SOUND_ALONE = {
    "openrouter/bytedance/seedance-2.5",
    "runway/grok_imagine_1_5",
    "runway/hailuo3",
    "runway/seedance2_5",
    "runway/wan3",
    "runway/wan3_prime",
    "seedance/dreamina-seedance-2-5-260628",
}


@pytest.mark.parametrize(
    ("role", "models"), [("last_frame", TAKE_A_LAST_FRAME_ALONE), ("reference_audio", TAKE_A_SOUND_ALONE)]
)
def test_few_models_take_a_last_frame_or_a_sound_alone(role: MediaRole, models: set[str]) -> None:
    """The others say that they need more beside it, so that none of their cards forgets to."""
    taking = {
        f"{name}/{card.model}"
        for there in (EVERYTHING, OTHER_KEYS)
        for name, cards in there.cards.items()
        for card in cards
        if role in card.media and not any(broken_conditions(card, (role,)))
    }
    assert taking == models
