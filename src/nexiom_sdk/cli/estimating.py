"""What a request would become: the model, the price, and what its references need; nothing is sent, spent or kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from nexiom_sdk.backends.memory_store import MemoryStore
from nexiom_sdk.choice_words import next_step_of, refuses_the_tier
from nexiom_sdk.cli.asking import Customer
from nexiom_sdk.cli.output import Asides
from nexiom_sdk.cli.session import Session
from nexiom_sdk.errors import InvalidInput, NoCandidate, UnsafeUrl
from nexiom_sdk.inputs import stage
from nexiom_sdk.provider_states import ProviderState
from nexiom_sdk.providers.guard import check_looks
from nexiom_sdk.references import inspect_file, open_local
from nexiom_sdk.types import Choice, VideoRequest


async def estimate(session: Session, request: VideoRequest, *, customer: Customer) -> None:
    """Say which model would be used, why, and for how much."""
    studio = session.studio
    await asyncio.to_thread(_look_at_files, request, studio.settings.media_roots)
    choice = studio.estimate(request, user_id=customer.user_id, role=customer.role)
    states = await studio.providers()
    if choice.chosen is None and _nothing_is_set_up(choice, request, states):
        session.output.notice("No provider of this tier is set up: a preview would be made on this machine, not AI.")
        here = studio.estimate(request.evolve(provider="local"), user_id=customer.user_id, role=customer.role)
        choice = choice.evolve(ranked=here.ranked, rejected=(*here.rejected, *choice.rejected))
    choice = await _with_references(session, request, choice)
    lacking = {one.name: one.needs for one in states if one.state == "not_set_up"}
    asides = Asides(
        rules={rule.id: rule.why for rule in studio.policy.rules},
        lacking=lacking,
        reasons={one.name: one.reason for one in states if one.state == "not_set_up"},
    )
    session.output.choice(choice, asides)
    if choice.chosen is None:
        refused = "; ".join(choice.rejected[0].reasons).rstrip(".") if refuses_the_tier(choice) else ""
        msg = f"No model fits this request{f': {refused}' if refused else ''}."
        step = next_step_of(choice, lacking) or "Change what the reasons name."
        raise NoCandidate(msg, choice=choice, next_step=step)


def _look_at_files(request: VideoRequest, roots: Sequence[Path]) -> None:
    """Refuse files that cannot be references, as ordering would.

    Raises:
        InvalidInput: One is missing, or not what its role needs.
    """
    for media in request.references:
        if media.file is not None:
            with open_local(media.file, roots=roots, role=media.role) as file:
                inspect_file(file, role=media.role, name=media.file.name)


async def _with_references(session: Session, request: VideoRequest, choice: Choice) -> Choice:
    """The choice with what would be done to reference files for the chosen model; nothing of that is kept.

    Raises:
        InvalidInput: The model does not take one, and it may not or cannot be made to fit; or an address is private.
        UnsupportedFeature: It has to be made to fit, and the extra `media` is not installed.
    """
    chosen, studio = choice.chosen, session.studio
    if chosen is None:
        return choice
    try:
        for media in request.references:
            if media.delivery == "url" and media.url is not None:
                check_looks(media.url)
    except UnsafeUrl as error:
        raise InvalidInput(error.message, next_step=error.next_step) from error
    files = tuple(media for media in request.media if media.file is not None)
    cards = [one.card for one in studio.models(chosen.provider, include_retired=True) if one.card.model == chosen.model]
    if not files or not cards:
        return choice
    staged = await stage(
        request.evolve(media=files, reference_media_path=None),
        card=cards[0],
        terms=chosen,
        store=MemoryStore(),
        open_url=_nobody_opens,
        user_id=None,
        roots=studio.settings.media_roots,
    )
    return choice.evolve(ranked=(chosen.warned(staged.told), *choice.ranked[1:]))


async def _nobody_opens(url: str, /, *, max_bytes: int) -> AsyncGenerator[bytes, None]:  # noqa: ARG001 - an `OpenUrl`
    raise InvalidInput("An estimate opens no address.")
    yield b""


def _nothing_is_set_up(choice: Choice, request: VideoRequest, states: Sequence[ProviderState]) -> bool:
    """Whether a preview would be made: nothing was named or refused, and no provider of the tier can be used."""
    if request.provider is not None or request.model is not None or refuses_the_tier(choice):
        return False
    usable = {one.name for one in states if one.state in {"ready", "failing"}}
    return not any(one.provider in usable for one in choice.rejected)
