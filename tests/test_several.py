from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from acme import Acme
from nexiom_sdk import ModelCard
from nexiom_sdk.errors import ConfigurationError, ModelRetired, ProviderUnavailable, UnsupportedFeature
from nexiom_sdk.providers import HttpOptions, HttpProvider
from nexiom_sdk.providers.protocol import SupportsBatchPoll, SupportsCancel, SupportsHealth, VideoProvider
from nexiom_sdk.providers.several import Several
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.testing import Answer, LoopbackServer, Received
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Submission, VideoSpec


class Old(Acme):
    """An API that takes orders and knows nothing else."""

    models = (ModelCard(model="old-1"),)


class New(Acme):
    """An API whose orders can be found and stopped."""

    models = (ModelCard(model="new-1"),)
    submission_recovery = "lookup"
    stopped: list[str]

    async def find(self, client_reference: str, /) -> Operation | None:
        return Operation(id="n7") if client_reference == "j7.1" else None

    async def cancel(self, operation: Operation, /) -> None:
        await self.send(Call("DELETE", f"/videos/{operation.id}"))

    async def check(self) -> None:
        await self.send(Call("GET", "/account"))


class Both(Several):
    name = "acme"
    config_env = Acme.config_env

    def set_up(self, config: Mapping[str, str | SecretStr], http: HttpOptions | None, /) -> Mapping[str, HttpProvider]:
        kinds: Mapping[str, type[HttpProvider]] = {"old": Old, "new": New}
        return {
            word: kind({**config, "base_url": str(config[word])}, http=http)
            for word, kind in kinds.items()
            if word in config
        }


def _server(received: Received) -> Answer:
    api = received.path.split("/")[1]
    match received.method, received.path.split("/")[2:]:
        case "POST", ["videos"]:
            return Answer.json({"id": f"{api[0]}1"})
        case "GET", ["videos", order_id] if order_id[0] == api[0]:
            return Answer.json({"id": order_id, "status": "running"})
        case "GET", ["videos", _]:
            return Answer.json({"detail": "no such video"}, 404)
        case "GET", ["files", _]:
            return Answer(body=api.encode())
        case _:
            return Answer.json({})


@asynccontextmanager
async def both(*words: str) -> AsyncIterator[tuple[Both, LoopbackServer]]:
    async with LoopbackServer(_server) as server:
        made = Both(
            {"api_key": SecretStr("k"), **{word: f"{server.origin}/{word}" for word in words or ("old", "new")}}
        )
        try:
            yield made, server
        finally:
            await made.aclose()


def order(model: str) -> Submission:
    return Submission(spec=VideoSpec(model=model, prompt="a fox"), idempotency_key="j1.1")


async def test_the_model_decides_which_api_is_asked_and_the_order_remembers_it() -> None:
    async with both() as (provider, server):
        made: VideoProvider = provider
        for model, word in (("new-1", "new"), ("old-1", "old")):
            taken = await made.submit(order(model))
            assert isinstance(taken, Operation)
            assert taken.state["api"] == word
            assert server.received[-1].path == f"/{word}/videos"
            assert isinstance(await made.poll(taken), Running)
            assert server.received[-1].path == f"/{word}/videos/{taken.id}"
        assert [card.model for card in made.models] == ["old-1", "new-1"]
        with pytest.raises(ModelRetired, match="old-1, new-1") as caught:
            await made.submit(order("nobody's"))
        assert (caught.value.charged, len(server.received)) == ("no", 4)


async def test_an_order_that_a_person_named_is_looked_for_at_each_api() -> None:
    async with both() as (provider, server):
        assert isinstance(await provider.poll(Operation(id="n9")), Running)
        assert isinstance(await provider.poll(Operation(id="o9")), Running)
        assert [one.path for one in server.received] == ["/old/videos/n9", "/new/videos/n9", "/old/videos/o9"]
        assert isinstance(await provider.poll(Operation(id="x9")), Failed)


async def test_an_order_of_an_api_that_is_not_set_up_is_not_taken_for_lost() -> None:
    async with both("old") as (provider, _):
        with pytest.raises(ConfigurationError, match="'new'"):
            await provider.poll(Operation(id="n1", state={"api": "new"}))


async def test_lost_answers_are_looked_up_only_where_every_api_can() -> None:
    async with both() as (provider, _):
        assert provider.submission_recovery == "none"
    async with both("new") as (provider, _):
        assert provider.submission_recovery == "lookup"
        assert await provider.find("j7.1") == Operation(id="n7", state={"api": "new"})
        assert await provider.find("j8.1") is None


async def test_an_order_is_stopped_where_its_api_can_and_nowhere_else() -> None:
    async with both() as (provider, server):
        assert isinstance(provider, SupportsCancel)
        await provider.cancel(Operation(id="n1", state={"api": "new"}))
        assert [(one.method, one.path) for one in server.received] == [("DELETE", "/new/videos/n1")]
        with pytest.raises(UnsupportedFeature, match="cannot stop"):
            await provider.cancel(Operation(id="o1", state={"api": "old"}))
        assert len(server.received) == 1


async def test_a_result_is_fetched_by_the_api_that_holds_it() -> None:
    async with both() as (provider, server):
        for word in ("new", "old"):
            asset = Asset(url=f"{server.origin}/{word}/files/1", needs_auth=True)
            assert b"".join([chunk async for chunk in provider.fetch(asset)]) == word.encode()
        assert all(one.headers.get("authorization") == "Bearer k" for one in server.received)
        assert b"".join([chunk async for chunk in provider.fetch(Asset(data=b"here"))]) == b"here"


async def test_each_api_that_can_be_checked_is() -> None:
    async with both() as (provider, server):
        assert isinstance(provider, SupportsHealth)
        assert not isinstance(provider, SupportsBatchPoll)
        await provider.check()
        assert [one.path for one in server.received] == ["/new/account"]


async def test_an_outage_of_the_last_api_is_told_when_no_other_has_the_order() -> None:
    class Down(New):
        async def poll(self, operation: Operation, /) -> Poll:
            raise ProviderUnavailable("down")

    async with both() as (provider, server):
        down = Down({"api_key": SecretStr("k"), "base_url": f"{server.origin}/new"})
        provider.apis = {**provider.apis, "new": down}
        with pytest.raises(ProviderUnavailable):
            await provider.poll(Operation(id="n1"))
        # Whoever else knows nothing of it: the one that is down may have it.
        provider.apis = {"new": down, "old": provider.apis["old"]}
        with pytest.raises(ProviderUnavailable):
            await provider.poll(Operation(id="n1"))
        assert isinstance(await provider.poll(Operation(id="o1")), Running)
