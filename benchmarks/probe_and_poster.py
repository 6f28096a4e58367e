"""CPU time of the look at a finished video, in milliseconds per second of video, and as a share of decoding it.

The clip moves and has noise, at about the bits that providers send. `probe` needs no extra; `examined` is all that a
result goes through with the extra `media`: probe, a whole decoding, the looks for black and still pictures, the poster.
Target: no more than 1.25 times PyAV decoding the same file alone, in one thread, in the same run.

Run: python benchmarks/probe_and_poster.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageFilter

from nexiom_sdk.media import examined, probe

TARGET = 1.25
SECONDS, RATE = 8, 24
LONG_SECONDS = 40
ROUNDS = 5
SIZES = ((1280, 720, 6_000_000), (1920, 1080, 12_000_000))


def write(file: Path, width: int, height: int, bits: int, seconds: int) -> None:
    """A photograph that glides by under changing noise."""
    noise = Image.merge("RGB", [Image.effect_noise((width, height), 60) for _ in range(3)])
    ground = noise.filter(ImageFilter.GaussianBlur(3))
    grains = [Image.effect_noise((width, height), 40).convert("RGB") for _ in range(5)]
    with av.open(str(file), "w", options={"movflags": "faststart"}) as out:
        track = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        assert isinstance(track, av.VideoStream)
        track.width, track.height, track.pix_fmt, track.bit_rate = width, height, "yuv420p", bits
        for number in range(seconds * RATE):
            moved = ground.transform(ground.size, Image.Transform.AFFINE, (1, 0, number % 400, 0, 1, 0))
            frame = av.VideoFrame.from_image(Image.blend(moved, grains[number % 5], 0.1))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(track.encode(frame))
        out.mux(track.encode())


def decode(file: Path) -> None:
    """What PyAV takes for all pictures, in one thread."""
    with av.open(str(file)) as container:
        track = container.streams.video[0]
        track.codec_context.thread_count = 1
        for _ in container.decode(track):
            pass


def cpu_ms(work: Callable[[Path], object], file: Path) -> float:
    """The least of some rounds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work(file)
        rounds.append((time.process_time() - begin) * 1000)
    return min(rounds)


def main() -> None:
    """Print the table."""
    print("probe: ms in all; decode and examined: ms of CPU for each second of video")
    print(f"{'clip':>22} {'Mbit/s':>7} {'probe':>9} {'decode':>8} {'examined':>9} {'ratio':>6}   target {TARGET}")
    with tempfile.TemporaryDirectory() as folder:
        for width, height, bits in SIZES:
            for seconds in (SECONDS, LONG_SECONDS):
                file = Path(folder, "clip.mp4")
                write(file, width, height, bits, seconds)
                probed, decoded, whole = (cpu_ms(work, file) for work in (probe, decode, examined))
                rate = file.stat().st_size * 8 / seconds / 1e6
                met = "met" if whole <= decoded * TARGET else "MISSED"
                print(
                    f"{f'{width}x{height}, {seconds} s':>22} {rate:7.1f} {probed:9.2f} {decoded / seconds:8.1f} "
                    f"{whole / seconds:9.1f} {whole / decoded:6.2f}   {met}"
                )


if __name__ == "__main__":
    main()
