from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

import pytest
from byteplussdkarkruntime import AsyncArk as BytePlus
from byteplussdkarkruntime.resources.content_generation.tasks import AsyncTasks as BytePlusTasks
from byteplussdkarkruntime.types.content_generation.create_task_content_param import CreateTaskContentParam
from pydantic import JsonValue
from volcenginesdkarkruntime import AsyncArk as Volcengine
from volcenginesdkarkruntime.resources.content_generation.tasks import AsyncTasks as VolcengineTasks

from nexiom_sdk import ModelCard
from nexiom_sdk.providers import HttpProvider
from nexiom_sdk.providers.seedance import SeedanceProvider
from nexiom_sdk.providers.seedance_cards import CARDS, volcengine_id
from nexiom_sdk.testing.wires.seedance import SeedanceWire
from nexiom_sdk.types import MediaRole, Operation
from oracle.capture import Agree, Bench, Case, Config
from oracle.cases import (
    CALLBACK,
    PNG,
    PNG_BASE64,
    PROMPT,
    Ours,
    cancel,
    case,
    check,
    inline,
    linked,
    look,
    offers,
    order,
    url_of,
)
from oracle.typed import misfits

Ark: TypeAlias = BytePlus | Volcengine  # the two have the same words, but for one

NEWEST, STANDARD, MINI, OLD = (
    "dreamina-seedance-2-5-260628",
    "dreamina-seedance-2-0-260128",
    "dreamina-seedance-2-0-mini-260615",
    "seedance-1-0-pro-250528",
)
TASK, OTHER = "cgt-20261122203512-k7x9p", "cgt-20261122201001-a1b2c"
TRACE = {"header x-client-request-id": "a name of the call, for support; each answer has one of its own"}
UNSET = "the official client sends null for what is not set; the documentation knows values only"
EMPTY = {
    "header content-type": "the official client sends an empty object along; the documentation knows no body",
    "body": "the same",
}
_NOT_SENT = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
_ITEMS: Mapping[MediaRole, tuple[str, str]] = {
    "first_frame": ("image_url", "first_frame"),
    "last_frame": ("image_url", "last_frame"),
    "reference_image": ("image_url", "reference_image"),
    "reference_video": ("video_url", "reference_video"),
    "reference_audio": ("audio_url", "reference_audio"),
    "source_video": ("video_url", "reference_video"),
}


def bench(region: str, maker: Callable[..., Ark]) -> Bench[Ark]:
    @asynccontextmanager
    async def client(config: Config) -> AsyncIterator[Ark]:
        made = maker(base_url=config["base_url"], api_key=config["api_key"], max_retries=0)
        yield made
        await made.close()

    return Bench(
        wire=SeedanceWire, adapter=lambda config: SeedanceProvider({**config, "region": region}), client=client
    )


def words(tasks: type) -> frozenset[str]:
    """The keys of an order that an official client knows: the arguments of the function inside its wrapper."""
    [wrapped] = inspect.getclosurevars(vars(tasks)["create"]).nonlocals.values()
    return frozenset(inspect.signature(wrapped).parameters) - _NOT_SENT


BENCHES = {"byteplus": bench("byteplus", BytePlus), "volcengine": bench("volcengine", Volcengine)}
WORDS = {"byteplus": words(BytePlusTasks), "volcengine": words(VolcengineTasks)}


def content(*roles: MediaRole, url: str = "") -> list[JsonValue]:
    """A prompt and these references, as Seedance wants them."""
    items: list[JsonValue] = [{"type": "text", "text": PROMPT}]
    for kind, role, place in ((*_ITEMS[role], url or url_of(role)) for role in roles):
        items.append({"type": kind, kind: {"url": place}, "role": role})
    return items


def ordered(region: str, title: str, ours: Ours, model: str, items: list[JsonValue], **said: JsonValue) -> Case[Ark]:
    """An order, with the nulls of the official client as differences."""
    fields: dict[str, JsonValue] = {
        "model": volcengine_id(model) if region == "volcengine" else model,
        "content": items,
        "watermark": False,
        **said,
    }
    unset = {f"body.{name}": UNSET for name in sorted(WORDS[region] - fields.keys())}
    return case(title, ours, lambda ark: ark.content_generation.tasks.create(**fields), {**TRACE, **unset})


async def look_at_both(adapter: HttpProvider) -> None:
    assert isinstance(adapter, SeedanceProvider)
    assert len(await adapter.poll_many([Operation(id=TASK), Operation(id=OTHER)])) == 2


async def looked_at_and_deleted(ark: Ark) -> None:
    await ark.content_generation.tasks.get(task_id=TASK)
    await ark.content_generation.tasks.delete(TASK)


def cases(region: str) -> list[Case[Ark]]:
    return [
        ordered(region, "text, least", order(MINI), MINI, content(), generate_audio=True),
        ordered(
            region,
            "text, everything",
            order(
                STANDARD,
                15,
                "2160p",
                "21:9",
                audio=False,
                callback_url=CALLBACK,
                options={"priority": 3, "return_last_frame": True, "safety_identifier": "user-7f3c"},
            ),
            STANDARD,
            content(),
            resolution="4k",
            ratio="21:9",
            duration=15,
            generate_audio=False,
            callback_url=CALLBACK,
            priority=3,
            return_last_frame=True,
            safety_identifier="user-7f3c",
        ),
        ordered(
            region,
            "first frame by address",
            order(MINI, 5, "720p", media=linked("first_frame")),
            MINI,
            content("first_frame"),
            resolution="720p",
            ratio="adaptive",
            duration=5,
            generate_audio=True,
        ),
        ordered(
            region,
            "first frame as bytes",
            order(MINI, 5, "480p", media=inline("first_frame", PNG)),
            MINI,
            content("first_frame", url=f"data:image/png;base64,{PNG_BASE64}"),
            resolution="480p",
            ratio="adaptive",
            duration=5,
            generate_audio=True,
        ),
        ordered(
            region,
            "first and last frame",
            order(STANDARD, 10, "1080p", media=linked("first_frame", "last_frame")),
            STANDARD,
            content("first_frame", "last_frame"),
            resolution="1080p",
            ratio="adaptive",
            duration=10,
            generate_audio=True,
        ),
        ordered(
            region,
            "references of all kinds",
            order(STANDARD, 11, "720p", "9:16", media=linked("reference_image", "reference_video", "reference_audio")),
            STANDARD,
            content("reference_image", "reference_video", "reference_audio"),
            resolution="720p",
            ratio="9:16",
            duration=11,
            generate_audio=True,
        ),
        ordered(
            region,
            "source video",
            order(NEWEST, None, "720p", media=linked("source_video")),
            NEWEST,
            content("source_video"),
            resolution="720p",
            ratio="adaptive",
            duration=-1,
            generate_audio=True,
            omni_reference_task_type="edit",
        ),
        ordered(
            region,
            "an older model, offline",
            order(OLD, 12, "1080p", "1:1", seed=7, options={"service_tier": "flex", "camera_fixed": True}),
            OLD,
            content(),
            resolution="1080p",
            ratio="1:1",
            duration=12,
            seed=7,
            service_tier="flex",
            camera_fixed=True,
        ),
        case("look", look(TASK), lambda ark: ark.content_generation.tasks.get(task_id=TASK), TRACE),
        case(
            "look at many",
            look_at_both,
            lambda ark: ark.content_generation.tasks.list(page_size=2, task_ids=[TASK, OTHER]),
            TRACE,
        ),
        case("cancel", cancel(TASK), looked_at_and_deleted, {**TRACE, **EMPTY}),
        case("check", check, lambda ark: ark.content_generation.tasks.list(page_size=1), TRACE),
    ]


CASES = [(region, replace(one, title=f"{region}: {one.title}")) for region in BENCHES for one in cases(region)]


@pytest.mark.parametrize(("region", "one"), CASES, ids=str)
async def test_the_adapter_sends_what_the_official_client_of_the_region_sends(
    region: str, one: Case[Ark], agree: Agree
) -> None:
    await agree(BENCHES[region], one)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_whatever_a_card_offers_is_what_the_official_clients_have_words_for(card: ModelCard) -> None:
    for region, known in WORDS.items():
        for call in offers(card, SeedanceProvider({"api_key": "not-a-real-key", "region": region})):
            assert isinstance(call.json, dict)
            assert call.json.keys() <= known
            items = call.json["content"]
            assert isinstance(items, list)
            assert [misfit for item in items for misfit in misfits(CreateTaskContentParam, item)] == []
