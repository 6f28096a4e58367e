from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from nexiom_sdk import Settings
from nexiom_sdk.errors import ConfigurationError, MissingCredentials, ProviderUnavailable
from nexiom_sdk.providers import SupportsCallback, SupportsCancel, SupportsHealth, SupportsLookup
from nexiom_sdk.providers import veo as module
from nexiom_sdk.providers.auth import HeaderKey
from nexiom_sdk.providers.http import origin_of
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.providers.veo import VeoProvider
from nexiom_sdk.providers.veo_api import GoogleApi
from nexiom_sdk.providers.veo_tokens import Tokens
from nexiom_sdk.types import Failed, Operation
from veo_rig import (
    CLOCK,
    GEMINI,
    INTERACTION,
    OPERATION,
    RESOURCE,
    VERTEX,
    fixture,
    omni,
    order,
    provider,
    recorded,
    reply,
    veo,
)

PROJECT = {"GOOGLE_CLOUD_PROJECT": "demo-project", "NEXIOM_VEO_ACCESS_TOKEN": "ya29.x"}


def set_up(env: Mapping[str, str], **given: SecretStr) -> VeoProvider:
    """The provider as a studio makes it."""
    settings = Settings.from_env(env, provider_config={"veo": given})
    return VeoProvider(settings.configuration("veo", ProviderRegistry().declared("veo")))


@pytest.mark.parametrize(
    ("env", "apis"),
    [
        ({"GOOGLE_API_KEY": "k-123456"}, ["omni"]),
        ({"GEMINI_API_KEY": "k-123456"}, ["omni"]),
        (PROJECT, ["veo", "omni"]),
        ({"GOOGLE_API_KEY": "k-123456", **PROJECT}, ["veo", "omni"]),
        ({"GOOGLE_API_KEY": "k-123456", **PROJECT, "NEXIOM_VEO_TRANSPORT": "gemini"}, ["omni"]),
        ({"GOOGLE_API_KEY": "k-123456", **PROJECT, "GOOGLE_GENAI_USE_VERTEXAI": "false"}, ["omni"]),
        ({"GOOGLE_API_KEY": "k-123456", **PROJECT, "GOOGLE_GENAI_USE_ENTERPRISE": "0"}, ["omni"]),
        ({**PROJECT, "GOOGLE_GENAI_USE_VERTEXAI": "0", "GOOGLE_GENAI_USE_ENTERPRISE": "1"}, ["veo", "omni"]),
        ({**PROJECT, "NEXIOM_VEO_TRANSPORT": "vertex", "GOOGLE_GENAI_USE_ENTERPRISE": "0"}, ["veo", "omni"]),
    ],
    ids=str,
)
def test_which_way_is_used_follows_from_the_environment(env: Mapping[str, str], apis: list[str]) -> None:
    assert [*set_up(env).apis] == apis


def test_a_project_alone_chooses_nothing_for_many_machines_have_one_for_something_else() -> None:
    with pytest.raises(MissingCredentials, match="GOOGLE_APPLICATION_CREDENTIALS") as caught:
        set_up({"GOOGLE_CLOUD_PROJECT": "theirs"})
    assert "NEXIOM_VEO_TRANSPORT=vertex" in caught.value.next_step
    assert [*set_up({"GOOGLE_CLOUD_PROJECT": "theirs", "GOOGLE_API_KEY": "k-123456"}).apis] == ["omni"]


def test_of_two_variables_for_the_key_googles_own_wins() -> None:
    made = set_up({"GOOGLE_API_KEY": "first-key", "GEMINI_API_KEY": "second-key"}).apis["omni"]
    assert made.config.text("api_key") == "first-key"


def test_a_key_that_is_given_is_not_mixed_with_a_project_of_the_environment() -> None:
    assert [*set_up(PROJECT, api_key=SecretStr("k-123456")).apis] == ["omni"]
    there = {**PROJECT, "GOOGLE_API_KEY": "k-123456"}
    mine = set_up(there, project=SecretStr("mine"), access_token=SecretStr("ya29.mine")).apis["veo"]
    assert (mine.config.text("project"), mine.config.text("access_token")) == ("mine", "ya29.mine")


@pytest.mark.parametrize(
    ("config", "variable"),
    [
        ({}, "GOOGLE_API_KEY"),
        ({}, "GOOGLE_CLOUD_PROJECT"),
        ({"transport": "gemini"}, "GOOGLE_API_KEY"),
        ({"transport": "vertex", "access_token": "ya29.x"}, "GOOGLE_CLOUD_PROJECT"),
    ],
)
def test_what_is_missing_is_named_by_its_variable(config: Mapping[str, str], variable: str) -> None:
    with pytest.raises(MissingCredentials, match=variable) as caught:
        provider(**config)
    assert "local" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"transport": "vertx"}, "Did you mean 'vertex'"),
        ({"use_vertex": "perhaps"}, "GOOGLE_GENAI_USE_ENTERPRISE"),
        ({**VERTEX, "location": "evil.example/"}, "GOOGLE_CLOUD_LOCATION"),
        ({**VERTEX, "access_token": "two\nlines"}, "NEXIOM_VEO_ACCESS_TOKEN"),
        ({**VERTEX, "vertex_base_url": "http://proxy.example"}, "not https"),
        ({**VERTEX, "models": "=x"}, "NEXIOM_VEO_MODELS"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused(config: Mapping[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        provider(**config)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("", "us-central1-aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_a_place_has_its_own_host(location: str, host: str) -> None:
    made = veo(location=location)
    assert made.base_url == f"https://{host}"
    assert made.parent == f"/v1/projects/demo-project/locations/{location or 'us-central1'}"


def test_gemini_omni_is_global_unless_a_place_is_named() -> None:
    assert omni(**VERTEX).base_url == "https://aiplatform.googleapis.com"
    assert omni(**VERTEX, location="eu").parent == "/v1beta1/projects/demo-project/locations/eu"
    assert omni().base_url == "https://generativelanguage.googleapis.com"
    assert omni(api_version="beta").parent == "/v1beta"


def test_a_storage_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="NEXIOM_VEO_STORAGE_URI"):
        veo(storage_uri="https://bucket").submit_call(order())


def test_models_of_the_operator_go_to_the_api_that_they_are_of() -> None:
    made = provider(**VERTEX, models="veo-4, mine=gemini-omni-2, gemini-omni-3 , lab=veo-4-lab")
    words = {card.model: word for word, api in made.apis.items() for card in api.models}
    assert [words[name] for name in ("veo-4", "mine", "gemini-omni-3", "lab")] == ["veo", "omni", "omni", "veo"]
    assert provider(**GEMINI, models="gemini-omni-3").models[-1].model == "gemini-omni-3"


def test_a_token_provider_wins_and_none_is_asked_before_the_first_call() -> None:
    asked: list[int] = []

    def given() -> str:
        asked.append(1)
        return "t"

    made = VeoProvider(VERTEX, token_provider=given)
    tokens = [api.tokens for api in made.apis.values() if isinstance(api, GoogleApi)]
    assert isinstance(tokens[0], Tokens)
    assert tokens[0] is tokens[1], "both APIs share their tokens"
    assert isinstance(veo().tokens, HeaderKey)
    assert asked == []


def test_words_of_the_environment_may_be_shown_and_keys_may_not() -> None:
    made = set_up({**PROJECT, "NEXIOM_VEO_TRANSPORT": "vertex"})
    for api in made.apis.values():
        assert api.config.secrets == ("ya29.x",)
        assert isinstance(api.config.values["access_token"], SecretStr)


def test_the_page_has_every_variable_with_its_key() -> None:
    page = (Path(__file__).parents[1] / "docs" / "veo.md").read_text("utf-8")
    for key, variable in VeoProvider.config_env.items():
        assert f"| `{variable}` | `{key}` |" in page
    for variable in VeoProvider.config_env_also:
        assert f"else `{variable}` is read" in page


def test_an_order_is_remembered_by_its_whole_name() -> None:
    taken = veo().read_submit(order(), recorded("vertex_submit_response"))
    assert taken == Operation(id=OPERATION)
    kept = veo(storage_uri="gs://b/").read_submit(order(), recorded("vertex_submit_response"))
    assert kept == Operation(id=OPERATION, state={"stored": True})
    for place, state in (("gs://other/", {"stored": True}), (None, {})):
        asked = order(options={"storageUri": place})
        assert veo().read_submit(asked, recorded("vertex_submit_response")) == Operation(id=OPERATION, state=state)


def test_an_order_is_looked_at_by_post_with_its_name_twice() -> None:
    call = veo().poll_call(Operation(id=OPERATION))
    assert (call.method, call.path) == ("POST", f"/v1/{RESOURCE}:fetchPredictOperation")
    assert call.json == fixture("vertex_poll_request")


def test_a_look_that_may_bring_the_clip_may_be_large_and_no_other() -> None:
    inline, stored = (veo().poll_call(Operation(id=OPERATION, state=state)) for state in ({}, {"stored": True}))
    assert (inline.max_bytes, stored.max_bytes) == (256 * 1024 * 1024, None)
    assert omni().poll_call(Operation(id=INTERACTION)).max_bytes == 256 * 1024 * 1024


def test_an_order_in_another_region_is_looked_at_there_at_a_host_of_google_s() -> None:
    there = Operation(id=OPERATION.replace("us-central1", "europe-west4"))
    made = veo()
    path = made.poll_call(there).path
    assert path.startswith("https://europe-west4-aiplatform.googleapis.com/v1/projects/")
    origin = origin_of(path)
    assert made._client._key(origin, path) is made.tokens
    assert made._client._key(origin_of("https://elsewhere.example"), "https://elsewhere.example/v1") is None
    evil = Operation(id=OPERATION.replace("us-central1", "evil.example#"))
    assert made.poll_call(evil).path.startswith("/v1/")
    by_proxy = veo(vertex_base_url="https://proxy.example").poll_call(there)
    assert "/locations/europe-west4/" in by_proxy.path


@pytest.mark.parametrize("name", ["x", "../../other", "projects/p/locations/us-central1/x?y=1/operations/1"])
def test_a_strange_name_stays_one_path(name: str) -> None:
    path = veo().poll_call(Operation(id=name)).path
    assert path.startswith("/v1/")
    assert path.endswith(":fetchPredictOperation")
    assert "?" not in path
    assert "/../" not in path


def test_an_interaction_is_looked_at_by_its_id() -> None:
    assert omni().poll_call(Operation(id="a/b")).path == "/v1beta/interactions/a%2Fb"
    vertex = omni(**VERTEX).poll_call(Operation(id=INTERACTION))
    assert vertex.path == f"/v1beta1/projects/demo-project/locations/global/interactions/{INTERACTION}"


def test_the_id_of_an_order_tells_its_api() -> None:
    made = provider(**VERTEX)
    for order_id, word in ((OPERATION, "veo"), (INTERACTION, "omni")):
        assert made._places(Operation(id=order_id)) == [made.apis[word]]
    with pytest.raises(ConfigurationError, match="its API 'veo'"):
        provider(**GEMINI)._places(Operation(id=OPERATION))


def test_an_operation_that_is_not_known_any_more_has_failed_unless_it_is_young() -> None:
    old = Operation(id=OPERATION, state={"submitted_at": "2020-01-01T00:00:00+00:00"})
    assert isinstance(veo().look_refused(old, recorded("error_404", 404)), Failed)
    young = Operation(id=OPERATION, state={"submitted_at": CLOCK.now().isoformat()})
    with pytest.raises(ProviderUnavailable):
        veo().look_refused(young, reply({}, 404))


def test_what_google_does_not_offer_is_not_claimed() -> None:
    made = provider(**VERTEX)
    assert made.submission_recovery == "none"
    assert not isinstance(made.apis["veo"], SupportsCancel)
    assert isinstance(made.apis["omni"], SupportsCancel)
    assert isinstance(made, SupportsHealth)
    assert not isinstance(made, SupportsCallback)
    assert not any(isinstance(api, SupportsLookup) for api in made.apis.values())


@pytest.mark.parametrize("file", sorted(Path(module.__file__).parent.glob("veo*.py")), ids=lambda file: file.name)
def test_an_adapter_neither_waits_nor_sends_nor_reads_the_environment(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"os", "time", "socket", "httpx", "random", "subprocess"}
    assert "sleep" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if file.name != "veo_tokens.py":  # it hands blocking work to a thread
        assert "asyncio" not in imported
