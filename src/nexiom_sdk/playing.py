"""Plays a finished video once, with the extra `media`: does it play to its end, what is to be seen, a still picture.

A short clip is decoded whole; of a long one, single pictures from all over it and its last second. What a file claims
costs no memory: pictures larger than 4K are not decoded, and of smaller ones no more than a bound.
"""

# pyright: reportUnknownMemberType=false
# PyAV's own annotations leave parts of its signatures open.

from __future__ import annotations

import errno
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nexiom_sdk import media_extra
from nexiom_sdk.errors import ResultInvalid, StorageUnavailable
from nexiom_sdk.sights import HEIGHT, WIDTH, Sights, brightness
from nexiom_sdk.types import VideoProbe
from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame
    from av.container import InputContainer
    from PIL.Image import Image

_log = logging.getLogger(__name__)

MOST_PIXELS = 4096 * 2304  # a decoder may hold 17 pictures of this size, some 0.5 GiB
_OURS = frozenset({errno.EMFILE, errno.ENFILE})  # errors of this machine, which say nothing of the video
_WHOLE_SECONDS = 30.0
_MOST_FRAMES = 30 * 120
_PLACES = 24  # looks into a long clip
_TAIL_SECONDS = 1.0
_STEP_SECONDS = 0.125  # between two looks
_POSTER_AT = 0.1  # of the length: late enough to miss a fade-in
_MOST_STREAMS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A file that was examined.

    Args:
        probe: What it is, and whether it was really played to its end.
        poster: A still picture of it, as JPEG, where one could be made.
        remarks: What a viewer should know, in words for warnings, such as that the picture is black throughout.
    """

    probe: VideoProbe
    poster: bytes | None = None
    remarks: tuple[str, ...] = ()


def unreadable(error: OSError) -> StorageUnavailable:
    """What is wrong with a file of this machine, and not with the video in it."""
    msg = f"The video cannot be read on this machine: {error.strerror or error}."
    return StorageUnavailable(msg, next_step="Mend that; the job tries again by itself.")


def played(file: Path, found: VideoProbe) -> Examined:
    """Play a video; the extra `media` must be installed. It blocks and takes CPU time, so run it in a thread.

    Args:
        file: The file, known to be whole.
        found: What it says it is.

    Raises:
        ResultInvalid: It does not play to its end.
    """
    if found.width * found.height > MOST_PIXELS:
        # A clip that is made and paid for is not thrown away because it is larger than we care to decode.
        return Examined(
            probe=found, remarks=(f"its picture of {found.width}x{found.height} is too large to be played here",)
        )
    try:
        media_extra.load()
    except ImportError:  # an installation that is not whole says nothing of the video
        return Examined(probe=found, remarks=("it could not be played here: PyAV or Pillow is broken",))
    from av.error import FFmpegError

    try:
        with _opened(file) as container:
            if _decoder(container) is None:
                code = printable(found.video_codec or "this codec", 20)
                return Examined(probe=found, remarks=(f"it could not be played here: there is no decoder for {code}",))
            viewer = _Viewer(poster_after=found.duration_seconds * _POSTER_AT)
            to_its_end = _watch(container, found.duration_seconds, viewer)
    except (FFmpegError, ArithmeticError, LookupError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _OURS:
            raise unreadable(error) from error
        raise ResultInvalid("The video does not play to its end.") from error
    remarks = viewer.sights.remarks(found.duration_seconds)
    if not to_its_end:
        remarks = (*remarks, "it has too many pictures to be played here to its end")
    return Examined(probe=found.evolve(decoded=to_its_end), poster=viewer.finished(), remarks=remarks)


@dataclass(slots=True, kw_only=True)
class _Viewer:
    """Takes a look at a frame now and then, and keeps the one that stands for the clip."""

    poster_after: float
    sights: Sights = field(default_factory=Sights)
    poster: bytes | None = None
    _next: float = 0.0
    _spare: VideoFrame | None = None  # the brightest one, until a poster is made
    _spare_brightness: float = -1.0

    def see(self, at: float, frame: VideoFrame) -> None:
        if at < self._next:
            return
        self._next = at + _STEP_SECONDS - 0.001  # times are rounded
        small = _grey(frame)
        black = self.sights.add(at, small)
        if self.poster is None:
            if at >= self.poster_after and not black:
                self.poster, self._spare = _jpeg(frame), None
            elif (bright := brightness(small)) > self._spare_brightness:
                self._spare, self._spare_brightness = frame, bright

    def finished(self) -> bytes | None:
        return _jpeg(self._spare) if self.poster is None and self._spare is not None else self.poster


def _opened(file: Path) -> InputContainer:
    import av

    # Opening already decodes a picture or two to learn what they are, so the bound has to be there from the start; a
    # stream that keeps to it in its header and breaks it later is stopped by the same option.
    bound = {"max_pixels": str(MOST_PIXELS)}
    for_each: Any = [bound] * _MOST_STREAMS  # PyAV 18 takes dictionaries, and declares strings
    container = av.open(str(file), stream_options=for_each)
    context = _decoder(container)
    if context is not None:
        context.options = bound
        context.thread_count = 1  # each thread would hold pictures of its own; other jobs use the other cores
    return container


def _decoder(container: InputContainer) -> VideoCodecContext | None:
    """What decodes the pictures; PyAV has none for a codec that it does not know."""
    return container.streams.video[0].codec_context


def _watch(container: InputContainer, length: float, viewer: _Viewer) -> bool:
    """Show the viewer the clip; False where it has too many pictures to go on to the end.

    Raises:
        ResultInvalid: There is no picture at the end.
    """
    if length > _WHOLE_SECONDS:
        for place in range(_PLACES):
            _seek(container, length * place / _PLACES)
            for frame in islice(_frames(container), 1):
                viewer.see(_time(container, frame), frame)
        _seek(container, length - _TAIL_SECONDS)
    count = 0
    for frame in islice(_frames(container), _MOST_FRAMES):
        count += 1
        viewer.see(_time(container, frame), frame)
    if not count:
        raise ResultInvalid("The video has no picture at its end.")
    return count < _MOST_FRAMES


def _frames(container: InputContainer) -> Iterator[VideoFrame]:
    return container.decode(container.streams.video[0])


def _seek(container: InputContainer, at: float) -> None:
    import av

    container.seek(int((container.start_time or 0) + max(at, 0.0) * av.time_base))


def _time(container: InputContainer, frame: VideoFrame) -> float:
    """Time of a frame from the beginning of the clip; 0 where the file has no times, so that the first one counts."""
    import av

    return 0.0 if frame.pts is None else frame.time - (container.start_time or 0) / av.time_base


def _grey(frame: VideoFrame) -> Image:
    from PIL import Image

    plane = frame.reformat(WIDTH, HEIGHT, "gray", interpolation="AREA").planes[0]
    return Image.frombytes("L", (WIDTH, HEIGHT), bytes(plane), "raw", "L", plane.line_size, 1)


def _jpeg(frame: VideoFrame) -> bytes | None:
    from av.error import FFmpegError

    try:
        decoded: Image = frame.to_image()  # type: ignore[no-untyped-call]  # av 18
        jpeg = io.BytesIO()
        turned = decoded.rotate(frame.rotation, expand=True) if frame.rotation else decoded  # pyright: ignore[reportUnknownVariableType]  # pillow 13
        turned.save(jpeg, "JPEG", quality=85)
        return jpeg.getvalue()
    except (FFmpegError, OSError, ValueError):
        _log.warning("no still picture could be made", exc_info=True, extra={"action": "poster_failed"})
        return None
