"""What a loopback server is asked and what it does about it: requests, answers in good HTTP, and faults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from email.message import Message
from email.parser import Parser
from typing import TypeAlias
from urllib.parse import parse_qs

from pydantic import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """A field of a multipart body, as it arrived."""

    name: str
    filename: str | None
    media_type: str | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it arrived.

    Args:
        method: Such as `POST`.
        target: Path and query, nothing decoded.
        headers: By lower-case name; the values of a repeated one are joined with a comma.
        body: Its bytes, without the framing of chunks.

    Example:
        >>> received = Received(method="POST", target="/jobs?tag=a&tag=b", headers={}, body=b'{"seed": 7}')
        >>> received.path, received.query["tag"], received.json()
        ('/jobs', ('a', 'b'), {'seed': 7})
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> Mapping[str, tuple[str, ...]]:
        """The decoded values of each parameter, empty ones too."""
        found = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: tuple(values) for name, values in found.items()}

    def json(self) -> JsonValue:
        """The body as JSON.

        Raises:
            ValueError: It is something else.
        """
        value: JsonValue = json.loads(self.body)
        return value

    def form(self) -> list[FormPart]:
        """The parts of a multipart body, in order.

        Raises:
            ValueError: It is something else.
        """
        boundary = _parsed(f"content-type: {self.headers.get('content-type', '')}").get_boundary()
        if boundary is None:
            raise ValueError(f"{self.method} {self.path} has no multipart body")
        return [_form_part(part) for part in (b"\r\n" + self.body).split(b"\r\n--" + boundary.encode())[1:-1]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply in good HTTP.

    Args:
        status: HTTP status.
        headers: Besides those that frame the body.
        body: Its bytes, announced by a content-length.
        chunks: The body piece by piece instead, each sent by itself; outside of a fault it may be endless.
        length: The content-length to announce for `chunks`; None: they go out in chunked encoding.
        ranges: Give the part of `body` that a request names in `Range` and `If-Range`.

    Example:
        >>> Answer(429, headers={"retry-after": "7"}).status
        429
    """

    status: int = 200
    _: KW_ONLY
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = field(default=b"", repr=False)
    chunks: Iterable[bytes] | None = field(default=None, repr=False)
    length: int | None = None
    ranges: bool = False

    @staticmethod
    def json(value: object, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer with this value as JSON."""
        headers = {"content-type": "application/json", **(headers or {})}
        return Answer(status, headers=headers, body=json.dumps(value).encode())

    @staticmethod
    def file(data: bytes, media_type: str = "video/mp4", *, etag: str | None = None, ranges: bool = True) -> Answer:
        """A file to download, whose download can be resumed.

        Args:
            data: The whole file.
            media_type: Its type.
            etag: Its version in quotes, such as `'"v1"'`; without one no `If-Range` ever matches.
            ranges: Whether parts are given; if not, every request gets the whole file.
        """
        headers = {"content-type": media_type}
        headers |= {"accept-ranges": "bytes"} if ranges else {}
        headers |= {"etag": etag} if etag is not None else {}
        return Answer(headers=headers, body=data, ranges=ranges)

    def to(self, received: Received) -> Answer:
        """This answer as the request wants it: a part of the file, a 416 where there is none, or the answer itself."""
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", received.headers.get("range", ""))
        version = received.headers.get("if-range")
        same = version is None or (version == self.headers.get("etag") and not version.startswith("W/"))
        if not (self.ranges and same and wanted and received.method == "GET"):
            return self
        first, last = wanted.groups()
        size = len(self.body)
        if first:
            start, end = int(first), min(int(last) + 1, size) if last else size
        elif last:
            start, end = max(size - int(last), 0), size
        else:
            return self
        if start >= size:
            return Answer(416, headers={"content-range": f"bytes */{size}"})
        if start >= end:
            return self  # a range that runs backwards is no range, says RFC 9110
        headers = {**self.headers, "content-range": f"bytes {start}-{end - 1}/{size}"}
        return replace(self, status=206, headers=headers, body=self.body[start:end])


@dataclass(frozen=True, slots=True)
class Drop:
    """Read the request and close without a byte."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Read the request and break the connection with a TCP reset."""


@dataclass(frozen=True, slots=True)
class DropUnread:
    """Close while the body of the request is still being sent; a function cannot give it, a `Script` can.

    Args:
        after_bytes: How much of the body is read.
    """

    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """Begin an answer and close in the middle.

    Args:
        answer: What is begun.
        after_bytes: How much is sent, status line and headers included; below 0: all but so many bytes. With more than
            there is, the whole answer is sent and the connection closed without notice.
    """

    answer: Answer
    after_bytes: int


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing until the client leaves."""


@dataclass(frozen=True, slots=True)
class Drip:
    """Give an answer so slowly that it hurts.

    Args:
        answer: What is given.
        bytes_per_step: How much at a time.
        step_seconds: Pause after each step.
    """

    answer: Answer
    bytes_per_step: int
    step_seconds: float


@dataclass(frozen=True, slots=True)
class Garbage:
    """Send these bytes instead of HTTP and close."""

    data: bytes


Fault: TypeAlias = Drop | Reset | DropUnread | Cut | Hang | Drip | Garbage


def _form_part(raw: bytes) -> FormPart:
    head, _, data = raw.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    fields = _parsed(head.decode())
    name = fields.get_param("name", "", header="content-disposition")
    return FormPart(name=str(name), filename=fields.get_filename(), media_type=fields.get("content-type"), data=data)


def _parsed(head: str) -> Message:
    return Parser().parsestr(head, headersonly=True)
