from __future__ import annotations

import io
import itertools
import sys
import tempfile
import threading
from pathlib import Path

import av
import pytest
from av import VideoFrame
from PIL import Image, ImageChops, ImageDraw

from made_fonts import made_font
from nexiom_sdk.errors import ConfigurationError, GenerationFailed, InvalidInput, JobCancelled
from nexiom_sdk.models import lines
from nexiom_sdk.preview import clip
from nexiom_sdk.preview.fonts import FontBook
from nexiom_sdk.preview.render import pixel_size, render
from nexiom_sdk.types import ASPECT_RATIOS, RESOLUTIONS, AspectRatio, DeliveredMedia, Resolution, VideoSpec

PROMPT = "a fox in snow, canary 7f3a"


def spec(**changes: object) -> VideoSpec:
    return VideoSpec(model="preview", prompt=PROMPT, resolution="360p", duration_seconds=1.0).evolve(**changes)


def reference(picture: Image.Image) -> tuple[DeliveredMedia, ...]:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return (DeliveredMedia(role="first_frame", media_type="image/png", data=file.getvalue()),)


def frames(data: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(data), "r") as container:
        return [seen(frame) for frame in container.decode(video=0)]


def seen(frame: VideoFrame) -> Image.Image:
    (plane,) = frame.reformat(format="rgb24").planes
    return Image.frombytes("RGB", (frame.width, frame.height), bytes(plane), "raw", "RGB", plane.line_size)


def difference(one: Image.Image, other: Image.Image) -> float:
    pairs = zip(one.convert("L").tobytes(), other.convert("L").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (one.width * one.height)


@pytest.mark.parametrize(("resolution", "ratio"), [*itertools.product(RESOLUTIONS, ASPECT_RATIOS)])
def test_the_resolution_is_the_short_side_and_the_ratio_holds(resolution: Resolution, ratio: AspectRatio) -> None:
    width, height = pixel_size(resolution, ratio)
    across, down = map(int, ratio.split(":"))
    assert min(width, height) == lines(resolution)
    assert width % 2 == height % 2 == 0
    assert abs(max(width, height) - min(width, height) * max(across, down) / min(across, down)) <= 1
    assert (width > height) == (across > down)


@pytest.mark.parametrize(
    ("resolution", "ratio", "expected"),
    [
        ("720p", "16:9", (1280, 720)),
        ("720p", "9:16", (720, 1280)),
        ("720p", "1:1", (720, 720)),
        ("720p", "21:9", (1680, 720)),
        ("480p", "16:9", (854, 480)),
        ("2160p", "16:9", (3840, 2160)),
    ],
)
def test_well_known_sizes(resolution: Resolution, ratio: AspectRatio, expected: tuple[int, int]) -> None:
    assert pixel_size(resolution, ratio) == expected


@pytest.mark.parametrize(("seconds", "count"), [(1.0, 24), (1.5, 36), (2.04, 49), (3.0, 72)])
def test_the_length_is_exact_to_one_frame(seconds: float, count: int) -> None:
    with av.open(io.BytesIO(render(spec(duration_seconds=seconds)).data), "r") as container:
        video = container.streams.video[0]
        assert video.average_rate == 24
        assert [frame.time for frame in container.decode(video)] == pytest.approx(
            [number / 24 for number in range(count)]
        )
        assert container.duration == pytest.approx(count / 24 * 1e6, abs=1)


@pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1"])
def test_it_is_h264_of_the_asked_size_with_its_index_in_front(ratio: AspectRatio) -> None:
    data = render(spec(aspect_ratio=ratio)).data
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    with av.open(io.BytesIO(data), "r") as container:
        (stream,) = container.streams
        video = container.streams.video[0]
        assert stream is video
        assert (video.width, video.height) == pixel_size("360p", ratio)
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")


def test_unset_fields_are_720p_16_9_and_5_seconds() -> None:
    with av.open(io.BytesIO(render(VideoSpec(model="preview", prompt="x")).data), "r") as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.frames) == (1280, 720, 120)


@pytest.mark.parametrize("audio", [None, False])
def test_it_is_silent_unless_sound_is_asked_for(audio: object) -> None:
    with av.open(io.BytesIO(render(spec(audio=audio)).data), "r") as container:
        assert not container.streams.audio


def test_sound_is_soft_stereo_of_the_same_length() -> None:
    with av.open(io.BytesIO(render(spec(audio=True, duration_seconds=2.0)).data), "r") as container:
        audio, video = container.streams.audio[0], container.streams.video[0]
        assert (audio.codec_context.name, audio.codec_context.layout.name) == ("aac", "stereo")
        assert audio.duration is not None
        assert video.duration is not None
        assert audio.time_base is not None
        assert video.time_base is not None
        assert audio.duration * audio.time_base == video.duration * video.time_base == 2
        volume = max(
            abs(sample)
            for frame in container.decode(audio)
            for sample in memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]
        )
        assert 0.01 < volume < 0.1


def test_the_file_says_preview_and_keeps_the_prompt_to_itself() -> None:
    data = render(spec()).data
    with av.open(io.BytesIO(data), "r") as container:
        assert container.metadata["title"] == "Preview"
        assert container.metadata["comment"].startswith("preview")
        assert "not AI" in container.metadata["comment"]
    assert b"canary" not in data


def test_the_title_card_moves_and_its_words_stand_still() -> None:
    first, *_, last = frames(render(spec(duration_seconds=2.0)).data)
    assert first.convert("L").getextrema() not in {(0, 0), (255, 255)}
    assert 0.3 < difference(first, last) < 20

    def words(frame: Image.Image) -> Image.Image:
        return frame.convert("L").point(lambda level: 255 if level > 220 else 0)

    changed = ImageChops.difference(words(first), words(last)).histogram()[255]
    assert changed < words(first).histogram()[255] / 4  # the encoder dims a few edges; moved words would change most


def test_a_reference_fills_the_frame_and_is_moved_slowly() -> None:
    picture = Image.new("RGB", (400, 300), (200, 40, 40))
    ImageDraw.Draw(picture).rectangle((200, 0, 400, 300), fill=(40, 40, 200))
    first, second, *_, last = frames(render(spec(media=reference(picture), duration_seconds=2.0)).data)

    def edge(frame: Image.Image) -> int:
        row = [frame.getpixel((x, 100)) for x in range(frame.width)]
        return next(x for x, pixel in enumerate(row) if isinstance(pixel, tuple) and pixel[2] > pixel[0])

    assert edge(first) == pytest.approx(320, abs=2)
    assert edge(second) == pytest.approx(320, abs=2)
    assert 290 < edge(last) < 310
    assert first.getpixel((2, 200)) != (0, 0, 0)
    assert first.getpixel((637, 200)) != (0, 0, 0)


def test_the_movement_does_not_tremble() -> None:
    ground = Image.new("RGB", (1536, 1536))
    ImageDraw.Draw(ground).ellipse((740, 700, 796, 800), fill="white")
    middles = []
    for frame in clip._moving(ground, Image.new("RGBA", (640, 360)), 24):
        belt = seen(frame).convert("L").crop((0, 150, 640, 220)).resize((640, 1), Image.Resampling.BOX).tobytes()
        middles.append(sum(x * level for x, level in enumerate(belt)) / sum(belt))
    steps = [after - before for before, after in itertools.pairwise(middles)]
    assert all(-0.6 < step < -0.3 for step in steps)
    assert max(steps) - min(steps) < 0.1


def test_a_long_clip_comes_back_to_where_it_began() -> None:
    ground = Image.linear_gradient("L").resize((64, 64)).convert("RGB").rotate(90)
    made = [seen(frame) for frame in clip._moving(ground, Image.new("RGBA", (64, 36)), 17)]
    assert difference(made[0], made[8]) > 5
    assert difference(made[0], made[16]) < 0.5


def test_python_makes_no_picture_per_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    made = itertools.count()
    real = Image.Image.__init__

    def counted(self: Image.Image) -> None:
        next(made)
        real(self)

    monkeypatch.setattr(Image.Image, "__init__", counted)
    counts = []
    for seconds in (1.0, 1.0, 4.0):  # the first one also fills the cache of what fonts cover
        before = next(made)
        render(spec(duration_seconds=seconds, media=reference(Image.new("RGB", (64, 64)))))
        counts.append(next(made) - before)
    assert counts[1] == counts[2] > 1


class Countdown(threading.Event):
    """Is set when it has been asked often enough."""

    def __init__(self, asks: int) -> None:
        super().__init__()
        self.asks = asks

    def is_set(self) -> bool:
        self.asks -= 1
        return self.asks < 0


def test_a_cancelled_preview_stops_at_the_next_frame() -> None:
    countdown = Countdown(3)
    with pytest.raises(JobCancelled):
        render(spec(duration_seconds=60.0), cancelled=countdown)
    assert countdown.asks == -1


def test_a_full_or_missing_temporary_folder_is_said_in_our_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(GenerationFailed, match="could not be encoded") as caught:
        render(spec())
    assert caught.value.charged == "no"


@pytest.mark.parametrize("name", ["av", "PIL"])
def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError) as caught:
        render(spec())
    assert caught.value.next_step == 'Run pip install "nexiom_sdk[media]".'


def test_a_build_without_an_encoder_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with pytest.raises(ConfigurationError, match=r"no H\.264 encoder"):
        render(spec())


def test_a_font_that_vanishes_does_not_fail_the_preview(tmp_path: Path) -> None:
    font = made_font(tmp_path / "chinese.ttf", dict.fromkeys("電影", 900))
    book = FontBook([font])
    assert render(spec(prompt="電影"), fonts=book).warnings == ()
    font.unlink()
    assert "neutral" in render(spec(prompt="電影"), fonts=book).warnings[0]


def test_a_broken_reference_is_invalid_input() -> None:
    broken = DeliveredMedia(role="first_frame", media_type="image/png", data=b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InvalidInput):
        render(spec(media=(broken,)))
