from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

import nexiom_sdk.providers
from hunyuan_hosted_rig import KEY, PAIR, order
from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.errors import ConfigurationError, MissingCredentials, UnsupportedFeature
from nexiom_sdk.providers import ProviderRegistry, SupportsCallback
from nexiom_sdk.providers.hunyuan import HunyuanProvider
from nexiom_sdk.testing import LoopbackServer
from nexiom_sdk.testing.wires.hunyuan_hosted import TokenHubWire, VclmWire
from nexiom_sdk.types import Failed, Operation, Running

FOLDER = Path(nexiom_sdk.providers.__path__[0])
MODULES = ["auth_tc3", "hunyuan", *(f"hunyuan_{part}" for part in ("cards", "config", "orders", "tokenhub", "vclm"))]


def offered(config: dict[str, str]) -> tuple[list[str], list[str]]:
    made = HunyuanProvider(config)
    return [*made.apis], [card.model for card in made.models]


def test_an_api_is_set_up_by_what_it_needs_and_the_last_resort_is_offered_only_alone() -> None:
    assert offered(KEY) == (["tokenhub"], ["hy-video-v1.5"])
    assert offered(PAIR) == (["vclm"], ["hunyuan-vclm"])
    assert offered({**PAIR, **KEY}) == (["tokenhub", "vclm"], ["hy-video-v1.5"])


def test_servers_of_one_s_own_stand_beside_tencent_s() -> None:
    vllm, comfy = {"t2v_base_url": "http://127.0.0.1:8091/v1"}, {"comfyui_base_url": "http://127.0.0.1:8188"}
    assert offered({**comfy, **PAIR}) == (["comfyui", "vclm"], ["HunyuanVideo-1.5"])
    assert offered({**KEY, **vllm, **comfy}) == (
        ["tokenhub", "vllm", "comfyui"],
        ["hy-video-v1.5", "HunyuanVideo-1.5", "HunyuanVideo-1.5-comfyui"],
    )
    assert HunyuanProvider(comfy).submission_recovery == "lookup"
    assert HunyuanProvider({**comfy, **KEY}).submission_recovery == "none"


def test_the_list_of_names_is_read_by_each_api_for_its_own_models() -> None:
    names = {"models": "HunyuanVideo-1.5=hv15, hy-video-v2"}
    vllm = {"t2v_base_url": "http://127.0.0.1:8091/v1"}
    assert offered({**KEY, **vllm, **names})[1] == ["hy-video-v1.5", "hy-video-v2", "HunyuanVideo-1.5"]


@pytest.mark.parametrize(
    "config", [{}, {"secret_id": "AKID-1"}, {"secret_key": "s-123456"}, {"tokenhub_api_key": " "}], ids=str
)
def test_where_nothing_is_set_up_every_way_is_named(config: dict[str, str]) -> None:
    with pytest.raises(MissingCredentials) as caught:
        HunyuanProvider(config)
    for word in (
        "TENCENT_TOKENHUB_API_KEY",
        "NEXIOM_HUNYUAN_T2V_BASE_URL",
        "TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY",
        "local",
    ):
        assert word in str(caught.value)


async def test_secrets_that_are_there_for_something_else_do_not_choose_the_model(tmp_path: Path) -> None:
    variables = {
        "TENCENTCLOUD_SECRET_ID": "AKID-of-something-else",
        "TENCENTCLOUD_SECRET_KEY": "key-of-something-else",
        "TENCENT_TOKENHUB_API_KEY": "tokenhub-not-a-real-key",
        "NEXIOM_HOME": str(tmp_path),
    }
    async with Studio(settings=Settings.from_env(variables)) as studio:
        choice = studio.estimate(VideoRequest(prompt="a fox", provider="hunyuan"))
    assert [one.target for one in choice.ranked] == ["hunyuan/hy-video-v1.5"]


async def test_each_model_is_ordered_and_looked_at_where_it_is_and_with_its_own_secrets() -> None:
    here, there = TokenHubWire(looks=1), VclmWire(looks=1)
    async with LoopbackServer(here) as tokenhub, LoopbackServer(there) as vclm:
        made = HunyuanProvider({**here.config(tokenhub.origin), **there.config(vclm.origin)})
        for model, word in (("hy-video-v1.5", "tokenhub"), ("hunyuan-vclm", "vclm")):
            taken = await made.submit(order(model))
            assert isinstance(taken, Operation)
            assert taken.state["api"] == word
            assert await made.poll(taken) == Running(queued=True)
            with pytest.raises(UnsupportedFeature, match="cannot stop"):
                await made.cancel(taken)
        await made.aclose()
    assert (len(here.orders), len(there.orders)) == (1, 1)
    assert {one.headers["authorization"] for one in tokenhub.received} == {"Bearer tokenhub-not-a-real-key"}
    assert {one.headers["authorization"].partition(" ")[0] for one in vclm.received} == {"TC3-HMAC-SHA256"}
    assert not any(name.startswith("x-tc-") for one in tokenhub.received for name in one.headers)


async def test_an_order_that_a_person_found_is_looked_for_at_every_api() -> None:
    here, there = TokenHubWire(), VclmWire()
    async with LoopbackServer(here) as tokenhub, LoopbackServer(there) as vclm:
        made = HunyuanProvider({**here.config(tokenhub.origin), **there.config(vclm.origin)})
        taken = await made.submit(order("hunyuan-vclm"))
        assert isinstance(taken, Operation)
        assert await made.poll(Operation(id=taken.id)) == Running(queued=True)
        assert isinstance(await made.poll(Operation(id="7")), Failed)
        await made.aclose()


async def test_an_order_of_an_api_that_is_not_set_up_here_stays_where_it_is() -> None:
    made = HunyuanProvider(KEY)
    with pytest.raises(ConfigurationError, match="vclm"):
        await made.poll(Operation(id="1", state={"api": "vclm"}))
    await made.aclose()


async def test_whether_hunyuan_can_be_used_is_asked_at_every_api_that_is_set_up() -> None:
    here, there = TokenHubWire(), VclmWire()
    async with LoopbackServer(here) as tokenhub, LoopbackServer(there) as vclm:
        made = HunyuanProvider({**here.config(tokenhub.origin), **there.config(vclm.origin)})
        await made.check()
        await made.aclose()
        assert (len(tokenhub.received), len(vclm.received)) == (1, 1)


def test_what_hunyuan_does_not_offer_is_not_claimed() -> None:
    made = HunyuanProvider({**PAIR, **KEY})
    assert not isinstance(made, SupportsCallback)
    assert made.submission_recovery == "none"


def test_an_account_that_is_named_is_not_mixed_with_that_of_the_environment() -> None:
    environment = {
        "TOKENHUB_API_KEY": "other",
        **dict.fromkeys(("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"), "x"),
    }
    declared = ProviderRegistry().declared("hunyuan")
    named = {"hunyuan": {key: SecretStr(value) for key, value in KEY.items()}}
    for explicit, apis in ((named, {"tokenhub"}), ({}, {"tokenhub", "vclm"})):
        settings = Settings.from_env(environment, provider_config=explicit)
        assert HunyuanProvider(settings.configuration("hunyuan", declared)).apis.keys() == apis


@pytest.mark.parametrize("module", MODULES)
def test_no_module_waits_opens_anything_or_asks_the_machine(module: str) -> None:
    tree = ast.parse((FOLDER / f"{module}.py").read_text("utf-8"))
    assert {*_imported(tree)} & {"asyncio", "httpx", "os", "random", "socket", "subprocess", "time"} == set()
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert names & {"sleep", "environ", "utcnow", "today"} == set()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
