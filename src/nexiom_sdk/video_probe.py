"""What a video file really is: the value that readers of MP4 and WebM give, and players complete."""

from __future__ import annotations

from nexiom_sdk.values import Frozen
from nexiom_sdk.vocabularies import Container


class VideoProbe(Frozen):
    """What a video file really is, read from the file itself.

    Args:
        container: mp4 or webm.
        width: Width of the picture as shown, in pixels.
        height: Height of the picture as shown, in pixels.
        duration_seconds: Length.
        has_audio: Whether there is a sound track.
        video_codec: Code of the video track, such as avc1.
        frames_per_second: Mean frame rate, where the file tells.
        comment: The file's own comment; previews say there that they are previews.
        decoded: Whether the file was really played to its end, not only its structure checked.
        audio_codec: Code of the sound track, such as mp4a.
        provenance: Whether a C2PA manifest is in the file: its maker's signed record of how it was made. Its signature
            is not checked.
    """

    container: Container
    width: int
    height: int
    duration_seconds: float
    has_audio: bool
    video_codec: str | None = None
    frames_per_second: float | None = None
    comment: str | None = None
    decoded: bool = False
    audio_codec: str | None = None
    provenance: bool = False
