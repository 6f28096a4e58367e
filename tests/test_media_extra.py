from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nexiom_sdk import Settings, Studio, VideoRequest, media_extra
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.media import examined
from nexiom_sdk.preview.clip import check_extra
from nexiom_sdk.preview.render import render
from nexiom_sdk.providers.local import LocalProvider
from nexiom_sdk.types import VideoSpec

# Everything that threads do with PyAV and Pillow, in a fresh process; an import outside the lock is told.
EVERYTHING = """
import io, sys
from pathlib import Path

import nexiom_sdk.picture_fitting
from nexiom_sdk import Settings, Studio, VideoRequest, media_extra
from nexiom_sdk.media import examined
from nexiom_sdk.models import MediaLimits
from nexiom_sdk.preview.render import render
from nexiom_sdk.types import DeliveredMedia, VideoSpec

def watch(event, args):
    if event == "import" and args[0].partition(".")[0] in {"av", "PIL"} and not media_extra._one_at_a_time.locked():
        found.append(args[0])

found = []
sys.addaudithook(watch)
what, folder = sys.argv[1], Path(sys.argv[2])
picture = (folder / "fox.webp").read_bytes()
media = (DeliveredMedia(role="first_frame", data=picture, media_type="image/webp"),)
match what:
    case "play":
        assert examined(folder / "clip.mp4").poster
    case "draw":
        render(VideoSpec(model="preview", prompt="a fox", resolution="360p", duration_seconds=1, audio=True))
        render(VideoSpec(model="preview", prompt="a fox", resolution="360p", duration_seconds=1, media=media))
    case "fit":
        for kind in ("image/jpeg", "image/png", "image/webp"):
            limits = MediaLimits(max_side_pixels=40, types=(kind,))
            nexiom_sdk.picture_fitting.fit(io.BytesIO(picture), io.BytesIO(), limits)
assert "PIL.Image" in sys.modules
print(*found)
"""


@pytest.mark.parametrize("what", ["play", "draw", "fit"])
def test_nothing_of_the_extra_is_imported_by_two_threads_at_once(what: str, tmp_path: Path) -> None:
    from PIL import Image

    clip = render(VideoSpec(model="preview", prompt="a fox", resolution="360p", duration_seconds=1))
    (tmp_path / "clip.mp4").write_bytes(clip.data)
    Image.effect_noise((64, 64), 50).save(tmp_path / "fox.webp")
    run = [sys.executable, "-c", EVERYTHING, what, str(tmp_path)]
    ended = subprocess.run(run, capture_output=True, text=True, check=False, timeout=50)
    assert (ended.returncode, ended.stdout.split()) == (0, []), ended.stderr


@pytest.mark.parametrize("missing", ["av", "PIL"])
def test_without_the_whole_extra_the_previews_are_not_set_up(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert not media_extra.installed()
    with pytest.raises(ConfigurationError, match=r'pip install "nexiom_sdk\[media\]"') as caught:
        LocalProvider({})
    assert caught.value.next_step == 'Run pip install "nexiom_sdk[media]".'


def test_an_extra_that_is_there_and_cannot_be_loaded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = render(VideoSpec(model="preview", prompt="a fox", resolution="360p", duration_seconds=1))
    file = tmp_path / "clip.mp4"
    file.write_bytes(clip.data)
    monkeypatch.setitem(sys.modules, "av.error", None)
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        check_extra()
    assert examined(file).remarks == ("it could not be played here: PyAV or Pillow is broken",)


async def test_without_the_extra_no_preview_is_promised_and_no_row_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    request = VideoRequest(prompt="a fox", provider="local", duration_seconds=1)
    async with Studio(settings=Settings.from_env({"NEXIOM_HOME": str(tmp_path)})) as studio:
        with pytest.raises(ConfigurationError, match="A preview needs PyAV"):
            studio.estimate(request)
        with pytest.raises(ConfigurationError, match="A preview needs PyAV"):
            await studio.submit(request, user_id="u1", defer=True)
        (state,) = [one for one in await studio.providers() if one.name == "local"]
        rows = await studio.jobs(user_id="u1")
    assert (state.state, 'pip install "nexiom_sdk[media]"' in state.reason) == ("not_set_up", True)
    assert rows == []
