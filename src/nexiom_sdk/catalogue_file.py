"""The user's file of cards: what somebody knows better of a model than this version, or of a model that it lacks.

An entry names only what differs. What is wrong in a file is named with its line, its place and the nearest word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_core import from_json

from nexiom_sdk.cards import Condition, Lengths, MediaLimits, ModelCard, Price, Shapes
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.policy_problems import Place, problems, repeated, told
from nexiom_sdk.values import Frozen
from nexiom_sdk.wording import printable

Target = Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")]

LENGTHS = frozenset({"durations_seconds", "duration_range_seconds", "lengths"})
"""What says how long clips may be; a new model that is like no other has to say it."""

_HINT = "Correct the file at the place named, or unset NEXIOM_CARDS."


class CardChange(ModelCard):
    """One entry of the file: the fields that it names, and no others, count.

    Args:
        model: The model's id at the provider; the key of the entry says it already.
        like: A model that a new one is like: `provider/model`.
    """

    model: str = ""
    like: Target | None = None

    def over(self, card: ModelCard) -> ModelCard:
        """The card with what the entry names.

        Example:
            >>> CardChange(seed=True).over(ModelCard(model="a1", negative_prompt=True)).seed
            True
        """
        named = self.model_fields_set - {"like", "model"}
        return card.evolve(**{name: getattr(self, name) for name in named})

    def alone(self, model: str, *, like: ModelCard | None, seen: str) -> ModelCard:
        """The card of a model that its provider does not list.

        Prices, dates and the state of the model that it is like are facts of that one model, so they are left behind.

        Args:
            model: Its id.
            like: The card of the model that it is like.
            seen: Date and source of the entry.
        """
        taken = ModelCard(model=model) if like is None else like
        fresh = ModelCard(model=model, verified_on=seen)
        own = ("prices", "priced_on", "lifecycle", "retires_on", "retires_not_before", "successor", "verified_on")
        return self.over(taken.evolve(model=model, **{name: getattr(fresh, name) for name in own}))


class CardsFile(Frozen):
    """The file.

    Args:
        as_of: The day of its facts.
        cards: The entries by `provider/model`.
    """

    as_of: date
    cards: Annotated[Mapping[Target, CardChange], Field(min_length=1)]

    @classmethod
    def from_json(cls, text: str, *, source: str) -> CardsFile:
        """The file in a text; a price without a date of its own gets that of the file.

        Args:
            text: JSON.
            source: Its path, for errors and dates.

        Raises:
            ConfigurationError: It is not JSON, or an entry cannot be; the message names the line and the place.

        Example:
            >>> text = '{"as_of": "2026-11-26", "cards": {"acme/a1": {"prices": [{"usd": "0.07"}]}}}'
            >>> CardsFile.from_json(text, source="/etc/cards.json").cards["acme/a1"].priced_on
            '2026-11-26: cards.json'
        """
        try:
            fields: object = from_json(text.encode(), allow_inf_nan=False)
        except ValueError as error:
            raise ConfigurationError(f"{source} is not JSON: {printable(str(error), 200)}.", next_step=_HINT) from error
        if not isinstance(fields, dict):
            raise ConfigurationError(f"{source}, line 1: a file of cards is a JSON object.", next_step=_HINT)
        if twice := [*repeated(text)]:
            raise mistaken(text, source, twice)
        try:
            read = cls.model_validate(fields)
        except ValidationError as error:
            raise mistaken(text, source, problems(error, _KEYS)) from error
        stamp = read.seen(source)
        dated = {
            target: change.evolve(priced_on=stamp if change.prices else "")
            for target, change in read.cards.items()
            if "prices" in change.model_fields_set and "priced_on" not in change.model_fields_set
        }
        return read.evolve(cards={**read.cards, **dated})

    def seen(self, source: str) -> str:
        """Date and source of its facts, as cards have them."""
        return f"{self.as_of}: {Path(source).name}"


def text_of(path: Path) -> str:
    """The text in a file.

    Raises:
        ConfigurationError: It cannot be read, or is no text.
    """
    try:
        return path.read_text("utf-8-sig")  # editors on Windows begin files with a mark
    except OSError as error:
        msg = f"The file of cards {path} cannot be read: {error.strerror or error}."
        raise ConfigurationError(msg, next_step="Correct NEXIOM_CARDS, or unset it.") from error
    except ValueError as error:
        raise ConfigurationError(f"The file of cards {path} is not UTF-8 text.", next_step=_HINT) from error


def mistaken(text: str, source: str, found: Iterable[tuple[Place, str]]) -> ConfigurationError:
    """The error for what is wrong at these places of a file."""
    return ConfigurationError(told(text, source, found), next_step=_HINT)


_PARTS = (CardChange, CardsFile, Condition, Lengths, MediaLimits, Price, Shapes)
_KEYS = {part.__name__: tuple(part.model_fields) for part in _PARTS}
