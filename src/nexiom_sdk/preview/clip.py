"""A picture in motion, encoded: FFmpeg's filters make, move and blend the frames; Python only hands them on."""

# pyright: reportUnknownMemberType=false
# PyAV's own annotations leave parts of its signatures open.

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nexiom_sdk import media_extra
from nexiom_sdk.errors import ConfigurationError, GenerationFailed, JobCancelled

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, VideoFrame, VideoStream
    from av.container import OutputContainer
    from av.filter import FilterContext, Graph
    from PIL.Image import Image

FRAMES_PER_SECOND = 24

# The prompt is not among the tags: a file goes further than its maker thinks.
_TAGS = {"title": "Preview", "comment": "preview: rendered on this machine by nexiom_sdk; not AI-generated"}
_THREADS = 2
_BT709 = 1
_SAMPLES_PER_SECOND = 48_000
_CHORD = "0.02*(sin(1382*t)+sin(1742*t)+sin(2071*t))*min(1,min(t,{seconds}-t))"  # soft; it comes and goes

_Encoder = Literal["libx264", "libopenh264"]
_OPTIONS: dict[_Encoder, dict[str, str]] = {
    # One slow movement without cuts: many B-frames and no search for cuts take half of veryfast's CPU time and make a
    # smaller file, measured on a noisy photograph.
    "libx264": {
        "preset": "superfast",
        "crf": "23",
        "x264-params": "mbtree=1:rc-lookahead=10:bframes=5:b-adapt=0:scenecut=0",
    },
    "libopenh264": {"b": "6000000"},
}


def check_extra() -> None:
    """Look whether the extra `media` is there and whole, before any work is done.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        media_extra.load()
    except ImportError as error:
        raise media_extra.missing() from error
    import av
    from PIL import features

    if av.codecs_available.isdisjoint(_OPTIONS) or not features.check("freetype2"):
        msg = "This build of PyAV has no H.264 encoder, or this build of Pillow cannot draw text."
        raise ConfigurationError(msg, next_step="Install both from wheels: pip install --force-reinstall av pillow")


def encoded(ground: Image, words: Image, *, frames: int, sound: bool, cancelled: threading.Event) -> bytes:
    """An H.264 MP4 of the size of `words`, ready to be streamed.

    Args:
        ground: What moves: a square, stretched to the shape of the clip.
        words: What stands still over it, transparent.
        frames: Length, in frames.
        sound: Whether to add a soft chord.
        cancelled: Set it to stop at the next frame.

    Raises:
        JobCancelled: `cancelled` was set.
        GenerationFailed: The file could not be written.
    """
    from av.error import FFmpegError

    try:
        with tempfile.TemporaryDirectory(prefix="nexiom-preview-") as folder:
            file = Path(folder, "preview.mp4")
            _write(file, words.size, _moving(ground, words, frames), _chord(frames) if sound else None, cancelled)
            return file.read_bytes()
    except (FFmpegError, OSError) as error:
        hint = "Check that the temporary folder has room, then order the preview again."
        raise GenerationFailed("The preview could not be encoded.", charged="no", next_step=hint) from error


def _moving(ground: Image, words: Image, frames: int) -> Iterator[VideoFrame]:
    """A slow pan and zoom over the ground, towards its top right corner and back, under words that stand still.

    `zoompan` cuts at whole pixels, even ones because of the colour planes. A square that loses exactly two columns and
    two rows a frame needs no rounding, so nothing trembles.
    """
    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    turn = ground.width // 8
    lost = f"2*({turn}-abs(mod(on,{2 * turn})-{turn}))"
    zoom = f"iw/(iw-{lost}+0.1)"  # a little more than whole, so that cutting off the fraction is exact
    size = f"{words.width}x{words.height}"
    moved = graph.add("zoompan", z=zoom, x=f"{lost}+0.1", y="0", d=str(frames), s=size, fps=str(FRAMES_PER_SECOND))
    laid = graph.add("overlay", format="yuv420", eof_action="repeat")
    sources = [_source(graph, ground, "yuv420p", moved, 0), _source(graph, words, "yuva420p", laid, 1)]
    moved.link_to(laid)
    laid.link_to(graph.add("buffersink"))
    graph.configure()
    for source, frame in sources:
        source.push(frame)
        source.push(None)
    for _ in range(frames):
        yield graph.vpull()


def _source(
    graph: Graph, image: Image, pixels: str, target: FilterContext, at: int
) -> tuple[FilterContext, VideoFrame]:
    from av import VideoFrame

    frame = VideoFrame.from_bytes(image.convert("RGBA").tobytes(), *image.size, "rgba")
    frame = frame.reformat(format=pixels, dst_colorspace="itu709")
    frame.pts = 0
    frame.time_base = Fraction(1, FRAMES_PER_SECOND)
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    source.link_to(target, 0, at)
    return source, frame


def _chord(frames: int) -> Iterator[AudioFrame]:
    """One piece of sound for each frame."""
    from av import AudioFrame
    from av.filter import Graph

    graph = Graph()
    graph.link_nodes(
        graph.add(
            "aevalsrc",
            exprs=_CHORD.format(seconds=frames / FRAMES_PER_SECOND),
            s=str(_SAMPLES_PER_SECOND),
            n=str(_SAMPLES_PER_SECOND // FRAMES_PER_SECOND),
        ),
        graph.add("aformat", sample_fmts="fltp", channel_layouts="stereo"),
        graph.add("abuffersink"),
    ).configure()
    while isinstance(piece := graph.pull(), AudioFrame):
        yield piece


def _write(
    file: Path,
    size: tuple[int, int],
    pictures: Iterator[VideoFrame],
    chord: Iterator[AudioFrame] | None,
    cancelled: threading.Event,
) -> None:
    import av

    with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata.update(_TAGS)
        video = _video_track(container, size)
        audio = _audio_track(container) if chord else None
        for picture in pictures:
            if cancelled.is_set():
                raise JobCancelled("The preview was cancelled while it was made.")
            container.mux(video.encode(picture))
            if audio and chord:
                container.mux(audio.encode(next(chord)))
        container.mux(video.encode(None))
        if audio:
            container.mux(audio.encode(None))


def _video_track(container: OutputContainer, size: tuple[int, int]) -> VideoStream:
    import av

    encoder: _Encoder = "libx264" if "libx264" in av.codecs_available else "libopenh264"
    track = container.add_stream(encoder, rate=FRAMES_PER_SECOND, options=_OPTIONS[encoder])
    track.width, track.height = size
    track.pix_fmt = "yuv420p"
    track.gop_size = 2 * FRAMES_PER_SECOND
    context = track.codec_context
    context.thread_count = _THREADS
    context.colorspace = context.color_primaries = context.color_trc = context.color_range = _BT709
    return track


def _audio_track(container: OutputContainer) -> AudioStream:
    options = {"aac_coder": "fast"}  # the thorough search would add a quarter to the CPU time, and a chord needs none
    return container.add_stream("aac", rate=_SAMPLES_PER_SECOND, options=options, layout="stereo")
