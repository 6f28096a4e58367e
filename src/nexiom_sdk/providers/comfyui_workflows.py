"""ComfyUI workflows with places for the values of an order, and how the places are filled.

A workflow is a graph in ComfyUI's API format: node id to `class_type` and `inputs`. A place is `{{name}}` in a text. A
text that is nothing but a place becomes the value itself, so a number stays a number; inside a longer text it becomes
text. What is filled in is never looked at again: a prompt may say `{{seed}}`. Somebody's graph can also stay as it is,
beside a list of its inputs: `{"workflow": GRAPH, "inputs": {"prompt": ["4", "text"]}}`.

Source: the graphs of the package `comfyui-workflow-templates-json` 0.1.123; as of 2026-11-22.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.wire import Body
from nexiom_sdk.wording import printable, unknown

Place: TypeAlias = Literal[
    "prompt",
    "negative_prompt",
    "seed",
    "steps",
    "fps",
    "width",
    "height",
    "frames",
    "job_id",
    "first_frame_filename",
]
Values: TypeAlias = Mapping[Place, str | int]

PLACES: tuple[Place, ...] = get_args(Place)

NEEDED: frozenset[Place] = frozenset({"prompt", "seed", "width", "height", "frames"})
"""What every workflow has to take: what an order always says, and a seed, for ComfyUI makes no clip twice."""

_SHIPPED = Path(__file__).parent / "workflows"
_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_EXPORT = "In ComfyUI choose Workflow > Export (API), and use that file."


class _Node(Body):
    class_type: str = Field(min_length=1)
    inputs: dict[str, JsonValue]


class _Annotated(Body):
    workflow: dict[str, JsonValue]
    inputs: dict[str, tuple[str, str]]


_GRAPH = TypeAdapter(dict[str, _Node])


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A graph that can be filled.

    Args:
        graph: Node id to node, in ComfyUI's API format, with places in it.
        inputs: Places outside of the texts: the node and the input that take the value.
    """

    graph: Mapping[str, JsonValue] = field(repr=False)
    inputs: Mapping[Place, tuple[str, str]] = field(default_factory=dict[Place, tuple[str, str]])

    @property
    def places(self) -> frozenset[Place]:
        """The names of its places."""
        return frozenset(cast("set[Place]", {*_named(dict(self.graph)), *self.inputs}))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of its nodes, in alphabetical order."""
        return tuple(sorted({node.class_type for node in _GRAPH.validate_python(self.graph).values()}))

    def filled(self, values: Values) -> dict[str, JsonValue]:
        """The graph with these values in its places; a value without a place is left out.

        Args:
            values: A value for each of its `places`.

        Example:
            >>> node = {"class_type": "KSampler", "inputs": {"seed": "{{seed}}", "name": "clip_{{seed}}"}}
            >>> Workflow(graph={"3": node}).filled({"seed": 7})["3"]["inputs"]
            {'seed': 7, 'name': 'clip_7'}
        """
        graph = {node_id: _filled(node, values) for node_id, node in self.graph.items()}
        for name, (node_id, input_name) in self.inputs.items():
            cast("dict[str, dict[str, JsonValue]]", graph[node_id])["inputs"][input_name] = values[name]
        return graph


def workflow_of(config: Configuration, key: str, shipped: str, *, also: frozenset[Place] = frozenset()) -> Workflow:
    """The workflow that the operator gives, else the one that is shipped.

    Args:
        config: What the operator says.
        key: Configuration key of the workflow: the path of a file, or its text.
        shipped: Name of the file that is shipped.
        also: Places that it needs besides those that all need.

    Raises:
        ConfigurationError: It cannot be read or used.
    """
    given, variable = config.text(key), config.variables.get(key, key)
    text = given if given.startswith("{") else _text_of(Path(given) if given else _SHIPPED / shipped, variable)
    workflow = read_workflow(text, variable)
    missing = sorted((NEEDED | also) - workflow.places)
    if missing:
        msg = f"The workflow in {variable} has no place for {', '.join(missing)}."
        hint = (
            f"Write {'{{' + missing[0] + '}}'} where the value belongs, or list its input. Known: {', '.join(PLACES)}."
        )
        raise ConfigurationError(msg, next_step=hint)
    return workflow


def read_workflow(text: str, source: str) -> Workflow:
    """A workflow from its text.

    Args:
        text: JSON.
        source: Where it comes from, for errors.

    Raises:
        ConfigurationError: It is no workflow in API format, or names a place that there is not.
    """
    try:
        said: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"The workflow in {source} is no JSON.", next_step=_EXPORT) from error
    if isinstance(said, dict) and {"nodes", "links"} <= said.keys():
        msg = f"The workflow in {source} is one as the editor saves it, and ComfyUI takes orders in API format only."
        raise ConfigurationError(msg, next_step=_EXPORT)
    try:
        annotated = _Annotated.model_validate(said)
        graph, inputs = annotated.workflow, annotated.inputs
    except ValidationError:
        graph, inputs = cast("dict[str, JsonValue]", said), {}
    try:
        nodes = _GRAPH.validate_python(graph)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        at = f" (see {printable(where, 80)})" if where else ""
        msg = f"The workflow in {source} is not in ComfyUI's API format: node id to class_type and inputs{at}."
        raise ConfigurationError(msg, next_step=_EXPORT) from None
    if not nodes:
        raise ConfigurationError(f"The workflow in {source} has no nodes.", next_step=_EXPORT)
    for name in dict.fromkeys((*_named(graph), *inputs)):
        if name not in PLACES:
            raise ConfigurationError(f"The workflow in {source} cannot be used. {unknown('place', name, PLACES)}")
    for name, (node_id, input_name) in inputs.items():
        if node_id not in nodes or input_name not in nodes[node_id].inputs:
            where = printable(f"{node_id}.{input_name}", 80)
            raise ConfigurationError(f"The workflow in {source} has no input {where}, which is named for {name}.")
    return Workflow(graph=graph, inputs=cast("dict[Place, tuple[str, str]]", inputs))


def _text_of(file: Path, variable: str) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        msg = f"The workflow {printable(str(file), 200)} cannot be read: {why}."
        hint = f"Set {variable} to the path of a file, or to the workflow itself."
        raise ConfigurationError(msg, next_step=hint) from None


def _named(value: JsonValue) -> Iterator[str]:
    """The names of all places in a value, known or not."""
    match value:
        case str():
            yield from _PLACE.findall(value)
        case list():
            for one in value:
                yield from _named(one)
        case dict():
            for one in value.values():
                yield from _named(one)
        case _:
            return


def _filled(value: JsonValue, values: Values) -> JsonValue:
    match value:
        case str():
            whole = _PLACE.fullmatch(value)
            if whole is not None:
                return _value(whole, values)
            return _PLACE.sub(lambda place: str(_value(place, values)), value)
        case list():
            return [_filled(one, values) for one in value]
        case dict():
            return {name: _filled(one, values) for name, one in value.items()}
        case _:
            return value


def _value(place: re.Match[str], values: Values) -> str | int:
    return values[cast("Place", place[1])]
