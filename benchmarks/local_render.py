"""CPU seconds that the local provider takes for a second of 720p video: title card, and pan and zoom over a photograph.

The photograph is the worst case: 1920x1080 with noise in every pixel. Target: 0.4 CPU seconds per second of video at
24 frames a second, all threads counted.

Run: python benchmarks/local_render.py
"""

from __future__ import annotations

import io
import time

from PIL import Image

from nexiom_sdk.preview.render import render
from nexiom_sdk.types import DeliveredMedia, VideoSpec

TARGET = 0.4
SECONDS = 6.0
ROUNDS = 5
PROMPT = "A slow dolly through a neon-lit alley at night, rain on the asphalt, reflections, shallow depth of field"


def noisy_photograph() -> DeliveredMedia:
    """A gradient under strong noise, as a JPEG."""
    size = (1920, 1080)
    noise = Image.merge("RGB", [Image.effect_noise(size, 50) for _ in range(3)])
    light = Image.radial_gradient("L").resize(size)
    picture = Image.blend(noise, Image.merge("RGB", [light, light.transpose(Image.Transpose.ROTATE_180), light]), 0.6)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return DeliveredMedia(role="first_frame", media_type="image/jpeg", data=file.getvalue())


def measured(spec: VideoSpec) -> tuple[float, float, int]:
    """CPU and wall seconds per second of video (the best round), and the size of the file."""
    rounds: list[tuple[float, float, int]] = []
    for _ in range(ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        data = render(spec).data
        rounds.append(((time.process_time() - cpu) / SECONDS, (time.perf_counter() - wall) / SECONDS, len(data)))
    return min(rounds)


def main() -> None:
    """Print the table."""
    plain = VideoSpec(model="preview", prompt=PROMPT, duration_seconds=SECONDS, resolution="720p", aspect_ratio="16:9")
    photograph = plain.evolve(media=(noisy_photograph(),))
    render(plain.evolve(duration_seconds=1.0))  # imports and the search for fonts are paid once per process
    print(f"{'720p, 24 fps, ' + f'{SECONDS:g} s':34} {'CPU s/s':>8} {'wall s/s':>9} {'KiB':>6}   target {TARGET}")
    for name, spec in (
        ("title card", plain),
        ("title card with sound", plain.evolve(audio=True)),
        ("pan and zoom over a noisy picture", photograph),
        ("the same with sound", photograph.evolve(audio=True)),
    ):
        cpu, wall, size = measured(spec)
        print(f"{name:34} {cpu:8.3f} {wall:9.3f} {size / 1024:6.0f}   {'met' if cpu <= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()
