"""HunyuanVideo-1.5 on a ComfyUI server, by a workflow that is shipped or the operator's own.

Sources: see `comfyui_jobs` and `comfyui_workflows`; as of 2026-11-22. No live server was used. What is peculiar:

- The id of an order is ours: a UUID made from its key. So an order whose answer was lost is looked for, in the queue
  and in the history. ComfyUI does not refuse the same id twice, so it is always looked for first.
- An order goes from the queue into the history in one moment, so the queue is asked first: the other way round, one
  that ends between the two looks would be in neither.
- A first frame is uploaded under a name made from its content; the server says which name it took.
- An identical graph makes nothing new, so every order without a seed gets one of its own, the same whenever it is sent.
- The server has no keys; what a proxy before it wants is sent to it and nowhere else.
- There is neither moderation nor a limit to the queue, and no progress without a WebSocket.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

from pydantic import JsonValue, SecretStr

from nexiom_sdk.errors import (
    AuthenticationFailed,
    MalformedResponse,
    ModelRetired,
    ProviderError,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth import Unsigned
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.comfyui_jobs import Entry, Keyed, Queue, Taken, left_out, outcome_of, refusal_of
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.hunyuan_comfyui_orders import CLIENT, Workflows, order_id_of, upload
from nexiom_sdk.providers.hunyuan_config import VARIABLES
from nexiom_sdk.providers.hunyuan_open_cards import CARD, OPEN, OPEN_ON_COMFYUI
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Body, Call, Maybe, Reply, segment
from nexiom_sdk.types import (
    DeliveredMedia,
    Operation,
    Poll,
    Running,
    Submission,
    SubmissionRecovery,
    Succeeded,
    VideoSpec,
)

T = TypeVar("T")

_MOST_QUEUE_BYTES = 64 * 1024 * 1024  # every row has the whole graph of its order in it
_NO_PATH = frozenset({404, 405})
# ComfyUI itself refuses orders with 400 only; the others are those of a proxy before it, which took no order.
_OF_A_PROXY: Mapping[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    429: RateLimited,
}


class _Stored(Body):
    name: str
    subfolder: str = ""


class _Stopped(Body):
    cancelled: Maybe[bool] = None


class _Stats(Body):
    system: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Headers:
    """Headers that go with every request to the server."""

    lines: Mapping[str, str] = field(repr=False)

    needs_body: ClassVar[bool] = False

    async def sign(self, request: Unsigned, /) -> Mapping[str, str]:  # noqa: ARG002 - the same for every request
        """The headers."""
        return self.lines


class ComfyHunyuan(HttpProvider):
    """HunyuanVideo-1.5 on ComfyUI.

    Args:
        config: `comfyui_base_url`; perhaps `comfyui_headers`, lines of `Name: value` for a proxy, `workflow_t2v` and
            `workflow_i2v`, each the path of a workflow or its text, and `plain_http`.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no address.
        ConfigurationError: A value or a workflow cannot be used.

    Example:
        >>> ComfyHunyuan({"comfyui_base_url": "http://localhost:8188"}).submission_recovery
        'lookup'
    """

    submission_recovery: SubmissionRecovery = "lookup"

    name = "hunyuan"
    title = "Hunyuan on ComfyUI"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self._workflows = Workflows.of(self.config)
        beside = any(map(self.config.text, ("t2v_base_url", "i2v_base_url")))
        card = CARD.evolve(model=OPEN_ON_COMFYUI if beside else OPEN)
        self.models: Sequence[ModelCard] = (self._workflows.card(card),)

    def endpoints(self) -> Sequence[Endpoint]:
        """The server, with what a proxy before it wants."""
        server = self.config.endpoint("comfyui_base_url", "", key=None)
        lines = self.config.headers("comfyui_headers")
        return (replace(server, auth=_Headers(lines) if lines else None),)

    def uploads(self, spec: VideoSpec, /) -> Generator[Call, Reply, VideoSpec]:
        """A first frame is handed over before the order; its bytes are kept, for the clip has their shape."""
        if spec.media:  # what will be refused is refused before anything is sent
            self._graph(spec, order_id_of(""))
        media: list[DeliveredMedia] = []
        for one in spec.media:
            stored = (yield upload(one)).read(_Stored)
            media.append(one.evolve(url="/".join(filter(None, (stored.subfolder, stored.name)))))
        return spec.evolve(media=tuple(media))

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, under the id that its key gives it."""
        order_id = order_id_of(submission.idempotency_key)
        graph = self._graph(submission.spec, order_id)
        return Call("POST", "/prompt", json={"prompt": graph, "client_id": CLIENT, "prompt_id": order_id})

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The order that was queued."""
        taken = reply.read(Taken)
        warnings: list[str] = []
        if nodes := left_out(taken):
            warnings.append(f"ComfyUI leaves out what it finds wrong in the workflow: {self.config.clean(nodes)}.")
        if taken.id != order_id_of(submission.idempotency_key):
            warnings.append("This ComfyUI names orders itself, so one whose answer is lost is not found: update it.")
        return Operation(id=taken.id, warnings=tuple(warnings))

    def poll_call(self, operation: Operation, /) -> Call:  # noqa: ARG002 - it shows all orders
        """The orders that have not ended."""
        return Call("GET", "/queue", max_bytes=_MOST_QUEUE_BYTES)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """Where the order is, or how it ended: what is not in the queue is looked for in the history."""
        queue = reply.read_or_none(Queue)
        if queue is not None:
            place = queue.place(operation.id)
            return Running(queued=place == "pending") if place else _history(operation.id)
        entry = _entry_of(operation.id, reply.read(Keyed[Entry]).entries, reply)
        if entry is None:
            return self.lost(operation, reply)
        needs_auth = any(one.auth for one in self._endpoints)
        return outcome_of(reply, entry, base_url=self.base_url, needs_auth=needs_auth)

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """ComfyUI refuses a graph with a 400 and a body of its own; a proxy before it, with any."""
        if reply.status in _OF_A_PROXY:
            return self.error(_OF_A_PROXY[reply.status], reply)
        said = refusal_of(reply) if reply.status == 400 else None  # noqa: PLR2004 - the one status that it uses
        if said is None:
            return None
        kind, text, code = said
        error = self.error(kind, reply, text, code=code)
        error.next_step = "Put what the workflow names where ComfyUI looks for it, or correct the workflow."
        return error

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order. What answers for the queue has to be one: an empty object would pass for the history.

        ComfyUI answers neither look with "not found", so an HTTP error, such as a proxy's, says nothing of the order.
        """
        reply = await self.send(self.poll_call(operation))
        reply.read(Queue)
        outcome = self.read_poll(operation, reply)
        if isinstance(outcome, Call):
            outcome = self.read_poll(operation, await self.send(outcome))
        return self.said(outcome) if not isinstance(outcome, Call) else Running()

    async def find(self, client_reference: str, /) -> Operation | None:
        """The order with this key: in the queue, or else in the history."""
        order_id = order_id_of(client_reference)
        operation = Operation(id=order_id)
        queue = (await self.send(self.poll_call(operation))).read(Queue)
        if queue.place(order_id) is not None:
            return operation
        reply = await self.send(_history(order_id))
        ended = _entry_of(order_id, reply.read(Keyed[JsonValue]).entries, reply)
        return None if ended is None else operation

    async def cancel(self, operation: Operation, /) -> None:
        """Stop an order that has not ended; nobody else's is touched.

        Raises:
            ProviderError: It has ended, or is not known.
        """
        stop = Call("POST", f"/api/jobs/{segment(operation.id)}/cancel", any_status=True)
        reply = await self.send(stop)
        if reply.status in _NO_PATH:
            stopped = await self._stop_at_an_older_server(operation)
        elif reply.ok:
            stopped = (reply.read_or_none(_Stopped) or _Stopped()).cancelled is not False
        else:
            raise self.refusal(reply)
        if not stopped:
            msg = f"{self.title} has nothing to stop: the order has ended."
            raise ProviderError(msg, provider=self.name, charged="unknown")

    async def check(self) -> None:
        """Ask for the server's state, and whether it has each node of the workflows; both are free."""
        (await self.send(Call("GET", "/system_stats"))).read(_Stats)
        for node in self._workflows.classes:
            known = (await self.send(Call("GET", f"/object_info/{segment(node)}"))).read(Keyed[JsonValue])
            if node not in known.entries:
                msg = f"{self.title} has no node {self.config.clean(node)}, which the workflow needs."
                hint = "Update ComfyUI, or install the package that brings this node."
                raise ModelRetired(msg, provider=self.name, next_step=hint)

    def _graph(self, spec: VideoSpec, order_id: str) -> dict[str, JsonValue]:
        return self._workflows.filled(spec, self.models[0], order_id, title=self.title)

    async def _stop_at_an_older_server(self, operation: Operation) -> bool:
        place = (await self.send(self.poll_call(operation))).read(Queue).place(operation.id)
        if place == "pending":
            await self.send(Call("POST", "/queue", json={"delete": [operation.id]}))
        elif place == "running":  # the oldest ones stop whatever runs, and do not read whose it should be
            await self.send(Call("POST", "/interrupt", json={"prompt_id": operation.id}))
        return place is not None


def _entry_of(order_id: str, entries: Mapping[str, T], reply: Reply) -> T | None:
    """The order's entry; None where the history is empty, which is how it says that there is none.

    Raises:
        MalformedResponse: It holds something else.
    """
    if entries and order_id not in entries:
        msg = f"ComfyUI answered with something else than the history of an order: {reply.excerpt}"
        raise MalformedResponse(msg, provider="hunyuan", status=reply.status)
    return entries.get(order_id)


def _history(order_id: str) -> Call:
    return Call("GET", f"/history/{segment(order_id)}")
