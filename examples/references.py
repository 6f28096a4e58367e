"""A photo goes in without its place, and is made to fit a model that is particular about sizes.

Run it with `python examples/references.py`. It needs no key: the photo is drawn here, and the provider is one that only
pretends (`pip install "nexiom_sdk[media]"` for drawing and fitting).
"""

from __future__ import annotations

import asyncio
import io

from PIL import Image

from nexiom_sdk import Media, Settings, Studio, VideoRequest
from nexiom_sdk.cards import MediaLimits
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.storage import input_key
from nexiom_sdk.testing import FakeProvider, fake_card

GPS = 0x8825


def photo() -> bytes:
    """A photo of 3000x2000 pixels that says where it was taken."""
    exif = Image.Exif()
    exif[GPS] = {1: "N", 2: (47.0, 22.0, 12.0), 3: "E", 4: (8.0, 32.0, 24.0)}
    out = io.BytesIO()
    Image.new("RGB", (3000, 2000), "orange").save(out, "JPEG", exif=exif)
    return out.getvalue()


def place_in(picture: bytes) -> str:
    """Whether a picture tells where it was taken."""
    with Image.open(io.BytesIO(picture)) as opened:
        return "with its place" if opened.getexif().get_ifd(GPS) else "without a place"


async def stored(studio: Studio, job: GenerationJob) -> bytes:
    """What the bucket `inputs` has of a job's picture."""
    key = input_key(job.reference_media_path or "")
    return b"".join([chunk async for chunk in studio.store.open(key)])


async def main() -> None:
    """Submit a photo as it is, which is refused, and then so that it may be fitted."""
    # The first frame must have exactly the size of the video, as OpenAI's API had it.
    card = fake_card(media_limits={"image": MediaLimits(same_size_as_video=True)})
    provider = FakeProvider("acme", models=[card]).succeed()
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", lambda config, /, *, http=None: provider)  # noqa: ARG005 - a factory takes both
    wish = VideoRequest(prompt="slow zoom", model="acme/fake-1", resolution="720p", aspect_ratio="16:9")
    taken = photo()
    print(f"handed in {place_in(taken)}")
    async with Studio(settings=Settings.from_env(), registry=registry) as studio:
        try:
            await studio.submit(wish.evolve(media=(Media.from_bytes(taken),)))
        except InvalidInput as error:
            print(f"refused: {error}")
        job = await studio.submit(wish.evolve(media=(Media.from_bytes(taken, fit=True),)), user_id="u1")
        print(*job.warnings, sep="\n")
        print(f"kept {place_in(await stored(studio, job))}")
        done = await studio.wait(job.id)
        sent = provider.submissions[0].spec.media[0].data or b""
        with Image.open(io.BytesIO(sent)) as opened:
            print(f"sent {opened.width}x{opened.height} {place_in(sent)}")
        print(f"stored: {done.url}")


if __name__ == "__main__":
    asyncio.run(main())
