"""The explained selection: the models that fit a request, those that do not, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from nexiom_sdk.values import Frozen
from nexiom_sdk.vocabularies import AspectRatio, Mode, QualityTier, Resolution
from nexiom_sdk.wording import seconds, usd

WHOLE_TIER = "policy"
"""Stands for the provider in a rejection of a whole tier, whose name is the model then."""
ANY_PROVIDER = "any"
"""Stands for the provider in a rejection of a model that is named without one and that nobody is known to have."""

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class Candidate(Frozen):
    """A model that fits a request, with what would be sent to it.

    Args:
        provider: Name of the provider.
        model: The model's id there.
        weight: Its weight in the policy; 0 for models chosen by name.
        why: The policy's reason.
        mode: Kind of order: text, image, reference or video.
        duration_seconds: Length that will be asked for.
        resolution: Resolution that will be asked for.
        aspect_ratio: Ratio that will be asked for.
        audio: Sound that will be asked for.
        seed: Seed that will be asked for.
        negative_prompt: Whether the negative prompt is passed on.
        estimated_cost_usd: Price by the card; None where it is not known.
        priced_on: Date of the price.
        warnings: What differs from the request, or will soon.
        tier: The tier that it counts to.
        rules: Rules of the policy that moved or added it.
    """

    provider: str
    model: str
    weight: int = 0
    why: str = ""
    tier: QualityTier | None = None
    rules: tuple[str, ...] = ()
    mode: Mode = "text"
    duration_seconds: float | None = None
    resolution: Resolution | None = None
    aspect_ratio: AspectRatio | None = None
    audio: bool | None = None
    seed: int | None = None
    negative_prompt: bool = False
    estimated_cost_usd: Decimal | None = None
    priced_on: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"

    def warned(self, more: Iterable[str]) -> Candidate:
        """The same with more warnings."""
        return self.evolve(warnings=tuple(dict.fromkeys((*self.warnings, *more))))

    @property
    def price_date(self) -> str:
        """The date at the beginning of `priced_on`, to the day or the month; empty where there is none."""
        found = _DATE.match(self.priced_on)
        return found[0] if found else ""


class Rejection(Frozen):
    """A model that does not fit, and every reason why; or a tier, or a name, of which no model comes into question."""

    provider: str
    model: str
    reasons: tuple[str, ...]

    @property
    def target(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


class Choice(Frozen):
    """A selection with its reasons, kept in the job row for ever.

    Args:
        tier: The tier that was applied; None when provider or model were named.
        ranked: The models that fit, best first; the first one is used, the others are for failover.
        rejected: The models that do not fit, with reasons.
        policy_version: Version of the policy that chose.

    Example:
        >>> from nexiom_sdk.types import Candidate, Choice
        >>> print(Choice(ranked=(Candidate(provider="acme", model="a1", why="best"),), policy_version="3").explain())
        chosen   acme/a1 · price unknown: best
    """

    tier: QualityTier | None = None
    ranked: tuple[Candidate, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    policy_version: str = ""

    @property
    def chosen(self) -> Candidate | None:
        """The model that is used, or None when none fits."""
        return self.ranked[0] if self.ranked else None

    @property
    def provider(self) -> str | None:
        """Provider of the chosen model."""
        return self.chosen.provider if self.chosen else None

    @property
    def model(self) -> str | None:
        """Id of the chosen model."""
        return self.chosen.model if self.chosen else None

    @property
    def estimated_cost_usd(self) -> Decimal | None:
        """Estimated price of the chosen model; None where it is not known."""
        return self.chosen.estimated_cost_usd if self.chosen else None

    def explain(self) -> str:
        """The selection in lines a person can read: chosen, then spare models, then dropped ones with reasons.

        Example:
            >>> from nexiom_sdk.types import Candidate, Choice
            >>> dear = Candidate(
            ...     provider="acme",
            ...     model="a1",
            ...     estimated_cost_usd=Decimal("0.40"),
            ...     priced_on="2026-10-09: price page",
            ...     rules=("long_over_10",),
            ... )
            >>> print(Choice(ranked=(dear,)).explain())
            chosen   acme/a1 · $0.40 (2026-10-09) · rule long_over_10
        """
        lines = [
            " · ".join(filter(None, (f"{label:8} {one.target}", *_terms(one)))) + (f": {one.why}" if one.why else "")
            for label, one in zip(("chosen", *["spare"] * len(self.ranked)), self.ranked, strict=False)
        ]
        lines += [f"{'':8} warning: {warning}" for warning in (self.chosen.warnings if self.chosen else ())]
        lines += [f"{'dropped':8} {one.target}: {'; '.join(one.reasons)}" for one in self.rejected]
        return "\n".join(lines) or "no model is known"


def _terms(one: Candidate) -> tuple[str, ...]:
    price, day = one.estimated_cost_usd, one.price_date
    return (
        seconds(one.duration_seconds) if one.duration_seconds else "",
        one.resolution or "",
        one.aspect_ratio or "",
        "" if one.audio is None else ("sound" if one.audio else "silent"),
        "price unknown" if price is None else usd(price) + (f" ({day})" if day else ""),
        *(f"rule {name}" for name in one.rules),
    )
