"""References for tests: pictures, a web to fetch them from, and stores with and without web addresses."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator

from PIL import Image

from nexiom_sdk import Media, VideoRequest
from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.errors import NexiomError, ObjectNotFound
from nexiom_sdk.models import ModelCard
from nexiom_sdk.references import MOST_BYTES
from nexiom_sdk.testing import fake_card
from nexiom_sdk.types import DeliveredMedia

URL = "https://example.com/fox.png?signature=CANARY"


def picture(kind: str = "PNG", size: tuple[int, int] = (33, 21), *, noise: bool = False) -> bytes:
    out = io.BytesIO()
    plain = Image.new("RGB", size, "orange")
    (Image.frombytes("RGB", size, random.Random(7).randbytes(3 * size[0] * size[1])) if noise else plain).save(
        out, kind
    )
    return out.getvalue()


FOX = picture()


class Web:
    """The web as `open_url` sees it: pages by address, each of them bytes or trouble."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | NexiomError] = {URL: FOX}
        self.opened: list[str] = []

    async def open_url(self, url: str, /, *, max_bytes: int) -> AsyncIterator[bytes]:
        assert max_bytes in MOST_BYTES.values()
        self.opened.append(url)
        page = self.pages[url]
        if isinstance(page, NexiomError):
            raise page
        for start in range(0, len(page), 16):
            yield page[start : start + 16]


class WebStore(MemoryStore):
    """A store with web addresses; it counts how often it is asked for one."""

    asked = 0

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        self.asked += 1
        return f"https://store.example/{key}?for={ttl_seconds:.0f}"


class GoogleStore(MemoryStore):
    """A store on Google Cloud Storage, or one that could be."""

    def __init__(self, place: str | None) -> None:
        super().__init__()
        self._place = place

    def cloud_address(self, key: str, /) -> str | None:
        return None if self._place is None else f"{self._place}/{key}"


class WebFiles(LocalFiles):
    """A folder whose files have web addresses."""

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        return f"https://store.example/{key}"


class FileStore(MemoryStore):
    """A store whose addresses mean something on this machine only."""

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        return f"file:///store/{key}"


class ChoosyStore(WebStore):
    """A store that gives no address of what it does not hold."""

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        if await self.stat(key) is None:
            raise ObjectNotFound(f"There is no object '{key}' in the store.")
        return await super().url(key, ttl_seconds=ttl_seconds)


async def put(store: MemoryStore, path: str, data: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield data

    await store.put(f"inputs/{path}", chunks(), media_type="image/png")


def asked_for(media: Media) -> VideoRequest:
    return VideoRequest(prompt="a fox", media=(media,))


def card_for(*delivery: str, **changes: object) -> ModelCard:
    return fake_card(delivery=frozenset(delivery), **changes)


def form_of(sent: DeliveredMedia) -> str:
    """How a reference reached the adapter: as its bytes, as our store's address, or as the user's own."""
    if sent.data is not None:
        assert (sent.data, sent.media_type, sent.url) == (FOX, "image/png", None)
        return "the bytes"
    assert sent.url is not None
    if sent.url == URL:
        return "the user's address"
    assert sent.url.startswith("https://store.example/inputs/")
    return "the store's address"
