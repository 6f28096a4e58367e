"""What a policy consists of: tiers and their models, the rules that reorder them, and what may be used at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from nexiom_sdk.models import Asked
from nexiom_sdk.policy_tiers import Entry, Pattern, PolicyCandidate, PolicyPart, TierDefaults, TierPolicy
from nexiom_sdk.types import MediaRole, QualityTier, Resolution, VideoRequest

__all__ = [
    "Entry",
    "Lists",
    "Pattern",
    "PolicyCandidate",
    "PolicyPart",
    "Rule",
    "Span",
    "TierDefaults",
    "TierPolicy",
    "When",
    "matches",
]

_Length = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class Span(PolicyPart):
    """A range of lengths in seconds; an unset end is open.

    Args:
        gt: Longer than this.
        ge: This or longer.
        lt: Shorter than this.
        le: This or shorter.
    """

    gt: _Length | None = None
    ge: _Length | None = None
    lt: _Length | None = None
    le: _Length | None = None

    @model_validator(mode="after")
    def _some_length_fits(self) -> Self:
        least = max((one for one in (self.gt, self.ge) if one is not None), default=0.0)
        most = min((one for one in (self.lt, self.le) if one is not None), default=math.inf)
        if least > most or (least == most and least in {self.gt, self.lt}):
            msg = "No length is in this range."
            raise ValueError(msg)
        return self

    def holds(self, value: float) -> bool:
        """Whether a length is in the range."""
        return (
            (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
        )


class When(PolicyPart):
    """What a user must have asked for a rule to apply; unset conditions hold always, tier defaults count as unasked.

    Args:
        tiers: In one of these tiers.
        duration_seconds: A length in this range.
        resolutions: One of these resolutions.
        audio: Sound, or silence.
        media_all: References of all these roles.
        media_any: A reference of one of these roles.
    """

    tiers: tuple[QualityTier, ...] = ()
    duration_seconds: Span | None = None
    resolutions: tuple[Resolution, ...] = ()
    audio: StrictBool | None = None
    media_all: tuple[MediaRole, ...] = ()
    media_any: tuple[MediaRole, ...] = ()

    def holds(self, asked: VideoRequest | Asked, tier: QualityTier) -> bool:
        """Whether this is such a request."""
        length, roles = asked.duration_seconds, set(asked.roles)
        return (
            (not self.tiers or tier in self.tiers)
            and (self.duration_seconds is None or (length is not None and self.duration_seconds.holds(length)))
            and (not self.resolutions or asked.resolution in self.resolutions)
            and (self.audio is None or asked.audio is self.audio)
            and roles.issuperset(self.media_all)
            and (not self.media_any or not roles.isdisjoint(self.media_any))
        )


class Rule(PolicyPart):
    """Something that holds for some requests only.

    Args:
        id: Its name, shown in choices.
        why: The reason, for the people who read a choice.
        when: Which requests.
        boost: Added to the weight of a model, by a pattern of targets such as `kling/*`; below zero it takes away.
        add: Models that such requests may also use.
        exclude: Patterns of targets that such requests may not use.
    """

    id: Annotated[str, Field(min_length=1)]
    why: str = ""
    when: When = Field(default_factory=When)
    boost: Mapping[Pattern, Annotated[int, Field(strict=True)]] = Field(default_factory=dict)
    add: tuple[PolicyCandidate, ...] = ()
    exclude: tuple[Pattern, ...] = ()

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.boost or self.add or self.exclude):
            msg = "It does nothing: it needs boost, add or exclude."
            raise ValueError(msg)
        return self


class Lists(PolicyPart):
    """Names to allow or to deny.

    Args:
        providers: Names of providers.
        models: Patterns of targets, such as `kling/*`.
        licences: Licences of models, as their cards name them.
    """

    providers: tuple[str, ...] = ()
    models: tuple[Pattern, ...] = ()
    licences: tuple[str, ...] = ()

    def about(self, target: str, licence: str) -> Iterator[tuple[str, bool]]:
        """What each list that is not empty says of a model: what it goes by, and whether the model is on it.

        Args:
            target: `provider/model`.
            licence: The model's licence.
        """
        if self.providers:
            provider = target.partition("/")[0]
            yield f"the provider {provider}", provider in self.providers
        if self.models:
            yield "this model", any(matches(target, pattern) for pattern in self.models)
        if self.licences:
            words = f"the licence '{licence}'" if licence else "models without a licence of their own"
            yield words, licence in self.licences


@lru_cache(maxsize=8192)
def matches(target: str, pattern: str) -> bool:
    """Whether a target fits a pattern; `*` stands for any text, also one with slashes.

    Example:
        >>> matches("openrouter/google/veo-3.1", "openrouter/*"), matches("kling/kling-3.0", "kling/kling-3.0")
        (True, True)
    """
    return fnmatchcase(target, pattern)
