"""Which model carries out a request, and why: a pure function of request, policy and model cards.

Every model considered is either kept with the terms that will be sent to it, or dropped with every reason why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType

from nexiom_sdk.models import ModelCard
from nexiom_sdk.policy import Policy
from nexiom_sdk.selection_judging import judged
from nexiom_sdk.selection_memory import Memory
from nexiom_sdk.selection_question import Question
from nexiom_sdk.types import Candidate, Choice, DeliveredMedia, VideoRequest, VideoSpec

__all__ = ["Policy", "select", "spec_for"]

_memory = Memory(judged)
_NOBODY: Mapping[str, str] = MappingProxyType({})


def select(
    request: VideoRequest,
    policy: Policy,
    cards: Mapping[str, Sequence[ModelCard]],
    *,
    unavailable: Mapping[str, str] = _NOBODY,
    health: Mapping[str, str] = _NOBODY,
    today: date,
    addresses: bool = True,
    role: str | None = None,
) -> Choice:
    """The models that fit, best first, and the others with their reasons; it never raises.

    A tier's defaults fill what the request leaves open and are taken to the nearest value a model offers, so they
    never make a request fail; only `max_cost_usd` is judged by what will really be sent.

    Args:
        request: What is wanted.
        policy: What each tier prefers.
        cards: The cards of every provider that can be used.
        unavailable: Providers that cannot be used, with the reason.
        health: Providers to leave alone for now, with the reason.
        today: The day, for retirements.
        addresses: Whether the store can give web addresses of the references it holds.
        role: The role of the user; None: the policy's default.

    Example:
        >>> card = ModelCard(model="a1", durations_seconds=(4, 8), resolutions=("720p",))
        >>> request = VideoRequest(prompt="a fox in snow", provider="acme", duration_seconds=5, strict=False)
        >>> print(select(request, Policy.default(), {"acme": [card]}, today=date(2026, 11, 24)).explain())
        chosen   acme/a1 · 4 s · 720p · silent · price unknown
                 warning: asked for 5 s, takes 4 s
                 warning: its price is not known
    """
    question = Question.of(
        request,
        policy,
        unavailable=unavailable,
        health=health,
        today=today,
        addresses=addresses,
        role=role,
    )
    choice = _memory.answer(question, policy, cards)
    return choice if request.seed is None else _seeded(choice, request.seed)


def spec_for(request: VideoRequest, candidate: Candidate, media: tuple[DeliveredMedia, ...]) -> VideoSpec:
    """What is sent to the provider of a chosen model.

    Args:
        request: The request it was chosen for.
        candidate: The model, with its terms.
        media: The request's references, in the form the model takes.
    """
    return VideoSpec(
        model=candidate.model,
        prompt=request.prompt,
        duration_seconds=candidate.duration_seconds,
        resolution=candidate.resolution,
        aspect_ratio=candidate.aspect_ratio,
        audio=candidate.audio,
        seed=candidate.seed,
        negative_prompt=request.negative_prompt if candidate.negative_prompt else None,
        media=media,
        options=request.options.get(candidate.provider, {}),
    )


def _seeded(choice: Choice, seed: int) -> Choice:
    """The choice with the seed in it, which is no matter to the choice itself."""
    return choice.evolve(ranked=tuple(one if one.seed is None else one.evolve(seed=seed) for one in choice.ranked))
