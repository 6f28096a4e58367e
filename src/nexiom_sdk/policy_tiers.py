"""The tiers of a policy: their models with what to ask of each, and tiers that extend others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import ConfigDict, Field, JsonValue, StrictBool, model_validator

from nexiom_sdk.policy_problems import Misplaced
from nexiom_sdk.types import AspectRatio, QualityTier, Resolution
from nexiom_sdk.values import Frozen
from nexiom_sdk.wording import unknown

Pattern = Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")]


def _first_line_only(schema: dict[str, JsonValue]) -> None:
    schema["description"] = str(schema["description"]).partition("\n")[0]


class PolicyPart(Frozen):
    """Base of what a policy file consists of."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra=_first_line_only)

    def evolve(self, **changes: object) -> Self:
        """A copy with some fields changed, without what was worked out from the fields that it had before."""
        copy = super().evolve(**changes)
        for name in vars(copy).keys() - type(self).model_fields.keys():
            del vars(copy)[name]
        return copy


class TierDefaults(PolicyPart):
    """What to ask a model for where the user said nothing; taken to the nearest value that the model offers.

    Args:
        resolution: Short side of the picture.
        duration_seconds: Length of the clip.
        aspect_ratio: Width to height.
        audio: With sound or silent.
    """

    resolution: Resolution | None = None
    duration_seconds: Annotated[float, Field(gt=0, le=3600, strict=True)] | None = None
    aspect_ratio: AspectRatio | None = None
    audio: StrictBool | None = None

    def under(self, nearer: TierDefaults) -> TierDefaults:
        """These defaults, where the nearer ones say nothing."""
        return self.evolve(**nearer.model_dump(exclude_none=True))


class Entry(NamedTuple):
    """A model that may be chosen, with everything the policy says of it; `rule` names the rule that added it."""

    provider: str
    model: str
    weight: int
    why: str
    defaults: TierDefaults
    rule: str | None = None

    @property
    def target(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


class PolicyCandidate(PolicyPart):
    """One model of a tier.

    Args:
        target: `provider/model`; the model's id may contain slashes itself.
        weight: The highest that fits is used.
        why: The reason, for the people who read a choice.
        defaults: What to ask this model for; the tier's defaults fill the rest.
    """

    target: Pattern
    weight: Annotated[int, Field(ge=0, strict=True)]
    why: str = ""
    defaults: TierDefaults = Field(default_factory=TierDefaults)

    def entry(self, defaults: TierDefaults, *, rule: str | None = None) -> Entry:
        """This model, with a tier's defaults under its own."""
        provider, _, model = self.target.partition("/")
        return Entry(provider, model, self.weight, self.why, defaults.under(self.defaults), rule)


class TierPolicy(PolicyPart):
    """What one tier means.

    Args:
        intent: What the tier is for.
        extends: Another tier, whose candidates and defaults this one has too; its own come first.
        defaults: What to ask for where neither user nor candidate say.
        candidates: Its models.
    """

    intent: str = ""
    extends: QualityTier | None = None
    defaults: TierDefaults = Field(default_factory=TierDefaults)
    candidates: tuple[PolicyCandidate, ...] = ()

    @model_validator(mode="after")
    def _each_target_once(self) -> Self:
        if not self.candidates and self.extends is None:
            msg = "It has no candidates."
            raise ValueError(msg)
        seen: set[str] = set()
        for candidate in self.candidates:
            if candidate.target in seen:
                msg = f"'{candidate.target}' is named twice."
                raise ValueError(msg)
            seen.add(candidate.target)
        return self

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The candidates, the preferred first, equals by name; each with all its defaults."""
        ranked = sorted(self.candidates, key=lambda one: (-one.weight, one.target))
        return tuple(one.entry(self.defaults) for one in ranked)

    def over(self, base: TierPolicy) -> TierPolicy:
        """This tier with everything that the tier it extends has and it does not name itself.

        A candidate's own defaults come first, then those of this tier, then those of the tier that it extends.
        """
        own = {candidate.target for candidate in self.candidates}
        inherited = tuple(candidate for candidate in base.candidates if candidate.target not in own)
        return self.evolve(
            extends=None, defaults=base.defaults.under(self.defaults), candidates=(*self.candidates, *inherited)
        )


def whole(name: QualityTier, tiers: Mapping[QualityTier, TierPolicy]) -> TierPolicy:
    """A tier with what it has from the tiers that it extends.

    Args:
        name: The tier.
        tiers: All tiers.

    Raises:
        Misplaced: One of them does not exist, or they extend one another in a circle.
    """
    seen, tier = [name], tiers[name]
    while tier.extends is not None:
        if tier.extends not in tiers:
            raise Misplaced(unknown("tier", tier.extends, tuple(tiers)), seen[-1], "extends")
        seen.append(tier.extends)
        if tier.extends in seen[:-1]:
            raise Misplaced(f"Tiers extend one another in a circle: {' -> '.join(seen)}.", seen[-2], "extends")
        base = tiers[tier.extends]
        tier = tier.over(base).evolve(extends=base.extends)
    return tier
