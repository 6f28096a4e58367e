"""Which models each tier prefers, as data: the format of a policy file, and the policy that ships.

A policy is JSON, so that users may write their own back. What is wrong in a file is named with its line, its place and
the nearest word that would be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import from_json

from nexiom_sdk.errors import FAILURE_CODES, InvalidPolicy
from nexiom_sdk.policy_problems import dotted, line_of, problems
from nexiom_sdk.types import AspectRatio, Frozen, QualityTier, Resolution
from nexiom_sdk.wording import printable, unknown

NEVER_ELSEWHERE = frozenset({"content_rejected", "invalid_input", "submission_uncertain"})


def _first_line_only(schema: dict[str, JsonValue]) -> None:
    schema["description"] = str(schema["description"]).partition("\n")[0]


class _Part(Frozen):
    """Base of what a policy file consists of."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra=_first_line_only)


class TierDefaults(_Part):
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


class PolicyCandidate(_Part):
    """One model of a tier.

    Args:
        target: `provider/model`; the model's id may contain slashes itself.
        weight: The highest that fits is used.
        why: The reason, for the people who read a choice.
        defaults: What to ask this model for; the tier's defaults fill the rest.
    """

    target: Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")]
    weight: Annotated[int, Field(ge=0, strict=True)]
    why: str = ""
    defaults: TierDefaults = Field(default_factory=TierDefaults)

    def entry(self, defaults: TierDefaults) -> Entry:
        """This model, with a tier's defaults under its own."""
        provider, _, model = self.target.partition("/")
        return Entry(provider, model, self.weight, self.why, defaults.under(self.defaults))


class TierPolicy(_Part):
    """What one tier means.

    Args:
        intent: What the tier is for.
        defaults: What to ask for where neither user nor candidate say.
        candidates: Its models.
    """

    intent: str = ""
    defaults: TierDefaults = Field(default_factory=TierDefaults)
    candidates: Annotated[tuple[PolicyCandidate, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_target_once(self) -> Self:
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


class Policy(_Part):
    """Which models each tier prefers, and when another one may be asked.

    Args:
        version: Kept with every choice it made; a number will do.
        as_of: Date of its facts.
        default_tier: The tier of a request that names none.
        tiers: The tiers.
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

    @field_validator("fallback_on")
    @classmethod
    def _only_failures_that_cost_nothing(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if code in NEVER_ELSEWHERE:
                msg = f"After {code} no other model may be asked: it could be refused again, or paid for twice."
                raise ValueError(msg)
            if code not in FAILURE_CODES:
                raise ValueError(unknown("failure code", code, sorted(FAILURE_CODES.keys() - NEVER_ELSEWHERE)))
        return codes

    @model_validator(mode="after")
    def _default_tier_exists(self) -> Self:
        if self.default_tier not in self.tiers:
            raise ValueError(unknown("tier", self.default_tier, tuple(self.tiers)))
        return self

    def providers(self, tier: QualityTier | None = None) -> tuple[str, ...]:
        """The providers of a tier, the preferred ones first; None: of the default tier."""
        named = self.tiers.get(tier or self.default_tier)
        return tuple(dict.fromkeys(entry.provider for entry in named.entries)) if named else ()

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
        try:
            return cls.model_validate(fields)
        except InvalidPolicy as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            found = problems(error.__cause__, _KEYS)
            msg = "\n".join(
                f"{source}, line {line_of(text, place)}: {dotted(place)}: {wrong}" for place, wrong in found
            )
            raise InvalidPolicy(msg) from error.__cause__

    @classmethod
    def json_schema(cls) -> dict[str, JsonValue]:
        """The JSON Schema of policy files, for editors that check while one types."""
        return cls.model_json_schema()


_KEYS = {part.__name__: tuple(part.model_fields) for part in (TierDefaults, PolicyCandidate, TierPolicy, Policy)}
