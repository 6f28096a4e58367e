"""The user's file of cards where it counts: estimates, orders, schedules, and refusals before a row exists."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from cards_rig import KEYS, Reel, cards_file, listed, named, registry_of, studio
from nexiom_sdk import ModelCard, Settings, Studio, VideoRequest
from nexiom_sdk.errors import ConfigurationError, NoCandidate
from nexiom_sdk.models import Price
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.testing import VirtualClock
from rig import policy_over
from wire_rig import bench


def test_an_entry_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    entry = {"prices": [{"usd": "0.01"}], "retires_on": "2027-03-01"}
    for env in ({}, KEYS):
        before = listed(studio(tmp_path, env), "kling/kling-3.0").card
        after = listed(studio(tmp_path, env, cards={"kling/kling-3.0": entry}), "kling/kling-3.0").card
        assert after.prices == (Price(usd=Decimal("0.01")),)
        assert after.priced_on == "2026-11-26: cards.json"
        assert str(after.retires_on) == "2027-03-01"
        changed = {name for name in ModelCard.model_fields if getattr(after, name) != getattr(before, name)}
        assert changed == {"prices", "priced_on", "retires_on"}


def test_a_changed_price_is_what_an_estimate_says(tmp_path: Path) -> None:
    cards = {"kling/kling-3.0": {"prices": [{"usd": "0.01"}]}}
    choice = named(studio(tmp_path, KEYS, cards=cards), "kling-3.0")
    assert choice.chosen is not None
    assert (choice.chosen.estimated_cost_usd, choice.chosen.priced_on) == (Decimal("0.05"), "2026-11-26: cards.json")


def test_the_cards_are_the_same_ones_each_time_so_that_choices_are_remembered(tmp_path: Path) -> None:
    made = studio(tmp_path, KEYS, cards={"kling/kling-3.0": {"prices": [{"usd": "0.01"}]}})
    first, second = (named(made, "kling-3.0") for _ in range(2))
    assert first.chosen is second.chosen


def test_a_new_model_takes_what_it_is_like_and_none_of_its_prices(tmp_path: Path) -> None:
    cards = {"openrouter/acme/new-video-1": {"like": "openrouter/alibaba/wan-3.0", "durations_seconds": [4, 8]}}
    made = studio(tmp_path, KEYS, cards=cards)
    new, like = (listed(made, f"openrouter/{name}").card for name in ("acme/new-video-1", "alibaba/wan-3.0"))
    assert (new.durations_seconds, new.prices, new.priced_on) == ((4, 8), (), "")
    assert (new.resolutions, new.media, new.min_poll_seconds) == (like.resolutions, like.media, like.min_poll_seconds)
    assert new.verified_on == "2026-11-26: cards.json"
    choice = named(made, "acme/new-video-1")
    assert choice.chosen is not None
    assert "its price is not known" in choice.chosen.warnings


def test_a_new_model_that_is_like_one_that_is_gone_is_not_gone_itself(tmp_path: Path) -> None:
    made = studio(tmp_path, KEYS, cards={"runway/gen9": {"like": "runway/gen3a_turbo"}})
    new = listed(made, "runway/gen9")
    assert (new.state, new.card.successor, new.card.retires_on) == ("usable", None, None)


async def test_a_new_model_is_ordered_by_its_id_from_the_real_adapter(tmp_path: Path) -> None:
    entry = {
        "like": "openrouter/google/veo-3.1-fast",
        "delivery": ["bytes"],
        "typical_seconds": 5,
        "min_poll_seconds": 3,
    }
    file = cards_file(tmp_path, {"openrouter/acme/new-video-1": entry})
    async with bench("openrouter", tmp_path, cards=file) as it:
        request = it.request(model="acme/new-video-1", reference_media_path="u1/fox.png")
        job = await it.ended(await it.studio.submit(request))
        assert job.status == "completed"
        assert len(it.wire.orders) == 1
        sent = next(one for one in it.server.received if one.method == "POST").json()
        assert isinstance(sent, dict)
        assert sent["model"] == "acme/new-video-1"
        assert "data:image/png;base64" in str(sent["frame_images"])  # as the file says, not as an address
        card = it.studio._desk.card_of(it.studio._chooser.provider("openrouter"), "acme/new-video-1")
        assert (card.typical_seconds, card.min_poll_seconds) == (5, 3)


async def test_an_order_of_a_new_model_whose_answer_was_lost_is_looked_for(tmp_path: Path) -> None:
    held: list[Reel] = []

    def make(config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> Reel:
        held.append(Reel({"api_key": "x"}, http=http))
        held[0].lose_answer().succeed()
        return held[0]

    make.takes_new_models = True  # type: ignore[attr-defined]
    file = cards_file(tmp_path, {"reel/reel-9": {"like": "reel/reel-1"}})
    made = Studio(
        settings=Settings(home=tmp_path, cards=file),
        registry=registry_of(reel=make),
        policy=policy_over("reel/reel-1"),
        clock=VirtualClock(auto=True),
    )
    async with made:
        job = await made.submit(VideoRequest(prompt="a fox", model="reel-9"))
        async for row in made.watch(job.id):
            job = row
        job = await made.get(job.id)
    assert (job.phase, len(held[0].accepted)) == (Phase.DONE, 1)
    assert job.status == "completed"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"klin/kling-3.0": {"seed": True}}, r"line 3: cards\.klin/kling-3\.0: There is no provider 'klin'.*'kling'"),
        ({"kling/kling-3.0": {"prices": [{"usd": -1}]}}, r"line 3: .*prices\[0\]\.usd: It should be greater"),
        ({"local/x": {"durations_seconds": [4]}}, "Orders of other models cannot be written for local"),
        ({"veo/veo-9": {"like": "veo/gemini-omni-1.1-flash"}}, "Name it in NEXIOM_VEO_MODELS first"),
        ({"hunyuan/h9": {"durations_seconds": [4]}}, "Name it in NEXIOM_HUNYUAN_MODELS first"),
        ({"runway/wan33": {"seed": True}}, "Did you mean 'runway/wan3'.*A new model says"),
        ({"runway/new": {"like": "runway/wan33"}}, r"like: runway lists no model 'wan33'\. Did you mean 'runway/wan3'"),
    ],
)
async def test_a_mistake_in_the_file_stops_everything_before_anything_is_written(
    entry: dict[str, object], said: str, tmp_path: Path
) -> None:
    async with studio(tmp_path, KEYS, cards=entry) as made:
        request = VideoRequest(prompt="a fox", provider="runway", model="wan3")
        for verb in (made.models, lambda: made.estimate(request), made.worker):
            with pytest.raises(ConfigurationError, match=said):
                verb()
        with pytest.raises(ConfigurationError, match=r"cards\.json"):
            await made.submit(request)
        assert not await made.jobs()


def test_a_file_may_name_what_only_other_processes_use(tmp_path: Path) -> None:
    cards = {"openrouter/acme/v1": {"like": "openrouter/alibaba/wan-3.0"}, "veo/veo-9": {"seed": True}}
    env = {"NEXIOM_PROVIDERS": "local,kling"}
    assert {one.provider for one in studio(tmp_path, env, cards=cards).models()} == {"kling", "local"}
    named = {"NEXIOM_VEO_MODELS": "veo-9"}
    assert studio(tmp_path, named, cards={"veo/veo-9": {"seed": True}}).models("veo")
    with_key = studio(tmp_path, {**named, "GOOGLE_API_KEY": "g"}, cards={"veo/veo-9": {"typical_seconds": 8}})
    assert listed(with_key, "veo/veo-9").card.typical_seconds == 8


def test_a_new_model_that_the_keys_do_not_reach_is_refused_before_a_row_exists(tmp_path: Path) -> None:
    pair = {"KLINGAI_ACCESS_KEY": "ak", "KLINGAI_SECRET_KEY": "sk"}
    made = studio(tmp_path, pair, cards={"kling/kling-4.0": {"like": "kling/kling-3.0"}})
    with pytest.raises(NoCandidate, match="it may need KLINGAI_API_KEY"):
        made._chooser.choose(VideoRequest(prompt="a fox", model="kling-4.0"))


def test_the_file_is_read_by_its_variable_and_a_field_wins(tmp_path: Path) -> None:
    file = cards_file(tmp_path, {"local/preview": {"typical_seconds": 1}})
    assert Settings.from_env({"NEXIOM_CARDS": "~/cards.json"}).cards == Path("~/cards.json").expanduser()
    made = Studio(settings=Settings.from_env({"NEXIOM_CARDS": "/nowhere", "NEXIOM_HOME": str(tmp_path)}, cards=file))
    assert made.models("local")[0].card.typical_seconds == 1


def test_a_successor_is_a_model_of_the_same_provider_that_there_is(tmp_path: Path) -> None:
    cards = {
        "reel/reel-1": {"successor": "reeel-2"},
        "reel/reel-2": {"successor": "reel-9"},
        "reel/reel-9": {"like": "reel/reel-1"},
    }
    with pytest.raises(ConfigurationError) as caught:
        studio(tmp_path, cards=cards, registry=registry_of(reel=Reel)).models()
    said = "line 3: cards.reel/reel-1.successor: reel lists no model 'reeel-2'. Did you mean 'reel-2'?"
    assert caught.value.message == f"{tmp_path / 'cards.json'}, {said}"
