"""`kling`: Kuaishou's Kling, at its present API and at the older one.

Sources: Kling's documentation in copies of mid to late 2026; a capture of the wire with `@ai-sdk/klingai` 4.0.31; dated
notes of others from August to October 2026; as of 2026-11-22. No live account was used. What is peculiar:

- Two APIs at one address. The name of the model decides: `kling-3.0` is asked for at the present one, where the model
  is in the path, `kling-v3` at the older one, where it is in the body. Which one took an order is kept in its state.
- An API key opens both. A pair of keys, which signs tokens, opens the older one alone. Keys belong to a region.
- A number in the body says what went wrong, also with status 200. Of six kinds of 429 two are a
  matter of waiting.
- Our own id of an order can be asked for, so an order whose answer was lost is found again, or known not to be there.
  What a second order with the same id does is not documented: none is made.
- One look shows many orders of the present API. The most is not documented; this asks for 50. An unknown order is an
  empty list.
- The present API makes cuts unless it is told not to: it is told so, unless an option asks for them.
- Nothing can be cancelled. Results are kept for 30 days behind signed addresses that need no key.
- Callbacks are signed where a secret was made in the console.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk.errors import MalformedResponse, ProviderError, ProviderUnavailable
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth_jwt import JwtHs256
from nexiom_sdk.providers.batched import BatchedProvider
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.kling_cards import OLDER, PRESENT, UNLISTED, is_older
from nexiom_sdk.providers.kling_checks import warnings_of
from nexiom_sdk.providers.kling_config import OTHER_VARIABLES, VARIABLES, pair_of, region_url
from nexiom_sdk.providers.kling_older_orders import OLDER_PATHS, older_body, older_path
from nexiom_sdk.providers.kling_orders import present_order
from nexiom_sdk.providers.kling_places import TASKS, look_at, place_of, state_of
from nexiom_sdk.providers.kling_refusals import CLOCK_IS_WRONG, NOT_THERE, Verdict, code_of, kind_of
from nexiom_sdk.providers.kling_tasks import Listed, Made, Shown, Task, outcome_of
from nexiom_sdk.providers.model_names import ModelNames, model_names
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.webhooks import STANDARD_WEBHOOKS
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.types import Failed, Operation, Poll, Submission, SubmissionRecovery, Succeeded, VideoSpec

_A_DAY_MS = 24 * 3600 * 1000
_REMEMBERED = 1000


class KlingProvider(BatchedProvider):
    """Videos from Kling.

    Args:
        config: `api_key`, or `access_key` with `secret_key`; perhaps `region` (singapore or beijing), `base_url`,
            `webhook_secret`, which signs callbacks, and `models`, names of more models.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is neither a key nor a whole pair.
        ConfigurationError: An address, a key, a region or a name cannot be used.

    Example:
        >>> KlingProvider({"api_key": "not-a-real-key"}).models[0].model
        'kling-3.0'
        >>> KlingProvider({"access_key": "ak", "secret_key": "not-a-real-key"}).models[0].model
        'kling-v3'
    """

    name = "kling"
    title = "Kling"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    config_env_also: ClassVar[Mapping[str, str]] = OTHER_VARIABLES
    credential_sets: ClassVar[Sequence[Sequence[str]]] = (("api_key",), ("access_key", "secret_key"))
    keys_at = "https://kling.ai"
    submission_recovery: SubmissionRecovery = "lookup"
    cards: ClassVar[Sequence[ModelCard]] = (*PRESENT, *OLDER)
    takes_new_models: bool = True
    batch_size: ClassVar[int] = 50

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self._names: ModelNames = model_names(self.config, "models", (*PRESENT, *OLDER), unlisted=UNLISTED)
        reachable = [card for card in self._names.cards if self._pair is None or self._is_older(card.model)]
        self.models: Sequence[ModelCard] = tuple(reachable)
        self.takes_new_models = self._pair is None  # new models are at the present API, which a pair does not open
        self._sent: dict[str, str] = {}

    def endpoints(self) -> Sequence[Endpoint]:
        """The server of the region, with the key or the pair."""
        url, key = region_url(self.config), "api_key" if self._pair is None else None
        found = self.config.endpoint("base_url", url, key=key)
        return (found if self._pair is None else replace(found, auth=self._pair),)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, at the API that its model belongs to."""
        wire_id, place = self._names.id_of(submission.spec.model), self._place_for(submission.spec)
        if place == TASKS:
            self._need_key()
            path, body = present_order(submission, wire_id)
        else:
            path, body = place, older_body(submission, wire_id)
        # Where an order went is known here for a while: after a lost answer it has to be looked for at one place only.
        self._sent[submission.idempotency_key] = place
        if len(self._sent) > _REMEMBERED:
            self._sent.pop(next(iter(self._sent)))
        return Call("POST", path, json=body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The task that was made, and by which API."""
        refusal = None if reply.read_or_none(Made) else self.read_error(reply)
        if refusal is not None:  # an id means that the order was taken, whatever else is said
            raise refusal
        state = state_of(self._place_for(submission.spec))
        if submission.callback_url:
            state["callback"] = True
        return Operation(id=reply.read(Made).data.id, state=state, warnings=warnings_of(submission.spec))

    def poll_call(self, operation: Operation, /) -> Call:
        """The task as it is now: a list of one at the present API."""
        return self._look(place_of(operation) or self._places[0], operation.id)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the task says."""
        if code_of(reply):
            return self.look_refused(operation, reply)
        if (place_of(operation) or self._places[0]) in OLDER_PATHS:
            shown = reply.read(Shown).data
            return outcome_of(self._only([shown] if shown.id == operation.id else [], reply))
        tasks = reply.read(Listed).data
        if not tasks:
            return self.lost(operation, reply)
        # Only an empty list says that the order is gone: an entry that cannot be read may be this one.
        return outcome_of(self._only([task for task in tasks if task and task.id == operation.id], reply))

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order. One that a person found is sought first, for nobody noted which API took it."""
        if place_of(operation) is None:
            found = await self._sought(operation.id, self._places)
            operation = operation if found is None else replace(found, state={**operation.state, **found.state})
        return await super().poll(operation)

    def batch_call(self, operations: Sequence[Operation], /) -> Call | None:
        """The orders of the present API in one list."""
        ids = [one.id for one in operations if place_of(one) == TASKS and "," not in one.id]
        return self._look(TASKS, ",".join(ids)) if ids else None

    def read_batch(self, operations: Sequence[Operation], reply: Reply, /) -> Mapping[str, Poll]:
        """What the list says of each order; one that is not in it is looked at alone."""
        if code_of(reply):
            raise self._refusal_of(reply)
        asked = {one.id for one in operations}
        return {task.id: outcome_of(task) for task in reply.read(Listed).data if task and task.id in asked}

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal by Kling's number. A token that our clock spoiled is none: the next one goes by Kling's clock."""
        said = reply.read_or_none(Verdict) or Verdict(code=0)
        kind, text = kind_of(reply), said.message or ""
        behind = None
        if self._pair is not None and said.code in CLOCK_IS_WRONG:
            behind = self._pair.learn(reply.headers.get("date", ""))
        if behind is not None:
            side = "behind" if behind > 0 else "ahead of"
            kind, text = ProviderUnavailable, f"this machine's clock is {abs(behind):.0f} s {side} Kling's ({text})"
        if kind is None:
            return None
        error = self.error(kind, reply, text, code=str(said.code) if said.code else None)
        if said.request_id:
            error.request_id = self.config.clean(said.request_id)
        if behind is not None:
            error.next_step = "Set this machine's clock. The job goes on by itself, by Kling's time."
        return error

    def look_refused(self, operation: Operation, reply: Reply, /) -> Failed:
        """Only the older API refuses a look at an order that it does not know."""
        if code_of(reply) == NOT_THERE and place_of(operation) in OLDER_PATHS:
            return self.lost(operation, reply)
        raise self._refusal_of(reply)

    async def find(self, client_reference: str, /) -> Operation | None:
        """The order that carries this reference, at the API that it was sent to, or at all where that is not known.

        Raises:
            ProviderError: It is not certain whether there is one.
        """
        place = self._sent.get(client_reference)
        return await self._sought(client_reference, [place] if place else self._places, ours=True)

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:
        """The id of the task; checked where a signing secret is set, and only a hint where none is."""
        secret = self.config.secret("webhook_secret")
        if secret is not None:
            STANDARD_WEBHOOKS.verify(headers, body, secret, provider=self.name, now=self.options.clock.now())
        task = Task.read_or_none(body)
        if task is None:
            raise MalformedResponse("A callback for Kling is about no task.", provider=self.name, charged=None)
        return task.id, None

    async def check(self) -> None:
        """Ask what the last day cost, which is free."""
        now = int(self.options.clock.now().timestamp() * 1000)
        query = {"start_time": str(now - _A_DAY_MS), "end_time": str(now)}
        reply = await self.send(Call("GET", "/account/costs", query=query))
        if reply.read(Verdict).code:
            raise self._refusal_of(reply)

    @cached_property
    def _pair(self) -> JwtHs256 | None:
        return pair_of(self.config, self.options.clock)

    @property
    def _places(self) -> Sequence[str]:
        """Where orders may be, as far as the keys reach."""
        return (TASKS, *OLDER_PATHS) if self._pair is None else OLDER_PATHS

    def _is_older(self, model: str) -> bool:
        return is_older(model) or is_older(self._names.id_of(model))

    def _place_for(self, spec: VideoSpec) -> str:
        """Where an order will be."""
        return older_path(spec, self._names.id_of(spec.model)) if self._is_older(spec.model) else TASKS

    def _need_key(self) -> None:
        if self._pair is not None:
            self.config.missing("api_key", "an API key for what is not at its older API")

    def _look(self, place: str, what: str, *, ours: bool = False) -> Call:
        if place == TASKS:
            self._need_key()
        return look_at(place, what, ours=ours)

    async def _sought(self, what: str, places: Sequence[str], *, ours: bool = False) -> Operation | None:
        """The order of this id, or of this reference of ours; None only where each place says that there is none."""
        for place in places:
            reply = await self._exchange(self._look(place, what, ours=ours))
            code = code_of(reply)
            if code == NOT_THERE and place in OLDER_PATHS:
                continue
            if code or not reply.ok:
                raise self._refusal_of(reply)
            tasks = (reply.read(Shown).data,) if place in OLDER_PATHS else reply.read(Listed).data
            if tasks:
                meant = [one for one in tasks if one and (one.reference if ours else one.id) == what]
                if ours and not meant and len(tasks) == 1 and tasks[0] and not tasks[0].reference:
                    meant = [tasks[0]]  # it does not repeat our reference, which it was asked for by
                return Operation(id=self._only(meant, reply).id, state=state_of(place))
        return None

    def _only(self, tasks: Sequence[Task], reply: Reply) -> Task:
        if not tasks:
            raise self.error(MalformedResponse, reply, "it shows other orders than the one that was asked for")
        return tasks[0]

    def _refusal_of(self, reply: Reply) -> ProviderError:
        return self.read_error(reply) or self.error(ProviderUnavailable, reply)
