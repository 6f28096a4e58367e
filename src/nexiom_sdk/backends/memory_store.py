"""Bytes in this process: for tests and for trying things out. Nothing outlives the program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Self

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.errors import ConfigurationError, ObjectNotFound
from nexiom_sdk.storage import ObjectInfo, checked_key, in_chunks
from nexiom_sdk.wording import printable


class MemoryStore:
    """Bytes in a dictionary.

    Args:
        clock: Time; None: the machine's.

    Example:
        >>> import asyncio
        >>> asyncio.run(MemoryStore().stat("inputs/u1/fox.png")) is None
        True
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._objects: dict[str, tuple[ObjectInfo, bytes]] = {}

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:
        """An empty store for the URL `memory://`."""
        check_url(url)
        return cls(clock=clock)

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        data = b"".join([chunk async for chunk in chunks])
        info = ObjectInfo(
            key=checked_key(key), size_bytes=len(data), media_type=media_type, modified_at=self._clock.now()
        )
        self._objects[key] = (info, data)
        return info

    async def open(self, key: str, /) -> AsyncIterator[bytes]:
        if checked_key(key) not in self._objects:
            msg = f"There is no object '{key}' in the store."
            raise ObjectNotFound(msg)
        async for chunk in in_chunks(self._objects[key][1]):
            yield chunk

    async def stat(self, key: str, /) -> ObjectInfo | None:
        found = self._objects.get(checked_key(key))
        return found[0] if found else None

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:  # noqa: ARG002 - part of the contract
        """None: nobody else can read this process."""
        checked_key(key)
        return None

    async def delete(self, key: str, /) -> None:
        self._objects.pop(checked_key(key), None)

    async def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:
        for key in sorted(self._objects):
            if key.startswith(prefix):
                yield self._objects[key][0]

    async def aclose(self) -> None:
        """Nothing is held."""


def check_url(url: str) -> None:
    """Let `memory://` pass: there is only one kind of memory.

    Raises:
        ConfigurationError: The URL says more.
    """
    if url.rstrip("/") != "memory:":
        msg = f"'{printable(url, 80)}' names nothing in memory."
        raise ConfigurationError(msg, next_step="Use memory:// without anything behind it.")
