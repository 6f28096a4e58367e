"""Where an order of Kling's can be looked at: one list at the present API, a path for each kind at the older one."""

from __future__ import annotations

from pydantic import JsonValue

from nexiom_sdk.providers.kling_older_orders import OLDER_PATHS
from nexiom_sdk.providers.wire import Call, segment
from nexiom_sdk.types import Operation

TASKS = "/tasks"
"""The list."""


def state_of(place: str) -> dict[str, JsonValue]:
    """What is kept with an order, so that it is looked at where it is."""
    return {"api": "new"} if place == TASKS else {"api": "legacy", "path": place}


def place_of(operation: Operation) -> str | None:
    """Where an order was taken; None where nobody noted it.

    Example:
        >>> place_of(Operation(id="7", state={"api": "new"})), place_of(Operation(id="7"))
        ('/tasks', None)
    """
    match operation.state.get("api"), operation.state.get("path"):
        case "new", _:
            return TASKS
        case "legacy", str(path) if path in OLDER_PATHS:
            return path
        case _:
            return None


def look_at(place: str, what: str, *, ours: bool = False) -> Call:
    """The call that looks there.

    Args:
        place: Where.
        what: Kling's id of an order, several with commas between for the list, or our reference.
        ours: It is our reference; the older API takes either in the same way.
    """
    if place in OLDER_PATHS:
        return Call("GET", f"{place}/{segment(what)}")
    return Call("GET", place, query={"external_task_ids" if ours else "task_ids": what})
