"""How a request proves who sends it: schemes that sign a described request and know nothing of any HTTP library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A request as it is about to be sent.

    Args:
        method: Such as POST.
        url: The whole address.
        headers: What is sent besides the signature.
        body: The bytes of the body; empty unless the scheme `needs_body`.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)


class Auth(Protocol):
    """A scheme. It does no network calls; it may wait, where a token comes from somewhere else."""

    needs_body: ClassVar[bool]

    async def sign(self, request: Unsigned, /) -> Mapping[str, str]:
        """The headers that prove who sends this request."""
        ...


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """A key that goes into one header as it is.

    Args:
        key: The key.
        header: Name of the header.
        prefix: What stands before the key.

    Example:
        >>> import asyncio
        >>> request = Unsigned(method="GET", url="https://api.example/v1/videos/7")
        >>> asyncio.run(HeaderKey(SecretStr("not-a-real-key")).sign(request))
        {'Authorization': 'Bearer not-a-real-key'}
    """

    key: SecretStr
    header: str = "Authorization"
    prefix: str = "Bearer "

    needs_body: ClassVar[bool] = False

    async def sign(self, request: Unsigned, /) -> Mapping[str, str]:  # noqa: ARG002 - the same for every request
        """The header with the key."""
        return {self.header: self.prefix + self.key.get_secret_value()}
