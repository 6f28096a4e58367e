from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from hunyuan_own_rig import PROMPT, body
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.providers import comfyui_workflows
from nexiom_sdk.providers.comfyui_workflows import NEEDED, PLACES, Values, Workflow, read_workflow, workflow_of
from nexiom_sdk.providers.configuration import Configuration

SHIPPED = Path(comfyui_workflows.__file__).parent / "workflows"
VALUES: Values = {
    "prompt": PROMPT,
    "negative_prompt": "",
    "seed": 42,
    "steps": 20,
    "fps": 24,
    "width": 1280,
    "height": 720,
    "frames": 121,
    "job_id": "0001",
    "first_frame_filename": "nexiom/first (1).png",
}


def node(**inputs: JsonValue) -> dict[str, JsonValue]:
    return {"1": {"class_type": "Some", "inputs": inputs}}


def filled(value: JsonValue, prompt: str = PROMPT) -> JsonValue:
    [said] = Workflow(graph=node(it=value)).filled({**VALUES, "prompt": prompt}).values()
    assert isinstance(said, dict)
    inputs = said["inputs"]
    assert isinstance(inputs, dict)
    return inputs["it"]


def configured(text: str) -> Configuration:
    return Configuration(title="ComfyUI", values={"workflow_t2v": text}, variables={"workflow_t2v": "MY_WORKFLOW"})


def all_places() -> dict[str, JsonValue]:
    return node(**{name: f"{{{{{name}}}}}" for name in NEEDED})


def test_the_shipped_graph_filled_is_the_recorded_order() -> None:
    workflow = read_workflow((SHIPPED / "hunyuan_t2v.json").read_text("utf-8"), "the package")
    assert workflow.filled(VALUES) == body("comfyui_prompt_request")["prompt"]
    assert workflow.places == {*PLACES} - {"first_frame_filename"}


def test_the_shipped_graph_for_a_first_frame_takes_every_place_there_is() -> None:
    workflow = read_workflow((SHIPPED / "hunyuan_i2v.json").read_text("utf-8"), "the package")
    assert workflow.places == {*PLACES}
    graph = json.dumps(workflow.filled(VALUES))
    assert "{{" not in graph
    assert '"image": "nexiom/first (1).png"' in graph
    assert {"LoadImage", "HunyuanVideo15ImageToVideo"} <= {*workflow.classes}


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("{{seed}}", 42),
        ("{{prompt}}", VALUES["prompt"]),
        ("v/{{job_id}}_{{width}}x{{height}}", "v/0001_1280x720"),
        (" {{seed}}", " 42"),
        (["{{steps}}", {"deep": "{{fps}}"}, 7, None, True, 1.5], [20, {"deep": 24}, 7, None, True, 1.5]),
        ("{seed} {{}", "{seed} {{}"),
    ],
)
def test_a_text_that_is_a_place_becomes_the_value_itself_and_any_other_stays_text(
    value: JsonValue, becomes: JsonValue
) -> None:
    assert filled(value) == becomes
    assert type(filled(value)) is type(becomes)


@pytest.mark.parametrize("value", ["{{prompt}}", "so: {{prompt}}"])
def test_what_is_filled_in_is_never_filled_again(value: str) -> None:
    said = "a sign that says {{seed}} and {{unknown}} \\1 \\g<0>"
    assert str(filled(value, prompt=said)).endswith(said)


def test_filling_leaves_the_workflow_as_it_was() -> None:
    workflow = Workflow(graph=node(it="{{seed}}", other=1), inputs={"steps": ("1", "other")})
    assert workflow.filled(VALUES) == node(it=42, other=20)
    assert workflow.graph == node(it="{{seed}}", other=1)


def test_inputs_can_be_listed_beside_a_graph_that_stays_as_it_is() -> None:
    graph = node(text="as exported", noise_seed=0, width=1, height=1, length=1)
    inputs = {
        "prompt": ["1", "text"],
        "seed": ["1", "noise_seed"],
        "width": ["1", "width"],
        "height": ["1", "height"],
        "frames": ["1", "length"],
    }
    workflow = workflow_of(configured(json.dumps({"workflow": graph, "inputs": inputs})), "workflow_t2v", "x.json")
    assert workflow.filled(VALUES) == node(text=VALUES["prompt"], noise_seed=42, width=1280, height=720, length=121)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ('{"nodes": [], "links": [], "version": 0.4}', "API format only"),
        ("[]", "not in ComfyUI's API format"),
        ("{}", "has no nodes"),
        ('{"1": {"inputs": {}}}', "see 1.class_type"),
        ('{"1": {"class_type": "A", "inputs": []}}', "see 1.inputs"),
        (json.dumps(node(it="{{sede}}")), "There is no place 'sede'. Known: .*Did you mean 'seed'"),
        (json.dumps(node(it="x {{ seed }}")), "There is no place ' seed '|no place 'seed'"),
        (json.dumps({"workflow": node(it=1), "inputs": {"sede": ["1", "it"]}}), "no place 'sede'"),
        (
            json.dumps({"workflow": node(it=1), "inputs": {"seed": ["2", "it"]}}),
            "no input 2.it, which is named for seed",
        ),
        (json.dumps({"workflow": node(it=1), "inputs": {"seed": ["1", "no"]}}), "no input 1.no"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_workflow(text, "MY_WORKFLOW")


def test_an_editors_file_is_refused_with_the_way_to_the_right_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_workflow('{"nodes": [], "links": []}', "MY_WORKFLOW")
    assert "Export (API)" in caught.value.next_step


@pytest.mark.parametrize("lacking", sorted(NEEDED))
def test_a_workflow_needs_a_place_for_what_every_order_says(lacking: str) -> None:
    graph = node(**{name: f"{{{{{name}}}}}" for name in NEEDED - {lacking}})
    with pytest.raises(ConfigurationError, match=f"MY_WORKFLOW has no place for {lacking}"):
        workflow_of(configured(json.dumps(graph)), "workflow_t2v", "x.json")


def test_a_workflow_is_read_from_a_file_or_from_the_text_or_from_the_package(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(all_places()), "utf-8")
    for text in (str(file), json.dumps(all_places())):
        assert workflow_of(configured(text), "workflow_t2v", "x.json").graph == all_places()
    assert len(workflow_of(configured(""), "workflow_t2v", "hunyuan_t2v.json").graph) == 15


@pytest.mark.parametrize(("name", "said"), [("gone.json", "No such file"), ("", "director"), ("bin", "UTF-8")])
def test_a_file_that_cannot_be_read_is_named_with_its_variable(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bin").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=said) as caught:
        workflow_of(configured(str(tmp_path / name)), "workflow_t2v", "x.json")
    assert "MY_WORKFLOW" in caught.value.next_step
    assert str(tmp_path) in caught.value.message


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["{{seed}}", "{{", "{{x}}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["nodes", "links", "workflow", "inputs", "class_type", "1", "seed"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(text=st.text(max_size=30) | _json.map(json.dumps))
def test_any_text_is_a_workflow_or_a_configuration_error(text: str) -> None:
    try:
        workflow = read_workflow(text, "MY_WORKFLOW")
    except ConfigurationError:
        return
    assert workflow.places <= {*PLACES}
    workflow.filled(VALUES)


@given(prompt=st.text(max_size=40))
def test_any_prompt_arrives_as_it_is(prompt: str) -> None:
    assert filled("{{prompt}}", prompt=prompt) == prompt
    assert filled("<{{prompt}}>", prompt=prompt) == f"<{prompt}>"
