"""What a choice depends on, besides the policy and the cards: the question, without the words of the prompt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Self

from nexiom_sdk.models import Asked, ModelCard
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_parts import Rule
from nexiom_sdk.types import QualityTier, VideoRequest


class Question(NamedTuple):
    """Everything of one request, one user and one day that an answer may depend on; equal questions have one answer.

    Args:
        asked: What a model is held against.
        tier: The tier of the request, or the policy's default.
        tier_asked: The tier, where the request names one.
        provider: The only provider that will do.
        model: The only model that will do.
        strict: Whether what a model does not offer is refused.
        max_cost_usd: The most that it may cost.
        with_options: The providers that the request has options for.
        role: The role of the user.
        today: The day.
        addresses: Whether the store can give web addresses of the references it holds.
        unavailable: Providers that cannot be used, each with the reason.
        health: Providers to leave alone for now, each with the reason.
    """

    asked: Asked
    tier: QualityTier
    tier_asked: QualityTier | None
    provider: str | None
    model: str | None
    strict: bool
    max_cost_usd: Decimal | None
    with_options: frozenset[str]
    role: str
    today: date
    addresses: bool
    unavailable: frozenset[tuple[str, str]]
    health: frozenset[tuple[str, str]]

    @property
    def by_name(self) -> bool:
        """Whether the request names a provider or a model."""
        return self.provider is not None or self.model is not None

    @classmethod
    def of(
        cls,
        request: VideoRequest,
        policy: Policy,
        *,
        unavailable: Mapping[str, str],
        health: Mapping[str, str],
        today: date,
        addresses: bool,
        role: str | None,
    ) -> Self:
        """The question that a request asks."""
        return cls(
            asked=Asked.of(request),
            tier=request.quality_tier or policy.default_tier,
            tier_asked=request.quality_tier,
            provider=request.provider,
            model=request.model,
            strict=request.strict,
            max_cost_usd=request.max_cost_usd,
            with_options=frozenset(name for name, options in request.options.items() if options),
            role=role or policy.governance.default_role,
            today=today,
            addresses=addresses,
            unavailable=frozenset(unavailable.items()),
            health=frozenset(health.items()),
        )

    def of_any_prompt_within(self, limits: Iterable[int | None]) -> Self:
        """The same question for every prompt that no model finds too long; this one, where its own is too long for one.

        Args:
            limits: How many characters each model takes; None: any number.
        """
        if self.asked.prompt_chars > min((one for one in limits if one is not None), default=math.inf):
            return self
        return self._replace(asked=self.asked._replace(prompt_chars=0))


class Case(NamedTuple):
    """A question with what holds for every model that is judged.

    Args:
        question: The question.
        by_name: Whether it names a provider or a model.
        policy: What each tier prefers.
        rules: The rules that hold for such a request.
        cards: The cards of every provider that can be used.
        listed: The models of each provider that comes into question, by their ids.
        unavailable: Providers that cannot be used, with the reason.
        health: Providers to leave alone for now, with the reason.
    """

    question: Question
    by_name: bool
    policy: Policy
    rules: tuple[Rule, ...]
    cards: Mapping[str, Sequence[ModelCard]]
    listed: Mapping[str, Mapping[str, ModelCard]]
    unavailable: Mapping[str, str]
    health: Mapping[str, str]
