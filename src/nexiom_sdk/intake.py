"""From a wish to an order that may be sent: checked, a model chosen, references staged, bounds named.

`Studio.submit` does it before it writes a row; the engine does it for rows that an app wrote itself, first of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from nexiom_sdk import moves
from nexiom_sdk.desk import Desk, Overtaken, model_chosen
from nexiom_sdk.errors import IllegalTransition, InvalidInput
from nexiom_sdk.inputs import has_addresses, stage
from nexiom_sdk.jobs import UNFIT, GenerationJob
from nexiom_sdk.repositories import SupportsIntake
from nexiom_sdk.storage import ANYBODY, checked_user
from nexiom_sdk.types import Choice, VideoRequest
from nexiom_sdk.wording import validation_sentences

# What an app says in columns of their own instead of in `request`.
_COLUMNS = ("prompt", "model", "provider", "duration_seconds", "reference_media_path", "quality_tier")


class Choose(Protocol):
    """Chooses a model for a request, or raises why none fits."""

    def __call__(self, request: VideoRequest, *, addresses: bool, role: str) -> Choice: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Takes wishes in.

    Args:
        desk: What every step needs.
        choose: Chooses a model.
        role_of: Gives the role of a user.
    """

    desk: Desk
    choose: Choose
    role_of: Callable[[str | None], str]

    async def prepared(
        self, request: VideoRequest, *, user_id: str | None, role: str, roots: Sequence[Path]
    ) -> tuple[VideoRequest, Choice]:
        """The request with its references in `inputs`, and the model chosen for it.

        Args:
            request: What is wanted.
            user_id: Whose job it will be.
            role: The user's role.
            roots: Folders from which local files may be read.

        Raises:
            RequestError: It cannot be carried out.
            ConfigurationError: No provider is set up for it.
            StorageError: A reference cannot be stored.
        """
        desk = self.desk
        checked_user(user_id)
        choice = self.choose(request, addresses=await has_addresses(desk.store, request), role=role)
        chosen = choice.ranked[0]
        card = desk.card_of(desk.provider(chosen.provider), chosen.model)
        staged = await stage(
            request,
            card=card,
            terms=chosen,
            store=desk.store,
            open_url=desk.open_url,
            user_id=user_id,
            roots=roots,
        )
        return staged.request, choice.evolve(ranked=(chosen.warned(staged.told), *choice.ranked[1:]))

    async def admit(self, job: GenerationJob) -> GenerationJob:
        """A row that was inserted by others, made into what `submit` would have written; its lease is kept.

        Raises:
            RequestError: It cannot be carried out, or breaks a budget.
            ConfigurationError: No provider is set up for it.
            StorageError: The row or a reference cannot be written.
        """
        desk = self.desk
        if not isinstance(desk.repository, SupportsIntake):
            msg = f"Job {job.id} names no model that was chosen for it."
            raise IllegalTransition(msg, job_id=job.id)
        wish = _without_foreign_things(_asked(job), job.user_id)
        role = self.role_of(job.user_id)
        request, choice = await self.prepared(wish, user_id=job.user_id, role=role, roots=())
        chosen = moves.admitted(job, request, choice, role=role, now=desk.now())
        if not await desk.repository.admit(chosen, fence=job.fence, limits=desk.limits(chosen)):
            raise Overtaken
        if choice.chosen is not None:
            desk.sink(model_chosen(chosen, choice.chosen))
        return chosen.as_read()


def _asked(job: GenerationJob) -> VideoRequest:
    """The request of a row, completed by its columns; they must not say another thing.

    Raises:
        InvalidInput: They do, or the request makes no sense.
    """
    unfit = job.provider_metadata.get(UNFIT)
    if unfit is not None:
        raise InvalidInput(str(unfit))
    missing: dict[str, object] = {}
    for name in _COLUMNS:
        said, asked = getattr(job, name), getattr(job.request, name)
        if said is not None and asked is None:
            missing[name] = said
        elif said is not None and said != asked:
            raise InvalidInput(f"The column {name} and the request's {name} say different things.")
    try:
        return VideoRequest.model_validate({**vars(job.request), **missing})
    except ValidationError as error:
        raise InvalidInput(validation_sentences(error)) from error


def _without_foreign_things(request: VideoRequest, user_id: str | None) -> VideoRequest:
    """The request, if all it refers to is in its user's folder or at a public address, and its price can be known.

    Raises:
        InvalidInput: Something is not: an app's user must not get at files of this machine, or of others.
    """
    if request.options:
        msg = "Rows cannot carry options of providers: nobody knows what those would cost."
        raise InvalidInput(msg, next_step="Leave out options, or let a service of yours submit the request.")
    folder = f"{user_id or ANYBODY}/"
    for media in request.references:
        own = media.input_path is not None and media.input_path.startswith(folder)
        if not own and not (media.url or "").startswith("https://"):
            msg = "A reference is neither in the folder of the job's user in inputs, nor at an https address."
            raise InvalidInput(msg, next_step="Upload it to inputs/<user id>/ and name that path.")
    return request
