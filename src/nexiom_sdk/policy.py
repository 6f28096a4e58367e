"""Which models each tier prefers, as data: the format of a policy file, and the policy that ships.

A policy is JSON, so that users may write their own back. What is wrong in a file is named with its line, its place and
the nearest word that would be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import from_json

from nexiom_sdk.errors import FAILURE_CODES, InvalidPolicy
from nexiom_sdk.governance import Budget, Governance
from nexiom_sdk.policy_parts import (
    Entry,
    Lists,
    PolicyCandidate,
    PolicyPart,
    Rule,
    Span,
    TierDefaults,
    TierPolicy,
    When,
)
from nexiom_sdk.policy_problems import Misplaced, dotted, problems, repeated, told
from nexiom_sdk.policy_tiers import whole
from nexiom_sdk.regions import is_region, overlap
from nexiom_sdk.types import QUALITY_TIERS, QualityTier
from nexiom_sdk.wording import printable, unknown

__all__ = [
    "NEVER_ELSEWHERE",
    "Lists",
    "Policy",
    "PolicyCandidate",
    "Rule",
    "Span",
    "TierDefaults",
    "TierPolicy",
    "When",
]

NEVER_ELSEWHERE = frozenset({"content_rejected", "invalid_input", "submission_uncertain"})


def _known_region(code: str) -> str:
    if not is_region(code):
        msg = f"'{printable(code, 60)}' is not the ISO code of a country, such as DE; EU stands for all of its members."
        raise ValueError(msg)
    return code


_Region = Annotated[str, AfterValidator(_known_region), Field(json_schema_extra={"pattern": "^[A-Za-z]{2}$"})]


class Policy(PolicyPart):
    """Which models each tier prefers, and when another one may be asked.

    Args:
        version: Kept with every choice it made; a number will do.
        as_of: Date of its facts.
        default_tier: The tier of a request that names none.
        tiers: The tiers.
        rules: What holds for some requests only; read from the first to the last.
        objective: order: by weight, then price. cheapest: by price, then weight.
        allow: Only these may be used, also by name; what is left empty allows everything.
        deny: These may not be used, not by name either.
        regions: ISO codes of the countries where videos are used; models whose licence excludes one drop out.
        governance: Who may use which tier, and budgets.
        fallback_on: Failure codes after which the next model may be asked, where nothing was charged.
        credentials: Environment variables that set a provider up, by provider: for telling what is missing.

    Raises:
        InvalidPolicy: A value is impossible.

    Example:
        >>> policy = Policy.default()
        >>> policy.default_tier, policy.tiers["cinematic"].defaults.resolution
        ('standard', '1080p')
    """

    version: Annotated[
        str,
        BeforeValidator(lambda given: str(given) if type(given) is int else given, json_schema_input_type=str | int),
    ]
    as_of: str
    default_tier: QualityTier = "standard"
    tiers: Mapping[QualityTier, TierPolicy]
    rules: tuple[Rule, ...] = ()
    objective: Literal["order", "cheapest"] = "order"
    allow: Lists = Field(default_factory=Lists)
    deny: Lists = Field(default_factory=Lists)
    regions: tuple[_Region, ...] = ()
    governance: Governance = Field(default_factory=Governance)
    fallback_on: tuple[str, ...] = (
        "rate_limited",
        "provider_unavailable",
        "quota_exhausted",
        "authentication_failed",
        "model_retired",
    )
    credentials: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)

    if not TYPE_CHECKING:

        def __init__(self, /, **fields: object) -> None:
            try:
                BaseModel.__init__(self, **fields)
            except ValidationError as error:
                found = problems(error, _KEYS)
                raise InvalidPolicy(" ".join(f"{dotted(place)}: {wrong}" for place, wrong in found)) from error

    @field_validator("tiers")
    @classmethod
    def _tiers_stand_on_their_own(cls, tiers: Mapping[QualityTier, TierPolicy]) -> Mapping[QualityTier, TierPolicy]:
        return {name: whole(name, tiers) for name in tiers}

    @field_validator("rules")
    @classmethod
    def _each_rule_once(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        seen: set[str] = set()
        for index, rule in enumerate(rules):
            if rule.id in seen:
                raise Misplaced(f"The rule '{printable(rule.id, 60)}' is there twice.", index, "id")
            seen.add(rule.id)
        return rules

    @field_validator("fallback_on")
    @classmethod
    def _only_failures_that_cost_nothing(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for index, code in enumerate(codes):
            if code in NEVER_ELSEWHERE:
                msg = f"After {code} no other model may be asked: it could be refused again, or paid for twice."
                raise Misplaced(msg, index)
            if code not in FAILURE_CODES:
                known = sorted(FAILURE_CODES.keys() - NEVER_ELSEWHERE)
                raise Misplaced(unknown("failure code", code, known), index)
        return codes

    @model_validator(mode="after")
    def _default_tier_exists(self) -> Self:
        if self.default_tier not in self.tiers:
            raise Misplaced(unknown("tier", self.default_tier, tuple(self.tiers)), "default_tier")
        return self

    def providers(self, tier: QualityTier | None = None) -> tuple[str, ...]:
        """The providers of a tier, the preferred ones first; None: of the default tier."""
        named = self.tiers.get(tier or self.default_tier)
        return tuple(dict.fromkeys(entry.provider for entry in named.entries)) if named else ()

    @property
    def facts_of(self) -> date | None:
        """The day of its facts, where `as_of` is a date."""
        try:
            return date.fromisoformat(self.as_of)
        except ValueError:
            return None

    def tier_of(self, target: str, asked: QualityTier | None = None) -> QualityTier:
        """The tier that a model counts to when it is used by name.

        Args:
            target: `provider/model`.
            asked: The tier of the request; it holds where it lists the model. Else it is the least demanding tier that
                does, and for a model that no tier lists, the most demanding tier of the policy.
        """
        listing = self.listing.get(target)
        if not listing:
            return self.demanding[-1]
        return asked if asked in listing else listing[0]

    @cached_property
    def demanding(self) -> tuple[QualityTier, ...]:
        """Its tiers, the least demanding first."""
        return tuple(tier for tier in QUALITY_TIERS if tier in self.tiers)

    @cached_property
    def listing(self) -> Mapping[str, tuple[QualityTier, ...]]:
        """The tiers that list a model, the least demanding first, by `provider/model`."""
        found: dict[str, tuple[QualityTier, ...]] = {}
        for tier in self.demanding:
            for entry in self.tiers[tier].entries:
                found[entry.target] = (*found.get(entry.target, ()), tier)
        return found

    @cached_property
    def additions(self) -> Mapping[tuple[str, QualityTier], tuple[Entry, ...]]:
        """The models that a rule adds to a tier, by the rule's id and the tier."""
        return {
            (rule.id, name): tuple(one.entry(tier.defaults, rule=rule.id) for one in rule.add)
            for rule in self.rules
            for name, tier in self.tiers.items()
        }

    @cached_property
    def bars_nothing(self) -> bool:
        """Whether every model may be used, as far as lists and regions go."""
        return not self.regions and self.allow == self.deny == Lists()

    def barred(self, target: str, *, licence: str = "", regions_excluded: Sequence[str] = ()) -> str | None:
        """Why the policy forbids a model, whoever names it; None where it does not.

        Args:
            target: `provider/model`.
            licence: The model's licence.
            regions_excluded: Where the licence forbids its use.
        """
        if self.bars_nothing:
            return None
        for what, listed in self.deny.about(target, licence):
            if listed:
                return f"the policy denies {what}"
        for what, listed in self.allow.about(target, licence):
            if not listed:
                return f"the policy does not allow {what}"
        where = [region for region in self.regions if any(overlap(region, area) for area in regions_excluded)]
        return f"its licence forbids use in {', '.join(where)}" if where else None

    @classmethod
    def default(cls) -> Self:
        """The policy that ships with this version."""
        file = resources.files("nexiom_sdk").joinpath("policies", "default.json")
        return cls.from_json(file.read_text("utf-8"), source="policies/default.json")

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The policy in a file.

        Raises:
            InvalidPolicy: It cannot be read, is not JSON, or breaks a rule; the message names file, line and place.
        """
        try:
            text = Path(path).read_text("utf-8-sig")  # editors on Windows begin files with a mark
        except OSError as error:
            msg = f"The policy {path} cannot be read: {error.strerror or error}."
            hint = "Correct NEXIOM_POLICY, or unset it for the policy that ships."
            raise InvalidPolicy(msg, next_step=hint) from error
        except ValueError as error:
            raise InvalidPolicy(f"The policy {path} is not UTF-8 text.") from error
        return cls.from_json(text, source=str(path))

    @classmethod
    def from_json(cls, text: str, *, source: str = "policy") -> Self:
        """The policy in a text.

        Args:
            text: JSON.
            source: What to call it in errors.

        Raises:
            InvalidPolicy: It is not JSON, or breaks a rule; the message names the source, the line and the place.

        Example:
            >>> tiers = '{"standard": {"candidates": [{"target": "openrouter/alibaba/wan-3.0", "weight": 1}]}}'
            >>> Policy.from_json(f'{{"version": 1, "as_of": "2026-11-24", "tiers": {tiers}}}').providers("standard")
            ('openrouter',)
        """
        try:
            fields: object = from_json(text.encode(), allow_inf_nan=False)
        except ValueError as error:
            raise InvalidPolicy(f"{source} is not JSON: {printable(str(error), 200)}.") from error
        if not isinstance(fields, dict):
            raise InvalidPolicy(f"{source}, line 1: a policy is a JSON object.")
        if twice := [*repeated(text)]:
            raise InvalidPolicy(told(text, source, twice))
        try:
            return cls.model_validate(fields)
        except InvalidPolicy as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            raise InvalidPolicy(told(text, source, problems(error.__cause__, _KEYS))) from error.__cause__

    @classmethod
    def json_schema(cls) -> dict[str, JsonValue]:
        """The JSON Schema of policy files, for editors that check while one types."""
        return cls.model_json_schema()


_PARTS = (TierDefaults, PolicyCandidate, TierPolicy, Span, When, Rule, Lists, Budget, Governance, Policy)
_KEYS = {part.__name__: tuple(part.model_fields) for part in _PARTS}
