"""`seedance`: ByteDance's Seedance models at BytePlus ModelArk, or at Volcengine Ark in China.

Sources: the packages `byteplus-python-sdk-v2` 3.0.63 and `volcengine-python-sdk[ark]` 5.0.54, the wire as captured with
them, and BytePlus' documentation; as of 2026-11-22. No live account was used. What is peculiar:

- Keys, models and orders belong to one region. The models have other ids at Volcengine; they are asked for by those of
  BytePlus in all regions.
- Frames, a source video and references are kinds of order that exclude each other. The shape of a clip with frames is
  that of the first one. Videos go in by address only.
- Sound is made unless the order says no, and doubles the price of one model: it is always said.
- Settings are read in the prompt too, so they are taken out of it. See `seedance_prompts`.
- A list shows many orders at once. It knows those of a week, and may be asked for once per second and account; an order
  that it leaves out, as it may do with those made offline, is looked at alone.
- DELETE stops an order that waits and erases one that has ended; one that runs cannot be stopped. So `cancel` looks
  first.
- Callbacks are not signed: a hint.
- There is no idempotency key. An order could be marked with `safety_identifier` and be found in the list, but that word
  is documented as the fixed name of an end user, by which abuse is traced: to give each order another one would defeat
  it. So an order whose answer was lost stays uncertain.
- Only clips that were made are billed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, JsonValue, SecretStr

from nexiom_sdk.errors import ConfigurationError, MalformedResponse, ProviderError
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.batched import BatchedProvider
from nexiom_sdk.providers.bills import Exact
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.model_names import ModelNames, model_names
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.seedance_cards import CARDS, GONE, UNLISTED, of_generation, volcengine_id
from nexiom_sdk.providers.seedance_orders import Order, has_video, order_of
from nexiom_sdk.providers.seedance_refusals import refusal_of
from nexiom_sdk.providers.seedance_tasks import MODEL, OPTIONS, WITH_VIDEO, Task, outcome_of
from nexiom_sdk.providers.wire import Body, Call, Maybe, Reply, segment
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded
from nexiom_sdk.wording import printable, unknown

_TASKS = "/contents/generations/tasks"
_PRICED = "byteplus"  # the only region with prices in USD
_REGIONS: Mapping[str, str] = {
    _PRICED: "https://ark.ap-southeast.bytepluses.com/api/v3",
    "byteplus-eu": "https://ark.eu-west.bytepluses.com/api/v3",
    "volcengine": "https://ark.cn-beijing.volces.com/api/v3",
}


class _Created(Body):
    id: str = Field(min_length=1)


class _List(Exact):
    items: Maybe[tuple[Maybe[Task], ...]] = None


class SeedanceProvider(BatchedProvider):
    """Videos from Seedance.

    Args:
        config: `api_key`; perhaps `region` (byteplus, byteplus-eu or volcengine), `base_url` for another address, and
            `models`, entries `name` or `name=id` with commas between, for endpoints of your own and newer models.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no key.
        ConfigurationError: The region is not known, or an address, a key or an entry cannot be used.

    Example:
        >>> made = SeedanceProvider({"api_key": "not-a-real-key", "models": "seedance-9=ep-20261122-x"})
        >>> made.models[0].model, made.models[-1].model
        ('dreamina-seedance-2-5-260628', 'seedance-9')
    """

    name = "seedance"
    title = "Seedance"
    config_env: ClassVar[Mapping[str, str]] = {
        "api_key": "ARK_API_KEY",
        "region": "NEXIOM_SEEDANCE_REGION",
        "base_url": "NEXIOM_SEEDANCE_BASE_URL",
        "models": "NEXIOM_SEEDANCE_MODELS",
    }
    keys_at = "https://console.byteplus.com/ark (in China https://console.volcengine.com/ark)"
    cards: ClassVar[Sequence[ModelCard]] = (*CARDS, *GONE)
    takes_new_models: bool = True
    batch_spacing_seconds: ClassVar[float] = 1.0
    batch_size: ClassVar[int] = (
        100  # a page may have 500; the ids of 100 orders keep the address below 5,000 characters
    )

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        region = self._region
        cards = CARDS if region == _PRICED else [card.evolve(prices=(), priced_on="") for card in CARDS]
        ids = {card.model: volcengine_id(card.model) for card in CARDS} if region == "volcengine" else {}
        self._names: ModelNames = model_names(self.config, "models", (*cards, *GONE), unlisted=UNLISTED, ids=ids)
        self.models: Sequence[ModelCard] = tuple(
            of_generation(card, card.model, self._names.id_of(card.model)) for card in self._names.cards
        )

    def endpoints(self) -> Sequence[Endpoint]:
        """The API of the region."""
        return (self.config.endpoint("base_url", _REGIONS[self._region], key="api_key"),)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order."""
        return Call("POST", _TASKS, json=self._order(submission).body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The task that was made; there is nothing but its id."""
        spec = submission.spec
        state: dict[str, JsonValue] = {"callback": True} if submission.callback_url else {}
        if self._region == _PRICED:
            state |= {MODEL: spec.model, WITH_VIDEO: has_video(spec), OPTIONS: [*sorted(spec.options)]}
        return Operation(id=reply.read(_Created).id, state=state, warnings=self._order(submission).warnings)

    def poll_call(self, operation: Operation, /) -> Call:
        """The task as it is now."""
        return Call("GET", f"{_TASKS}/{segment(operation.id)}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the task says."""
        task = reply.read(Task)
        if task.id != operation.id:
            raise self.error(MalformedResponse, reply, "it shows another order than the one that was asked for")
        return outcome_of(operation, task)

    def batch_call(self, operations: Sequence[Operation], /) -> Call | None:
        """The part of the list that has these tasks."""
        wanted = [operation.id for operation in operations]
        return Call("GET", _TASKS, query={"page_size": str(len(wanted)), "filter.task_ids": wanted})

    def read_batch(self, operations: Sequence[Operation], reply: Reply, /) -> Mapping[str, Poll]:
        """What each task in the list says, as far as it can be read."""
        asked = {operation.id: operation for operation in operations}
        shown = {task.id: task for task in reply.read(_List).items or () if task is not None}
        return {task_id: outcome_of(asked[task_id], task) for task_id, task in shown.items() if task_id in asked}

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal by its code; a 401, 403 or 429 is one from whomever it comes."""
        found = refusal_of(reply)
        if found is None:
            return None
        kind, complaint = found
        if complaint is None:
            return self.error(kind, reply)
        return self.error(kind, reply, complaint.message or complaint.code, code=complaint.code)

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:  # noqa: ARG002
        """The id in an unsigned callback; a look tells whether it is true."""
        task = Task.read_or_none(body)
        if task is None:
            raise MalformedResponse("A callback for Seedance is about no task.", provider=self.name, charged=None)
        return task.id, None

    async def cancel(self, operation: Operation, /) -> None:
        """Stop a task that waits. One that begins at this moment goes on; one that ends at this moment may be erased.

        Raises:
            ProviderError: It runs or has ended, or its state is not known: nothing is done, for a task that runs cannot
                be stopped, and what one that has ended made would be erased.
        """
        look = self.poll_call(operation)
        status = (await self.send(look)).read(Task).status
        if status == "cancelled":
            return
        if status != "queued":
            why = "cannot be stopped now" if status == "running" else "would only be erased now"
            msg = f"Seedance's task is {printable(status, 60)} and {why}."
            raise ProviderError(msg, provider=self.name, charged="unknown")
        try:
            await self.send(Call("DELETE", look.path))
        except ProviderError as error:
            error.charged = "unknown"  # it may have begun in between
            raise

    async def check(self) -> None:
        """Ask for one entry of the list, which is free."""
        await self.send(Call("GET", _TASKS, query={"page_size": "1"}))

    @property
    def _region(self) -> str:
        china = ".volces.com" in self.config.text("base_url")
        said = self.config.text("region").lower() or ("volcengine" if china else _PRICED)
        if said not in _REGIONS:
            variable = self.config_env["region"]
            msg = unknown("region of Seedance", said, tuple(_REGIONS))
            raise ConfigurationError(msg, next_step=f"Set {variable} to one of them, or unset it.")
        return said

    def _order(self, submission: Submission) -> Order:
        model = submission.spec.model
        card = next((card for card in self.models if card.model == model), None) or of_generation(UNLISTED, model)
        return order_of(submission, card, self._names.id_of(model))
