from __future__ import annotations

from nexiom_sdk.types import mode_of


def test_modes_rank_from_video_down_to_text() -> None:
    assert mode_of(["first_frame", "reference_audio", "source_video"]) == "video"
    assert mode_of(["first_frame", "reference_audio"]) == "reference"
    assert mode_of(["last_frame"]) == "image"
    assert mode_of([]) == "text"
