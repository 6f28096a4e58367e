"""From a prompt to a stored video, with asyncio.

Run it with `python examples/generate.py`. It needs no key: the provider `local` draws a preview on this machine
(`pip install "nexiom_sdk[media]"`). For a real video, set a provider's key and leave `provider="local"` out.
"""

from __future__ import annotations

import asyncio

from nexiom_sdk import Studio, VideoRequest


async def main() -> None:
    """Ask for the price, make the video, and tell what came of it."""
    request = VideoRequest(prompt="a fox in snow", provider="local", duration_seconds=2, resolution="360p")
    async with Studio.from_env() as studio:
        print(studio.estimate(request).explain())
        result = await studio.generate(request)
    print(f"{result.probe.width}x{result.probe.height}, {result.probe.duration_seconds:g} s: {result.url}")


if __name__ == "__main__":
    asyncio.run(main())
