"""What a policy consists of: tiers and their models, the rules that reorder them, and what may be used at all."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import ConfigDict, Field, JsonValue, StrictBool, model_validator

from nexiom_sdk.types import AspectRatio, Frozen, MediaRole, QualityTier, Resolution, VideoRequest

_EUROPEAN_UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)

Pattern = Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")]


def _first_line_only(schema: dict[str, JsonValue]) -> None:
    schema["description"] = str(schema["description"]).partition("\n")[0]


class PolicyPart(Frozen):
    """Base of what a policy file consists of."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra=_first_line_only)


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
    """A model that may be chosen, with everything the policy says of it."""

    provider: str
    model: str
    weight: int
    why: str
    defaults: TierDefaults

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

    def entry(self, defaults: TierDefaults) -> Entry:
        """This model, with a tier's defaults under its own."""
        provider, _, model = self.target.partition("/")
        return Entry(provider, model, self.weight, self.why, defaults.under(self.defaults))


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
        """This tier with everything that the tier it extends has and it does not name itself."""
        own = {candidate.target for candidate in self.candidates}
        inherited = tuple(
            candidate.evolve(defaults=base.defaults.under(candidate.defaults))
            for candidate in base.candidates
            if candidate.target not in own
        )
        return self.evolve(
            extends=None, defaults=base.defaults.under(self.defaults), candidates=(*self.candidates, *inherited)
        )


class Span(PolicyPart):
    """A range of lengths in seconds; an unset end is open.

    Args:
        gt: Longer than this.
        ge: This or longer.
        lt: Shorter than this.
        le: This or shorter.
    """

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

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

    def holds(self, request: VideoRequest, tier: QualityTier) -> bool:
        """Whether this is such a request."""
        length, roles = request.duration_seconds, set(request.roles)
        return (
            (not self.tiers or tier in self.tiers)
            and (self.duration_seconds is None or (length is not None and self.duration_seconds.holds(length)))
            and (not self.resolutions or request.resolution in self.resolutions)
            and (self.audio is None or request.audio is self.audio)
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


def matches(target: str, pattern: str) -> bool:
    """Whether a target fits a pattern; `*` stands for any text, also one with slashes.

    Example:
        >>> matches("openrouter/google/veo-3.1", "openrouter/*"), matches("kling/kling-3.0", "kling/kling-3.0")
        (True, True)
    """
    return fnmatchcase(target, pattern)


def lies_in(region: str, area: str) -> bool:
    """Whether a country lies in an area; both are ISO codes, and EU stands for its members.

    Example:
        >>> lies_in("DE", "EU"), lies_in("GB", "UK"), lies_in("CH", "EU")
        (True, True, False)
    """
    region, area = ({"UK": "GB"}.get(code, code) for code in (region.upper(), area.upper()))
    return region == area or (area == "EU" and region in _EUROPEAN_UNION)
