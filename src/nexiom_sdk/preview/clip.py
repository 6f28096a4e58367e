"""A picture in motion, encoded: FFmpeg's filters make, move and blend the frames; Python only hands them on."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nexiom_sdk.errors import ConfigurationError, GenerationFailed, JobCancelled
from nexiom_sdk.models import lines
from nexiom_sdk.preview.fonts import FontBook, installed
from nexiom_sdk.preview.picture import opened
from nexiom_sdk.preview.title import accent, backdrop, caption, title_card, wording
from nexiom_sdk.types import AspectRatio, Resolution, VideoSpec

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame, VideoStream
    from av.container import OutputContainer
    from av.filter import FilterContext, Graph
    from PIL.Image import Image

FRAMES_PER_SECOND = 24
DEFAULT_SECONDS = 5.0
DEFAULT_RESOLUTION: Resolution = "720p"
DEFAULT_RATIO: AspectRatio = "16:9"

_TAGS = {"title": "Preview", "comment": "preview: rendered on this machine by nexiom_sdk; not AI-generated"}
_THREADS = 2
_BT709 = 1
_SAMPLES_PER_SECOND = 48_000
# A soft chord, far below speech, that comes and goes.
_CHORD = "0.02*(sin(1382*t)+sin(1742*t)+sin(2071*t))*min(1,min(t,{seconds}-t))"

_Encoder = Literal["libx264", "libopenh264"]
_ENCODERS: dict[_Encoder, dict[str, str]] = {
    # On a noisy photograph, the cheaper sub-pixel search saves a third of veryfast's CPU time at the same file size.
    "libx264": {"preset": "veryfast", "crf": "23", "x264-params": "subme=1"},
    "libopenh264": {"b": "6000000"},
}


@dataclass(frozen=True, slots=True)
class Rendering:
    """A finished preview.

    Args:
        data: The MP4.
        warnings: What of the prompt is not shown, and what would help.
    """

    data: bytes
    warnings: tuple[str, ...] = ()


def render(spec: VideoSpec, *, fonts: FontBook | None = None, cancelled: threading.Event | None = None) -> Rendering:
    """Make a preview. It blocks and takes CPU time, so run it in a thread.

    Args:
        spec: What to make. A first frame or a reference image is moved slowly; else the prompt becomes a title card.
        fonts: The fonts to use; those installed by default.
        cancelled: Set it to stop at the next frame.

    Raises:
        ConfigurationError: The extra `media` is not installed, or has no H.264 encoder.
        InvalidInput: The reference image cannot be used.
        JobCancelled: `cancelled` was set.
        GenerationFailed: The file could not be written.

    Example:
        >>> clip = render(VideoSpec(model="preview", prompt="a fox in snow", resolution="360p", duration_seconds=1))
        >>> clip.data[4:8]
        b'ftyp'
    """
    _check_extra()
    from av import FFmpegError

    size = pixel_size(spec.resolution or DEFAULT_RESOLUTION, spec.aspect_ratio or DEFAULT_RATIO)
    frames = max(1, round((spec.duration_seconds or DEFAULT_SECONDS) * FRAMES_PER_SECOND))
    ground, words, warnings = _drawn(spec, size, fonts or installed())
    try:
        with tempfile.TemporaryDirectory(prefix="nexiom-preview-") as folder:
            file = Path(folder, "preview.mp4")
            sound = _sound(frames) if spec.audio else None
            _encode(file, size, _moving(ground, words, frames), sound, cancelled or threading.Event())
            return Rendering(file.read_bytes(), warnings)
    except (FFmpegError, OSError) as error:
        hint = "Check that the temporary folder has room, then order the preview again."
        raise GenerationFailed("The preview could not be encoded.", charged="no", next_step=hint) from error


def pixel_size(resolution: Resolution, aspect_ratio: AspectRatio) -> tuple[int, int]:
    """Width and height: the resolution is the short side, and both are even.

    Example:
        >>> pixel_size("720p", "9:16"), pixel_size("480p", "16:9")
        ((720, 1280), (854, 480))
    """
    across, down = map(int, aspect_ratio.split(":"))
    short = lines(resolution)
    long = 2 * round(short * max(across, down) / min(across, down) / 2)
    return (long, short) if across > down else (short, long)


def _check_extra() -> None:
    try:
        import av  # noqa: F401 - only whether it loads
        from PIL import features

        complete = features.check("freetype2")
    except ImportError as error:
        msg = "A preview needs PyAV and Pillow, which are not installed."
        raise ConfigurationError(msg, next_step='pip install "nexiom_sdk[media]"') from error
    if not complete:
        msg = "Pillow was built without FreeType, so it cannot draw text."
        raise ConfigurationError(msg, next_step="Install Pillow from its wheel: pip install --force-reinstall pillow")


def _drawn(spec: VideoSpec, size: tuple[int, int], fonts: FontBook) -> tuple[Image, Image, tuple[str, ...]]:
    """The square that moves, the words that stand still over it, and what could not be shown."""
    side = max(2048, min(max(size) * 3 // 2, 4096), max(size)) // 8 * 8
    shown = wording(spec.prompt, fonts)
    if spec.media:
        ground = opened(spec.media[0].data or b"", shape=size, side=side)
        return ground, caption(shown, size, fonts), shown.warnings
    words = title_card(shown, size, fonts, accent=accent(spec.prompt))
    return backdrop(spec.prompt, side), words, shown.warnings


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
    sources = [_source(graph, ground, "yuv420p", moved), _source(graph, words, "yuva420p", laid, 1)]
    moved.link_to(laid)
    laid.link_to(graph.add("buffersink"))
    graph.configure()
    for source, frame in sources:
        source.push(frame)
        source.push(None)
    return _pulled(graph)


def _source(
    graph: Graph, image: Image, pixels: str, target: FilterContext, at: int = 0
) -> tuple[FilterContext, VideoFrame]:
    from av import VideoFrame

    # `from_image` would drop the alpha channel.
    solid = image.mode == "RGB"
    frame = VideoFrame.from_image(image) if solid else VideoFrame.from_bytes(image.tobytes(), *image.size)
    frame = frame.reformat(format=pixels, dst_colorspace="itu709")
    frame.pts = 0
    frame.time_base = Fraction(1, FRAMES_PER_SECOND)
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    source.link_to(target, 0, at)
    return source, frame


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except EOFError:
            return


def _sound(frames: int) -> Iterator[AudioFrame]:
    """A piece of sound for each picture."""
    from av import AudioFrame
    from av.filter import Graph

    chord = _CHORD.format(seconds=frames / FRAMES_PER_SECOND)
    each = _SAMPLES_PER_SECOND // FRAMES_PER_SECOND
    graph = Graph()
    graph.link_nodes(
        graph.add("aevalsrc", exprs=chord, s=str(_SAMPLES_PER_SECOND), n=str(each)),
        graph.add("aformat", sample_fmts="fltp", channel_layouts="stereo"),
        graph.add("abuffersink"),
    ).configure()
    while isinstance(piece := graph.pull(), AudioFrame):
        yield piece


def _encode(
    file: Path,
    size: tuple[int, int],
    pictures: Iterable[VideoFrame],
    sound: Iterable[AudioFrame] | None,
    cancelled: threading.Event,
) -> None:
    import av

    with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata.update(_TAGS)
        video = _video_track(container, size)
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=_SAMPLES_PER_SECOND, layout="stereo")
        for picture, piece in zip(pictures, sound or itertools.repeat(None)):
            if cancelled.is_set():
                raise JobCancelled("The preview was cancelled while it was made.")
            container.mux(video.encode(picture))
            if audio and piece:
                container.mux(audio.encode(piece))
        for track in filter(None, (video, audio)):
            container.mux(track.encode(None))


def _video_track(container: OutputContainer, size: tuple[int, int]) -> VideoStream:
    import av

    for name, options in _ENCODERS.items():
        if name in av.codecs_available:
            track = container.add_stream(name, rate=FRAMES_PER_SECOND, options=options)
            track.width, track.height = size
            track.pix_fmt = "yuv420p"
            track.gop_size = 2 * FRAMES_PER_SECOND
            context = track.codec_context
            context.thread_count = _THREADS
            context.colorspace = context.color_primaries = context.color_trc = context.color_range = _BT709
            return track
    msg = f"This build of PyAV has no H.264 encoder (looked for {', '.join(_ENCODERS)})."
    raise ConfigurationError(msg, next_step="Install PyAV from its wheel: pip install --force-reinstall av")
