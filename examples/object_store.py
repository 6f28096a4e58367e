"""Videos go into an object store, here one of obstore's that lives in memory; nothing else changes.

Run it with `python examples/object_store.py`; no account is needed. In earnest the store is an address:
NEXIOM_STORE_URL=s3://bucket/folder?region=eu-central-1, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from obstore.store import MemoryStore

from nexiom_sdk import Settings, Studio
from nexiom_sdk.backends.object_store import CloudStore


async def main() -> None:
    """Make a video, and look at what the store holds."""
    async with (
        aclosing(CloudStore(MemoryStore(), prefix="nexiom")) as store,
        Studio(settings=Settings.from_env(), store=store) as studio,
    ):
        await studio.generate("a fox in snow", provider="local", duration_seconds=1)
        async for info in store.list("outputs/"):
            read = sum([len(chunk) async for chunk in store.open(info.key)])
            print(f"stored: {info.key}, {info.size_bytes} bytes, {read} read back")


if __name__ == "__main__":
    asyncio.run(main())
