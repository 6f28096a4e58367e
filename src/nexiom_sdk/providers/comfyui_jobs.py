"""What a ComfyUI server answers: its queue, its history and its refusals, read leniently.

Sources: the code of ComfyUI's server (autumn 2026) and of `comfy-cli` 1.23.0; as of 2026-11-22. An order is in the
queue until it ends, and from that moment on in the history; after a restart it is in neither. Files are told by their
endings: nodes report videos under `images`, `gifs` or `videos`, as they like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Generic, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import Field, JsonValue, model_validator

from nexiom_sdk.errors import InvalidInput, ModelRetired, ProviderError
from nexiom_sdk.providers.wire import Body, Maybe, Reply, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Poll, Running, Succeeded

T = TypeVar("T")

_VIDEOS: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
}


class Keyed(Body, Generic[T]):
    """An object whose keys are names.

    Args:
        entries: What is under each name.
    """

    entries: dict[str, T]

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, said: object) -> object:
        return {"entries": said}


class Queue(Body):
    """The orders that have not ended; the second element of a row is the id.

    Args:
        running: What is being made.
        pending: What waits.
    """

    running: tuple[tuple[JsonValue, ...], ...] = Field(alias="queue_running")
    pending: tuple[tuple[JsonValue, ...], ...] = Field(alias="queue_pending")

    def place(self, order_id: str) -> Literal["running", "pending"] | None:
        """Where an order is; None where it is not in the queue."""
        if any(order_id in row[1:2] for row in self.running):
            return "running"
        return "pending" if any(order_id in row[1:2] for row in self.pending) else None


class _Cause(Body):
    exception_message: Maybe[str] = None


class _Status(Body):
    word: str = Field(alias="status_str")
    messages: Maybe[tuple[Maybe[tuple[str, _Cause]], ...]] = None


class _File(Body):
    filename: str = Field(min_length=1)
    subfolder: str = ""
    type: str = "output"

    @property
    def media_type(self) -> str | None:
        """The type that its ending stands for, if it is a video."""
        return _VIDEOS.get(PurePosixPath(self.filename).suffix.lower())


class Entry(Body):
    """An order that has ended.

    Args:
        status: How it ended.
        outputs: What each node reports: lists of files, and other things.
    """

    status: _Status
    outputs: Maybe[dict[str, Maybe[dict[str, Maybe[tuple[Maybe[_File], ...]]]]]] = None


class Taken(Body):
    """An order that was taken.

    Args:
        id: Its id.
        node_errors: What is wrong with those of its nodes that are left out.
    """

    id: str = Field(alias="prompt_id", min_length=1)
    node_errors: Maybe[dict[str, Maybe[_BadNode]]] = None


class _Issue(Body):
    type: str = ""
    message: str = ""
    details: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.details})" if self.details not in {"", self.message} else self.message


class _BadNode(Body):
    class_type: str = ""
    errors: tuple[_Issue, ...] = ()


class _Refusal(Body):
    error: _Issue
    node_errors: Maybe[dict[str, Maybe[_BadNode]]] = None


Taken.model_rebuild()


def outcome_of(reply: Reply, entry: Entry, *, base_url: str, needs_auth: bool) -> Poll:
    """How an order ended.

    Args:
        reply: The reply with the history.
        entry: The order in it.
        base_url: Address of the server.
        needs_auth: Whether its files need what calls need.
    """
    said = dict(filter(None, entry.status.messages or ()))
    match entry.status.word:
        case "success":
            files = [file for file in _files(entry) if file.media_type]
            # What a node made for a preview is a spare.
            files = [file for file in files if file.type == "output"] or files
            if not files:
                msg = "The workflow ended without a video file: it needs a node that saves one, such as SaveVideo."
                return Failed(code="generation_failed", message=msg)
            return Succeeded(assets=tuple(_asset(file, base_url, needs_auth=needs_auth) for file in files))
        case _ if "execution_interrupted" in said:
            return Cancelled(reason="It was interrupted at the server.")
        case "error":
            cause = said.get("execution_error") or _Cause()
            return Failed(code="generation_failed", message=cause.exception_message or "The server gave no reason.")
        case word:
            warn_of_status(reply.provider, word)
            return Running()


def refusal_of(reply: Reply) -> tuple[type[ProviderError], str, str] | None:
    """What a 400 of ComfyUI's own means: class, words and code; None for anybody else's."""
    said = reply.read_or_none(_Refusal)
    if said is None:
        return None
    issues = [(node.class_type, issue) for node in _bad(said.node_errors) for issue in node.errors]
    # A file or a choice that the workflow names is not on this server: another model may be asked.
    kind = ModelRetired if any(issue.type == "value_not_in_list" for _, issue in issues) else InvalidInput
    return kind, "; ".join((str(said.error), *(f"{name}: {issue}" for name, issue in issues))), said.error.type


def left_out(taken: Taken) -> str:
    """The classes of the nodes that are left out of an order; empty where none is."""
    return ", ".join(dict.fromkeys(node.class_type for node in _bad(taken.node_errors)))


def _bad(nodes: Mapping[str, _BadNode | None] | None) -> Iterator[_BadNode]:
    yield from filter(None, (nodes or {}).values())


def _files(entry: Entry) -> Iterator[_File]:
    for node in (entry.outputs or {}).values():
        for reported in (node or {}).values():
            yield from filter(None, reported or ())


def _asset(file: _File, base_url: str, *, needs_auth: bool) -> Asset:
    query = urlencode({"filename": file.filename, "subfolder": file.subfolder, "type": file.type})
    return Asset(url=f"{base_url}/view?{query}", media_type=file.media_type or "video/mp4", needs_auth=needs_auth)
