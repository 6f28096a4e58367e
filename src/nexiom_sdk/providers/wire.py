"""What an adapter describes and what it reads: a call and its reply, without any HTTP library.

Both are plain values, so a test of an adapter needs no network: make a `Reply`, look at what is read from it.
"""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from nexiom_sdk.errors import MalformedResponse
from nexiom_sdk.providers.retry_after import retry_after_seconds
from nexiom_sdk.redaction import redact
from nexiom_sdk.types import DeliveredMedia
from nexiom_sdk.wording import printable

T = TypeVar("T")

Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]

_log = logging.getLogger(__name__)

_LONGEST_EXCERPT = 200
_LONGEST_STATUS = 60
_LONGEST_ID = 100
_LOOKED_AT_BYTES = 8192  # of a body, for an excerpt: secrets go before anything is cut
_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid")


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


Maybe: TypeAlias = Annotated[T | None, WrapValidator(_or_none)]
"""A field that counts as missing where it is something else than it should be: no job is lost for a strange detail."""


class Body(BaseModel):
    """Base of the private models of replies: only the fields that are used, everything else ignored."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def of_json(cls, body: bytes) -> Self:
        """What these bytes say.

        Raises:
            ValidationError: They are something else.
        """
        return cls.model_validate_json(body)

    @classmethod
    def read_or_none(cls, body: bytes) -> Self | None:
        """What these bytes say, or None if they are something else."""
        try:
            return cls.of_json(body)
        except ValidationError:
            return None

    def __repr__(self) -> str:  # a reply holds signed addresses, and tracebacks show local variables
        return f"{type(self).__name__}()"


B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file in a multipart body.

    Args:
        name: Name of the field.
        filename: Name of the file.
        media_type: Its type.
        data: Its bytes.
    """

    name: str
    filename: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Call:
    """One HTTP call, described.

    Args:
        method: GET, POST, PUT or DELETE.
        path: Path below the adapter's `base_url`, or a whole address.
        query: Query parameters; one with several values is repeated.
        headers: Headers besides the adapter's constant ones and the signature.
        json: A JSON body.
        form: Text fields of a multipart body.
        files: Files of a multipart body; they follow the text fields.
        signed: With the key of the origin it goes to; there is none for an origin that the adapter did not name.
        any_status: The reader wants to see refusals too, instead of having them raised.
        timeout_seconds: Longest time for the whole call; None: `HttpOptions.call_timeout_seconds`.
        max_bytes: Largest reply; None: `HttpOptions.max_json_bytes`. For replies that hold the file itself.

    Example:
        >>> Call("GET", f"/videos/{segment('a/b')}")
        Call(GET /videos/a%2Fb)
    """

    method: Method
    path: str
    _: KW_ONLY
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict[str, str | Sequence[str]])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    json: JsonValue | None = None
    form: Mapping[str, str] | None = None
    files: tuple[Part, ...] = ()
    signed: bool = True
    any_status: bool = False
    timeout_seconds: float | None = None
    max_bytes: int | None = None

    def __repr__(self) -> str:
        return f"Call({self.method} {redact(self.path)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, whole.

    Args:
        provider: Whose reply it is, for errors.
        status: HTTP status.
        headers: By lower-case name.
        body: Decoded bytes.
        received_at: When it came.
        secrets: What must not be shown of it.
    """

    provider: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the range that HTTP defines

    @property
    def request_id(self) -> str | None:
        """The provider's id of the exchange, for its support."""
        found = next((self.headers[name] for name in _REQUEST_IDS if name in self.headers), None)
        return None if found is None else printable(redact(found, self.secrets), _LONGEST_ID)

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the provider asks us to wait."""
        return retry_after_seconds(self.headers, self.received_at)

    @property
    def excerpt(self) -> str:
        """The beginning of the body, made safe to print."""
        text = redact(self.body[:_LOOKED_AT_BYTES].decode("utf-8", "replace"), self.secrets)
        return printable(text, _LONGEST_EXCERPT)

    def read(self, shape: type[B]) -> B:
        """The body as one of the adapter's private models.

        Raises:
            MalformedResponse: It is something else.
        """
        try:
            return shape.of_json(self.body)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # Raised outside of the handler: pydantic's own error would carry the body along.
        page = self.body.lstrip()[:1] == b"<"
        where = ".".join(map(str, problem["loc"]))
        said = "a web page, not JSON (a proxy or an outage?)" if page else "something unexpected"
        detail = f"{where}: {problem['msg']}; " if where else ""
        msg = f"{self.provider} answered {self.status} with {said}: {detail}{self.excerpt or 'an empty body'}"
        raise MalformedResponse(msg, provider=self.provider, status=self.status, request_id=self.request_id)

    def read_or_none(self, shape: type[B]) -> B | None:
        """The body as one of the adapter's private models, or None if it is something else."""
        return shape.read_or_none(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of a reply; its body follows in chunks.

    Args:
        status: HTTP status.
        headers: By lower-case name.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no reply, or no whole one.

    Args:
        reason: In a few words.
        left: Whether the request, or a part of it, may have reached the server.
        unsafe: The address must not be opened.
        too_large: The reply broke its cap.
    """

    reason: str
    left: bool
    unsafe: bool = False
    too_large: bool = False


@functools.lru_cache(maxsize=256)
def warn_of_status(provider: str, status: str) -> None:
    """Say once that a status is new here; the order counts as running.

    Args:
        provider: Whose status it is.
        status: The word.
    """
    _log.warning(
        "%s reports a status that is not known here: %s",
        provider,
        printable(status, _LONGEST_STATUS),
        extra={"action": "unknown_status"},
    )


def segment(text: str) -> str:
    """Text of a stranger as one segment of a path: it can neither end it nor climb out of it.

    Example:
        >>> segment("../models?x=1"), segment("..")
        ('..%2Fmodels%3Fx%3D1', '%2E%2E')
    """
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


def base64_text(media: DeliveredMedia) -> str:
    """The bytes of a reference as base64; empty where it is an address."""
    return base64.b64encode(media.data or b"").decode("ascii")


def address(media: DeliveredMedia) -> str:
    """The address of a reference; its bytes become a data URI.

    Example:
        >>> address(DeliveredMedia(role="first_frame", media_type="image/png", data=b"abc"))
        'data:image/png;base64,YWJj'
    """
    return media.url or f"data:{media.media_type};base64,{base64_text(media)}"
