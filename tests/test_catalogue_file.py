"""The user's file of cards: what an entry means, and where a mistake is."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_cards import any_card
from nexiom_sdk import ModelCard
from nexiom_sdk.catalogue_file import CardChange, CardsFile, text_of
from nexiom_sdk.errors import ConfigurationError, NexiomError
from nexiom_sdk.models import Price

SOURCE = "/etc/nexiom/cards.json"


def _read(text: str) -> CardsFile:
    return CardsFile.from_json(text, source=SOURCE)


def _mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        _read(text)
    assert "NEXIOM_CARDS" in caught.value.next_step
    return caught.value.message.splitlines()


@given(card=any_card, other=any_card)
def test_a_card_that_is_written_down_and_read_back_is_the_same_card(card: ModelCard, other: ModelCard) -> None:
    dumped = json.dumps({"as_of": "2026-11-26", "cards": {f"acme/{card.model}": card.model_dump(mode="json")}})
    change = _read(dumped).cards[f"acme/{card.model}"]
    assert change.over(ModelCard(model=card.model)) == card
    assert change.over(other.evolve(model=card.model)) == card  # whatever was there before
    assert change.alone(card.model, like=None, seen="today") == card


@given(card=any_card, named=st.sets(st.sampled_from(sorted(ModelCard.model_fields.keys() - {"model", "priced_on"}))))
def test_an_entry_changes_the_fields_that_it_names_and_no_other(card: ModelCard, named: set[str]) -> None:
    other = ModelCard(model=card.model, seed=not card.seed, priced_on="long ago", max_prompt_chars=77)
    fields = {name: value for name, value in card.model_dump(mode="json").items() if name in named}
    change = _read(json.dumps({"as_of": "2026-11-26", "cards": {"acme/a1": fields}})).cards["acme/a1"]
    made = change.over(other)
    for name in ModelCard.model_fields:
        if name == "priced_on":
            stamp = "2026-11-26: cards.json" if card.prices else ""
            assert made.priced_on == (stamp if "prices" in named else "long ago")
        else:
            assert getattr(made, name) == getattr(card if name in named else other, name), name


def test_the_file_on_the_page_about_models_is_one() -> None:
    page = (Path(__file__).parents[1] / "docs" / "models.md").read_text("utf-8")
    [text] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert set(_read(text).cards) == {"kling/kling-3.0", "openrouter/acme/new-video-1"}


def test_null_and_emptiness_are_values_too() -> None:
    change = _read('{"as_of": "2026-11-26", "cards": {"acme/a1": {"retires_on": null, "prices": []}}}').cards["acme/a1"]
    card = ModelCard(model="a1", retires_on=date(2026, 1, 1), prices=(Price(usd=Decimal(1)),), priced_on="2025")
    made = change.over(card)
    assert (made.retires_on, made.prices, made.priced_on) == (None, (), "")


def test_an_amount_keeps_each_digit_written_as_a_number_or_as_a_text() -> None:
    prices = '[{"usd": 0.0000107}, {"usd": "0.10"}, {"usd": 3}]'
    change = _read(f'{{"as_of": "2026-11-26", "cards": {{"acme/a1": {{"prices": {prices}}}}}}}').cards["acme/a1"]
    assert [one.usd for one in change.prices] == [Decimal("0.0000107"), Decimal("0.10"), Decimal(3)]


def test_a_price_with_a_date_of_its_own_keeps_it() -> None:
    text = '{"as_of": "2026-11-26", "cards": {"acme/a1": {"prices": [{"usd": 1}], "priced_on": "our contract"}}}'
    assert _read(text).cards["acme/a1"].priced_on == "our contract"


def test_what_a_new_model_is_like_gives_what_it_takes_and_not_what_it_costs_or_how_long_it_lives() -> None:
    like = ModelCard(
        model="a1",
        seed=True,
        licence="L",
        regions_excluded=("EU",),
        prices=(Price(usd=Decimal(1)),),
        priced_on="2025",
        lifecycle="retired",
        retires_on=date(2026, 1, 1),
        retires_not_before=date(2025, 1, 1),
        successor="a2",
        verified_on="2025",
    )
    made = CardChange(typical_seconds=7).alone("a9", like=like, seen="today")
    assert made == ModelCard(
        model="a9", seed=True, licence="L", regions_excluded=("EU",), typical_seconds=7, verified_on="today"
    )


FILE = """{
 "as_of": "2026-11-26",
 "cards": {
  "kling/kling-3.0": {
   "prices": [
    {"usd": "0.10"},
    {"usd": -1}
   ],
   "seeds": true
  },
  "kling": {},
  "runway/wan3": {"audio": "optinal",
   "like": "wan3",
   "retires_on": "2026-13-01"}
 }
}"""


def test_every_mistake_is_named_with_its_line_its_place_and_the_nearest_word() -> None:
    said = _mistakes(FILE)
    for line, words in (
        (7, r"cards\.kling/kling-3\.0\.prices\[1\]\.usd: It should be greater than or equal to 0"),
        (9, r"cards\.kling/kling-3\.0\.seeds: There is no key 'seeds'\. .*Did you mean 'seed'\?"),
        (11, r"cards\.kling: 'kling' is not of the form provider/model"),
        (12, r"cards\.runway/wan3\.audio: 'optinal' is not one of: .*Did you mean 'optional'"),
        (13, r"cards\.runway/wan3\.like: 'wan3' is not of the form provider/model"),
        (14, r"cards\.runway/wan3\.retires_on: .*month value is outside"),
    ):
        assert any(re.search(f"^{SOURCE}, line {line}: (?:{words})", one) for one in said), (line, said)
    assert len(said) == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"{SOURCE} is not JSON: EOF while parsing a value at line 1 column 0."),
        ("[]", f"{SOURCE}, line 1: a file of cards is a JSON object."),
        ("{", "not JSON"),
        ("{}", "line 1: as_of: It is missing."),
        ('{"as_of": "2026-11-26",\n"cards": {}}', "line 2: cards: It is empty."),
        ('{"as_of": "2026-11-26",\n"card": {}}', "line 2: card: There is no key 'card'. Known: as_of, cards. Did you"),
        ('{"as_of": "soon", "cards": {"acme/a1": {}}}', "line 1: as_of: It should be a valid date"),
        ('{"as_of": "2026-11-26", "cards": {"acme/a1": {"typical_seconds": Infinity}}}', "not JSON"),
        ('{"as_of": "2026-11-26", "cards": {"acme/a1": 5}}', "line 1: cards.acme/a1: It should be"),
        ('{"as_of": "2026-11-26", "cards": {"acme/a1": {"prices": {"usd": 1}}}}', "line 1: cards.acme/a1.prices: It"),
    ],
)
def test_a_file_that_is_none_says_what_is_missing(text: str, said: str) -> None:
    assert said in "\n".join(_mistakes(text))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["as_of", "cards", "acme/a1", "prices", "usd", "media", "like", "lengths", "model", "per"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.text(max_size=40)
    | ANY_JSON.map(json.dumps)
    | ANY_JSON.map(lambda value: json.dumps({"as_of": "2026-11-26", "cards": {"acme/a1": value}}))
)
def test_no_text_whatever_raises_anything_foreign(text: str) -> None:
    try:
        _read(text)
    except NexiomError as error:
        assert error.message.startswith(SOURCE)  # noqa: PT017 - most texts raise, and some do not


def test_a_file_with_a_mark_of_windows_is_read_and_one_that_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cards.json"
    file.write_bytes(b"\xef\xbb\xbf{}")
    assert text_of(file) == "{}"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        text_of(file)
    for missing in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(ConfigurationError, match=r"cannot be read: (No such file|Is a directory)"):
            text_of(missing)


def test_a_target_that_stands_twice_is_told_with_both_lines() -> None:
    text = '{"as_of": "2026-11-26", "cards": {\n"acme/a1": {"prices": []},\n"acme/a1": {"seed": true}}}'
    said = "line 2: cards.acme/a1: It stands here and again in line 3; only one of the two can hold."
    assert _mistakes(text) == [f"{SOURCE}, {said}"]
