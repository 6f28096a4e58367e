"""One model as a list shows it: its card, whether it can be used here and why not, and the tiers that name it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator

from nexiom_sdk.cards import ModelCard
from nexiom_sdk.catalogue_filters import TAKES, Takes, offers_length, orders, usd_per_clip, usd_per_second
from nexiom_sdk.types import QualityTier
from nexiom_sdk.values import Frozen
from nexiom_sdk.wording import unknown

State: TypeAlias = Literal["usable", "not_set_up", "broken", "retired"]

UNREADABLE = "*"
"""Stands for all models of a provider whose models cannot be known before it is set up, or mended."""


class ListedModel(Frozen):
    """A model of an installed provider, whether or not it can be used.

    Args:
        provider: Name of the provider.
        card: What is known of the model. Its id is `*` where the models of a provider cannot be known before the
            provider is set up, or mended.
        state: usable; not_set_up: a key or an address is missing; broken: the provider cannot be used as it is;
            retired: the model is no longer offered.
        reason: Why it cannot be used, with the variable to set; or that it will retire soon. Else empty.
        tiers: The tiers of the policy that name it, with its weight in each.

    Example:
        >>> from nexiom_sdk.catalogue import ListedModel
        >>> ListedModel(provider="local", card=ModelCard(model="preview"), state="usable").target
        'local/preview'
    """

    provider: str
    card: ModelCard
    state: State
    reason: str = ""
    tiers: Mapping[QualityTier, int] = Field(default_factory=dict[QualityTier, int])

    @property
    def target(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.card.model}"


class Wanted(Frozen):
    """Which models are asked for; see `Studio.models`.

    Raises:
        InvalidInput: A word or a number is impossible; the message has the nearest one.
    """

    tier: QualityTier | None = None
    duration_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    takes: Takes | None = None
    max_usd: Annotated[Decimal, Field(ge=0)] | None = None
    usable: bool = False
    include_retired: bool = False

    @field_validator("takes", mode="before")
    @classmethod
    def _something_that_goes_in(cls, given: object) -> object:
        if isinstance(given, str) and given not in TAKES:
            raise ValueError(unknown("kind of input", given, TAKES))
        return given

    def has(self, row: ListedModel) -> bool:
        """Whether a model is one of them."""
        if self.tier is not None and self.tier not in row.tiers:
            return False
        if row.state == "retired" and (self.usable or not self.include_retired):
            return False
        return (row.state == "usable" or not self.usable) and self._fits(row.card)

    def _fits(self, card: ModelCard) -> bool:
        length, takes = self.duration_seconds, self.takes
        if card.model == UNREADABLE:  # nothing is known of it, so nothing that is asked for is known to be there
            return length is None and takes is None and self.max_usd is None
        if takes is not None and not orders(card, takes):
            return False
        if length is not None and not offers_length(card, length, takes):
            return False
        if self.max_usd is None:
            return True
        if length is not None:
            cost = usd_per_clip(card, length, takes)
        else:
            span = usd_per_second(card, takes)
            cost = None if span is None else span.least
        return cost is not None and cost <= self.max_usd
