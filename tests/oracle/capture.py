"""What two clients of the same API send, taken down by one server for each and compared place by place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, Protocol, TypeAlias, TypeVar

from pydantic import JsonValue

from nexiom_sdk.providers import HttpProvider
from nexiom_sdk.testing import FormPart, LoopbackServer, Received
from nexiom_sdk.testing.provider_wire import ProviderWire

C = TypeVar("C")
Config: TypeAlias = Mapping[str, str]
Places: TypeAlias = Mapping[str, str]

# They say how bytes travel, or who a client is; no provider documents that it wants one of them.
_NOT_COMPARED = frozenset({"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"})
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench(Generic[C]):
    """An adapter and the official client of its provider, each before a server of its own.

    Args:
        wire: Makes the server.
        adapter: Makes the adapter.
        client: Makes the official client, from the same configuration.
    """

    wire: Callable[[], ProviderWire]
    adapter: Callable[[Config], HttpProvider]
    client: Callable[[Config], AbstractAsyncContextManager[C]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Generic[C]):
    """One thing to do, in our words and in theirs.

    Args:
        title: What is done.
        ours: Does it with the adapter.
        theirs: Does it with the official client.
        differences: Places where the two may differ, each with the reason.
    """

    title: str
    ours: Callable[[HttpProvider], Awaitable[object]]
    theirs: Callable[[C], Awaitable[object]]
    differences: Mapping[str, str]

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place where the two clients sent different things."""

    place: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.place}: we send {self.ours}, the official client sends {self.theirs}"


class Agree(Protocol):
    """The fixture `agree`."""

    async def __call__(self, bench: Bench[C], case: Case[C]) -> None:
        """Fail unless both clients send the same, but for the differences that are listed and really there."""


async def differences(bench: Bench[C], case: Case[C]) -> list[Difference]:
    """Do the case with both clients and compare what they sent."""
    ours, theirs = bench.wire(), bench.wire()
    async with LoopbackServer(ours) as server:
        adapter = bench.adapter(ours.config(server.origin))
        try:
            await case.ours(adapter)
        finally:
            await adapter.aclose()
        sent_by_us = _by_request(server.received)
    async with LoopbackServer(theirs) as server, bench.client(theirs.config(server.origin)) as client:
        await case.theirs(client)
        sent_by_them = _by_request(server.received)
    return [
        Difference(place=place, ours=left.get(place, _NOTHING), theirs=right.get(place, _NOTHING))
        for request in dict.fromkeys((*sent_by_us, *sent_by_them))
        for left, right in [_pair(request, sent_by_us.get(request), sent_by_them.get(request))]
        for place in dict.fromkeys((*left, *right))
        if left.get(place) != right.get(place)
    ]


def _by_request(received: list[Received]) -> Mapping[str, Places]:
    """The places of each request; the same request made again is another one."""
    made = Counter[str]()
    found: dict[str, Places] = {}
    for one in received:
        request = f"{one.method} {one.path}"
        made[request] += 1
        found[request if made[request] == 1 else f"{request}, {made[request]}"] = dict(_places(one))
    return found


def _pair(request: str, left: Places | None, right: Places | None) -> tuple[Places, Places]:
    """The places to compare; of a request that only one of them made, that it was made."""
    if left is None or right is None:
        return ({} if left is None else {request: "it"}, {} if right is None else {request: "it"})
    return left, right


def _places(received: Received) -> Iterator[tuple[str, str]]:
    """What a request says, each thing under the name of its place."""
    for name, values in received.query.items():
        yield f"query {name}", ", ".join(values)
    kind = received.headers.get("content-type", "").partition(";")[0]
    for name, value in received.headers.items():
        if name not in _NOT_COMPARED and name != "content-type" and not name.startswith("x-stainless-"):
            yield f"header {name}", value
    if received.body:
        yield "header content-type", kind
    if kind == "multipart/form-data":
        parts = received.form()
        yield from ((f"form {part.name}", _written(part)) for part in parts)
        yield "form, last part", parts[-1].name  # stores of uploads want the file there
    elif received.body:
        yield from _leaves("body", received.json())


def _written(part: FormPart) -> str:
    if part.filename is None:
        return json.dumps(part.data.decode())
    return f"{part.filename} of {part.media_type} with {len(part.data)} bytes, {sha256(part.data).hexdigest()[:16]}"


def _leaves(place: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """The values of a JSON text, each under its place in it; numbers as they are written."""
    match value:
        case dict() if value:
            for name, inner in value.items():
                yield from _leaves(f"{place}.{name}", inner)
        case list() if value:
            for index, inner in enumerate(value):
                yield from _leaves(f"{place}[{index}]", inner)
        case _:
            yield place, json.dumps(value)
