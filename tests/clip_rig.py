"""Clips for tests, encoded for real: what moves in them, and what does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFilter

SIZE = (640, 360)
RATE = 24


def clip(
    file: Path,
    pictures: Iterable[Image.Image],
    *,
    codec: str = "libx264",
    muxer: Mapping[str, str] | None = None,
    rate: int = RATE,
    **options: object,
) -> Path:
    """The pictures as a video, so many a second."""
    with av.open(str(file), "w", options=dict(muxer or {})) as out:
        track = out.add_stream(codec, rate=rate, options={name: str(value) for name, value in options.items()})
        assert isinstance(track, av.VideoStream)
        track.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            if number == 0:
                track.width, track.height = picture.size
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, rate)
            out.mux(track.encode(frame))
        out.mux(track.encode())
    return file


def _photograph() -> Image.Image:
    noise = Image.merge("RGB", [Image.effect_noise(SIZE, 60) for _ in range(3)]).filter(ImageFilter.GaussianBlur(2))
    light = Image.radial_gradient("L").resize(SIZE)
    return Image.blend(noise, Image.merge("RGB", [light, light, light]), 0.6)


PHOTOGRAPH = _photograph()
BLACK = Image.new("RGB", SIZE)


def _noise(strength: int) -> Iterator[Image.Image]:
    return itertools.cycle([Image.effect_noise(SIZE, strength) for _ in range(7)])


def panned(by: float) -> Image.Image:
    return PHOTOGRAPH.transform(SIZE, Image.Transform.AFFINE, (1, 0, by, 0, 1, 0))


def _with_spot(ground: Image.Image, at: tuple[float, float, float, float], colour: tuple[int, int, int]) -> Image.Image:
    picture = ground.copy()
    ImageDraw.Draw(picture).ellipse(at, fill=colour)
    return picture


def frozen(n: int) -> Iterator[Image.Image]:
    return (PHOTOGRAPH for _ in range(n))


def black(n: int) -> Iterator[Image.Image]:
    return (BLACK for _ in range(n))


def noisy_black(n: int) -> Iterator[Image.Image]:
    noise = itertools.islice(_noise(4), n)
    return (one.point(lambda level: max(0, level - 126)).convert("RGB") for one in noise)


def frozen_later(n: int) -> Iterator[Image.Image]:
    """The first third moves, the rest stands still."""
    return (panned(3 * min(number, n // 3)) for number in range(n))


def frozen_for_a_while(n: int) -> Iterator[Image.Image]:
    """It stands still for the first half."""
    return (panned(3 * max(number - n // 2, 0)) for number in range(n))


def slow_object(n: int) -> Iterator[Image.Image]:
    """A static camera; something small moves a quarter of a pixel a frame."""
    for number in range(n):
        x = 200 + number / 4
        yield _with_spot(PHOTOGRAPH, (x, 150, x + 14, 164), (150, 140, 120))


def candle(n: int) -> Iterator[Image.Image]:
    for number in range(n):
        height = 8 + 3 * math.sin(number)
        yield _with_spot(BLACK, (300, 150 - height, 306, 150 + height), (230, 200, 120))


def night(n: int) -> Iterator[Image.Image]:
    """Hardly any light, and a lamp that goes by."""
    dark = PHOTOGRAPH.point(lambda level: level // 14 + 2)
    return (_with_spot(dark, (100 + number, 150, 105 + number, 155), (60, 55, 40)) for number in range(n))


def dusk(n: int) -> Iterator[Image.Image]:
    """Dark everywhere, without a lamp."""
    return (panned(number).point(lambda level: level // 9) for number in range(n))


def grain(n: int) -> Iterator[Image.Image]:
    """A still photograph under film grain."""
    return (Image.blend(PHOTOGRAPH, one.convert("RGB"), 0.1) for one in itertools.islice(_noise(60), n))


def slow_zoom(n: int) -> Iterator[Image.Image]:
    width, height = SIZE
    for number in range(n):
        lost = number * 0.0003
        window = (1 - lost, 0, lost * width / 2, 0, 1 - lost, lost * height / 2)
        yield PHOTOGRAPH.transform(SIZE, Image.Transform.AFFINE, window, Image.Resampling.BICUBIC)


def smooth_pan(n: int) -> Iterator[Image.Image]:
    """A fifth of a pixel a frame over a picture without any detail."""
    smooth = Image.linear_gradient("L").rotate(90).resize(SIZE, Image.Resampling.BICUBIC).convert("RGB")
    for number in range(n):
        yield smooth.transform(SIZE, Image.Transform.AFFINE, (1, 0, number / 5, 0, 1, 0), Image.Resampling.BICUBIC)


def slow_fade(n: int) -> Iterator[Image.Image]:
    return (Image.blend(PHOTOGRAPH, BLACK, 0.3 * number / n) for number in range(n))


def faded_in(n: int) -> Iterator[Image.Image]:
    """Black for the first third, then a picture that moves."""
    return (BLACK if number < n // 3 else panned(number) for number in range(n))


def with_one_black_frame(n: int) -> Iterator[Image.Image]:
    return (BLACK if number == n // 2 else panned(number) for number in range(n))


def static(n: int) -> Iterator[Image.Image]:
    """The noise of a television without a station."""
    return (one.convert("RGB") for one in itertools.islice(_noise(80), n))


Motion = Callable[[int], Iterator[Image.Image]]
AS_THEY_SHOULD_BE: tuple[Motion, ...] = (
    slow_object,
    candle,
    night,
    dusk,
    grain,
    slow_zoom,
    smooth_pan,
    slow_fade,
    faded_in,
    with_one_black_frame,
    frozen_for_a_while,
    static,
)
