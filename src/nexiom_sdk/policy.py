"""Which models each tier prefers, as data: the format of a policy file, and the policy that ships.

A policy is JSON, so that users may write their own back. What is wrong in a file is named with its line, its place and
the nearest word that would be right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import resources
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    StrictBool,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, from_json

from nexiom_sdk.errors import FAILURE_CODES, InvalidInput, InvalidPolicy
from nexiom_sdk.types import AspectRatio, Frozen, QualityTier, Resolution
from nexiom_sdk.wording import printable, unknown

NEVER_ELSEWHERE = frozenset({"content_rejected", "invalid_input", "submission_uncertain"})

_Path: TypeAlias = tuple[str | int, ...]


class TierDefaults(Frozen):
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


class PolicyCandidate(Frozen):
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

    @cached_property
    def provider(self) -> str:
        """Name of the provider."""
        return self.target.partition("/")[0]

    @cached_property
    def model(self) -> str:
        """The model's id there."""
        return self.target.partition("/")[2]


class TierPolicy(Frozen):
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


class Policy(Frozen):
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
        str, BeforeValidator(lambda given: str(given) if type(given) is int else given, json_schema_input_type=str | int)
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
                raise InvalidPolicy(" ".join(f"{_dotted(path)}: {wrong}" for path, wrong in _problems(error))) from error

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
        candidates = sorted(named.candidates if named else (), key=lambda one: -one.weight)
        return tuple(dict.fromkeys(one.provider for one in candidates))

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
            raise InvalidPolicy(msg, next_step="Correct NEXIOM_POLICY, or unset it for the policy that ships.") from error
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
            >>> Policy.from_json('{"version": 1, "as_of": "today", "tiers": {"cinematc": {}}}')
            Traceback (most recent call last):
            ...
            nexiom_sdk.errors.InvalidPolicy: ...line 1: tiers.cinematc: There is no tier 'cinematc'...
        """
        try:
            fields = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise InvalidPolicy(f"{source} is not JSON: {printable(str(error), 200)}.") from error
        if not isinstance(fields, dict):
            raise InvalidPolicy(f"{source}, line 1: a policy is a JSON object.")
        try:
            return cls(**fields)
        except InvalidPolicy as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            sentences = (
                f"{source}, line {_line(text, path)}: {_dotted(path)}: {wrong}"
                for path, wrong in _problems(error.__cause__)
            )
            raise InvalidPolicy("\n".join(sentences)) from error.__cause__

    @classmethod
    def json_schema(cls) -> dict[str, JsonValue]:
        """The JSON Schema of policy files, for editors that check while one types."""
        return cls.model_json_schema()


_KEYS: Mapping[str, Sequence[str]] = {
    model.__name__: tuple(model.model_fields) for model in (TierDefaults, PolicyCandidate, TierPolicy, Policy)
}


def _problems(error: ValidationError, outer: _Path = ()) -> Iterator[tuple[_Path, str]]:
    """Every problem as its place and a sentence; those of inner values travel as causes of their `InvalidInput`."""
    for problem in error.errors(include_url=False):
        path = (*outer, *(part for part in problem["loc"] if part != "[key]"))
        inner = problem.get("ctx", {}).get("error")
        if isinstance(inner, InvalidInput) and isinstance(inner.__cause__, ValidationError):
            yield from _problems(inner.__cause__, path)
        else:
            yield path, _sentence(problem, error.title)


def _sentence(problem: ErrorDetails, model: str) -> str:
    given = problem["input"]
    place, context = problem["loc"], problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return "It is missing."
        case "extra_forbidden":
            return unknown("key", str(place[-1]), _KEYS[model])
        case "literal_error" if isinstance(given, str):
            what = "tier" if place[0] in {"tiers", "default_tier"} else str(place[-1])
            return unknown(what, given, re.findall(r"'([^']*)'", str(context["expected"])))
        case "string_pattern_mismatch":
            return f"'{printable(str(given), 80)}' is not of the form provider/model, such as kling/kling-3.0."
        case "value_error":
            return str(context["error"])
        case _:
            return f"{problem['msg'].replace('Input should', 'It should', 1)}."


def _dotted(path: _Path) -> str:
    """The place as people write it: `tiers.cinematic.candidates[3].weight`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "policy"


def _line(text: str, path: _Path) -> int:
    """The line of a place in a JSON text; of the innermost value around it, where the place itself is missing."""
    decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
    at = found = _next_token(text, 0)
    for part in path:
        if text[at] != ("[" if isinstance(part, int) else "{"):
            break
        at = _next_token(text, at + 1)
        for index in count():
            if text[at] in "]}":
                return _line_at(text, found)
            begin, name = at, index
            if isinstance(part, str):
                name, at = decode(text, at)
                at = _next_token(text, at)
            if name == part:
                found = begin
                break
            at = _next_token(text, decode(text, at)[1])
    return _line_at(text, found)


def _next_token(text: str, at: int) -> int:
    """Where the next value, key or bracket begins."""
    while text[at] in " \t\r\n,:":
        at += 1
    return at


def _line_at(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
