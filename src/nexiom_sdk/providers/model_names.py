"""Models under the names that an operator gives: deployments, renamed ids, and models newer than this version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.configuration import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNames:
    """The models of an adapter, and what each is called on the wire.

    Args:
        cards: The models that can be asked for.
        ids: Name of a model to its id on the wire, where the two differ.
    """

    cards: tuple[ModelCard, ...]
    ids: Mapping[str, str]

    def id_of(self, model: str) -> str:
        """The id of a model on the wire."""
        return self.ids.get(model, model)


def model_names(
    config: Configuration,
    key: str,
    cards: Sequence[ModelCard],
    *,
    unlisted: ModelCard,
    ids: Mapping[str, str] | None = None,
) -> ModelNames:
    """The models as the operator names them: entries `name` or `name=id` with commas between.

    Args:
        config: What the operator says.
        key: Configuration key of the list.
        cards: The models that are known; another name for one of them takes what that takes.
        unlisted: What to assume of a model that is not; its price is unknown.
        ids: Ids that differ from the names, unless the operator says otherwise.

    Raises:
        ConfigurationError: An entry is empty on one side.

    Example:
        >>> config = Configuration(title="Acme", values={"models": "a1=ep-7, a9"}, variables={})
        >>> names = model_names(config, "models", [ModelCard(model="a1", seed=True)], unlisted=ModelCard(model=""))
        >>> [card.model for card in names.cards], names.id_of("a1"), names.id_of("a9")
        (['a1', 'a9'], 'ep-7', 'a9')
    """
    found, renamed = {card.model: card for card in cards}, dict(ids or {})
    known = {card.model: card for card in cards} | {renamed.get(card.model, card.model): card for card in cards}
    unknown = unlisted.evolve(prices=(), priced_on="")
    for entry in filter(None, (text.strip() for text in config.text(key).split(","))):
        name, equals, wire_id = (part.strip() for part in entry.partition("="))
        if not name or (equals and not wire_id):
            variable = config.variables.get(key, key)
            msg = f"{variable} holds an entry that names no model."
            raise ConfigurationError(msg, next_step=f"Write {variable} as NAME or NAME=ID, with commas between.")
        found.setdefault(name, known.get(wire_id, unknown).evolve(model=name))
        if wire_id:
            renamed[name] = wire_id
    return ModelNames(cards=tuple(found.values()), ids=renamed)
