from __future__ import annotations

import asyncio
import contextlib
import importlib
import io
import threading
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from PIL import Image

from media_rig import FOX, URL, GoogleStore, Web, WebStore, asked_for, card_for, picture, put
from nexiom_sdk import JobStatus, Media, VideoRequest
from nexiom_sdk.errors import InvalidInput, ModelRetired, UnsupportedFeature
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.models import MediaLimits
from nexiom_sdk.providers.openai_videos import size as order_size
from nexiom_sdk.storage import input_key
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.types import DeliveredMedia
from rig import Rig

RigOf = Callable[..., Rig]

PLACE = b"\0\0\0\x0ftEXtplace\x0047.37 N\0\0\0\0"
SHOT = FOX[:33] + PLACE + FOX[33:]  # a picture that says where it was taken
SMALL = {"image": MediaLimits(types=("image/png", "image/jpeg"), max_side_pixels=32, max_ratio=1.2)}
EXACT = {"image": MediaLimits(same_size_as_video=True)}


@pytest.fixture(autouse=True)
def _without_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(source: BinaryIO, target: BinaryIO, *, media_type: str) -> bool:
        data = source.read()
        target.write(data.replace(PLACE, b""))
        return PLACE in data

    monkeypatch.setattr("nexiom_sdk.reference_copies.without_metadata", without)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    made = Web()
    made.pages[URL] = SHOT
    monkeypatch.setattr("nexiom_sdk.providers.downloads.open_url", made.open_url)
    return made


async def stored(rig: Rig) -> dict[str, bytes]:
    keys = [info.key async for info in rig.store.list("inputs/")]
    return {key.removeprefix("inputs/"): await read(rig, key) for key in keys}


async def read(rig: Rig, key: str) -> bytes:
    return b"".join([chunk async for chunk in rig.store.open(key)])


async def bytes_of(rig: Rig, sent: DeliveredMedia) -> bytes:
    if sent.data is not None:
        return sent.data
    path = (sent.url or "").partition("store.example/inputs/")[2].partition("?")[0]
    return await read(rig, input_key(path))


async def made(rig: Rig, request: VideoRequest, user_id: str | None = None) -> GenerationJob:
    job = await rig.steps(await rig.studio.submit(request, user_id=user_id, defer=True))
    assert job.status is JobStatus.COMPLETED, job.error_message
    return job


@pytest.mark.parametrize(
    ("kind", "delivery"),
    [("address", "bytes"), *product(("file", "bytes", "path", "reference_media_path"), ("bytes", "url"))],
)
async def test_no_place_leaves_this_machine_whatever_way_a_picture_takes(
    kind: str, delivery: str, rig_of: RigOf, clock: VirtualClock, tmp_path: Path, web: Web
) -> None:
    (tmp_path / "fox.png").write_bytes(SHOT)
    fake = FakeProvider("acme", models=[card_for(delivery)], clock=clock).succeed()
    rig = rig_of(fake, store=WebStore(), media_roots=(tmp_path,))
    await put(rig.store, "u1/fox.png", SHOT)
    media = {
        "file": Media.from_file(tmp_path / "fox.png"),
        "bytes": Media.from_bytes(SHOT),
        "address": Media.from_url(URL),
        "path": Media.from_input("u1/fox.png"),
    }
    by_path = VideoRequest(prompt="a fox", reference_media_path="u1/fox.png")
    await made(rig, by_path if kind == "reference_media_path" else asked_for(media[kind]), user_id="u1")
    assert await bytes_of(rig, fake.submissions[0].spec.media[0]) == FOX
    kept = await stored(rig)
    assert kept.pop("u1/fox.png") == SHOT, "what a user uploaded stays as it is"
    assert all(path.startswith("u1/") and data == FOX for path, data in kept.items())
    assert PLACE in (tmp_path / "fox.png").read_bytes()


async def test_a_clean_copy_is_made_once_and_what_is_clean_is_not_copied(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", models=[card_for("url")], clock=clock)
    rig = rig_of(fake.succeed().succeed().succeed(), store=WebStore())
    await put(rig.store, "u1/shot.png", SHOT)
    await put(rig.store, "u1/fox.png", FOX)
    for path in ("u1/shot.png", "u1/shot.png", "u1/fox.png"):
        await made(rig, asked_for(Media.from_input(path)))
    first, second, third = (one.spec.media[0].url or "" for one in fake.submissions)
    assert first == second
    assert "u1/fox.png" in third
    assert len(await stored(rig)) == 3


async def test_no_clean_copy_is_kept_for_an_address_that_the_store_does_not_have(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", "gs")], clock=clock).succeed()
    rig = rig_of(fake, store=GoogleStore(None))
    await put(rig.store, "u1/shot.png", SHOT)
    await made(rig, asked_for(Media.from_input("u1/shot.png")))
    assert fake.submissions[0].spec.media[0].data == FOX
    assert await stored(rig) == {"u1/shot.png": SHOT}


async def test_a_file_of_which_nobody_can_tell_what_is_metadata_is_refused_by_its_name(
    rig_of: RigOf, clock: VirtualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> bool:
        raise InvalidInput("Its parts make no sense.", next_step="Save it again.")

    monkeypatch.setattr("nexiom_sdk.reference_copies.without_metadata", never)
    (tmp_path / "fox.png").write_bytes(FOX)
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock)
    rig = rig_of(fake, media_roots=(tmp_path,))
    with pytest.raises(
        InvalidInput, match=r"'fox\.png' is damaged or incomplete\. Its parts make no sense\."
    ) as caught:
        await rig.studio.submit(asked_for(Media.from_file(tmp_path / "fox.png")))
    assert caught.value.next_step == "Save it again."
    assert (fake.calls, await stored(rig)) == ([], {})


async def test_an_object_in_no_folder_gets_its_clean_copy_in_nobodys(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", models=[card_for("url")], clock=clock).succeed()
    rig = rig_of(fake, store=WebStore())
    await put(rig.store, "shot.png", SHOT)
    await made(rig, asked_for(Media.from_input("shot.png")))
    assert "store.example/inputs/_/" in (fake.submissions[0].spec.media[0].url or "")


async def test_after_a_failover_the_place_is_gone_as_well(rig_of: RigOf, clock: VirtualClock, web: Web) -> None:
    models = (card_for("url"), card_for("bytes").evolve(model="fake-2"))
    fake = FakeProvider("acme", models=models, clock=clock).refuse(ModelRetired("gone")).succeed()
    await made(rig_of(fake), asked_for(Media.from_url(URL)))
    passed_on, fetched = (one.spec.media[0] for one in fake.submissions)
    assert passed_on.url == URL, "the user's own address was handed on unopened"
    assert fetched.data == FOX


@pytest.mark.parametrize("delivery", ["bytes", "url"])
@pytest.mark.parametrize("kind", ["file", "bytes", "address", "path"])
async def test_a_picture_is_made_to_fit_where_that_is_asked_for_and_the_job_says_so(
    kind: str, delivery: str, rig_of: RigOf, clock: VirtualClock, tmp_path: Path, web: Web
) -> None:
    (tmp_path / "fox.png").write_bytes(SHOT)
    fake = FakeProvider("acme", models=[card_for(delivery, media_limits=SMALL)], clock=clock).succeed()
    rig = rig_of(fake, store=WebStore(), media_roots=(tmp_path,))
    await put(rig.store, "u1/fox.png", SHOT)
    media = {
        "file": Media.from_file(tmp_path / "fox.png", fit=True),
        "bytes": Media.from_bytes(SHOT, fit=True),
        "address": Media.from_url(URL, fit=True),
        "path": Media.from_input("u1/fox.png", fit=True),
    }[kind]
    submitted = await rig.studio.submit(asked_for(media), user_id="u1", defer=True)
    assert fake.calls == [], "it is announced before anything is ordered"
    [warning] = [one for one in submitted.warnings if "cropped" in one]
    assert warning.startswith("the first frame '")
    assert warning.endswith("was cropped from 33x21 to 25x21")
    job = await rig.steps(submitted)
    assert warning in job.warnings
    sent = await bytes_of(rig, fake.submissions[0].spec.media[0])
    assert Image.open(io.BytesIO(sent)).size == (25, 21)
    kept = await stored(rig)
    assert sent in kept.values()
    assert all(path.startswith("u1/") for path in kept), "in the folder of the same user"
    assert PLACE not in sent


async def test_every_process_sends_the_same_fitted_bytes_even_one_that_cannot_fit(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock).succeed().succeed()
    rig = rig_of(fake)
    first = await rig.studio.submit(asked_for(Media.from_bytes(FOX, fit=True)), defer=True)

    def never(*_: object, **__: object) -> None:
        raise UnsupportedFeature("no Pillow here")

    monkeypatch.setattr("nexiom_sdk.reference_copies.fit", never)
    second = await made(rig, asked_for(Media.from_bytes(FOX, fit=True)))
    await rig.steps(first)
    assert fake.submissions[0].spec.media[0].data == fake.submissions[1].spec.media[0].data
    assert second.warnings[: len(first.warnings)] == first.warnings


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
async def test_moving_pictures_that_are_fitted_are_said_to_stand_still(
    kind: str, rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = io.BytesIO()
    first, second = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    first.save(moving, kind, save_all=True, append_images=[second])
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock).succeed().succeed()
    rig = rig_of(fake)
    job = await made(rig, asked_for(Media.from_bytes(moving.getvalue(), fit=True)))
    [told] = [one for one in job.warnings if "first frame" in one]
    assert told.endswith("; of its moving pictures the first was taken, and it stands still")
    sent = Image.open(io.BytesIO(fake.submissions[0].spec.media[0].data or b""))
    assert getattr(sent, "n_frames", 1) == 1
    shown = sent.convert("RGB").getpixel((5, 5))
    assert isinstance(shown, tuple)
    assert shown[0] > 200
    assert shown[2] < 60
    monkeypatch.setattr("nexiom_sdk.reference_copies.fit", lambda *_, **__: pytest.fail("it was kept"))
    again = await made(rig, asked_for(Media.from_bytes(moving.getvalue(), fit=True)))
    assert told in again.warnings, "and so does a process that finds it made"


@pytest.mark.parametrize("step", ["inspect_file", "fit"])
async def test_pictures_that_take_long_hold_up_no_file_and_no_address(
    step: str, rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, at_once = threading.Event(), list[str]()
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(*_: object, **__: object) -> None:
        at_once.append(threading.current_thread().name)
        loop.call_soon_threadsafe(entered.set)
        go_on.wait(30)
        raise InvalidInput("too slow")

    monkeypatch.setattr(f"nexiom_sdk.reference_copies.{step}", slow)
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock)
    rig = rig_of(fake)
    asked = asked_for(Media.from_bytes(FOX, fit=True))
    submits = [asyncio.ensure_future(rig.studio.submit(asked)) for _ in range(40)]
    async with asyncio.timeout(30):
        await entered.wait()
        await loop.getaddrinfo("127.0.0.1", 80)
        assert len(at_once) <= (1 if step == "fit" else 2)
        go_on.set()
        ends = await asyncio.gather(*submits, return_exceptions=True)
    assert {str(getattr(one, "message", one)) for one in ends} == {"too slow"}


OPEN_FILES = Path("/proc/self/fd")


def files_of_this_process() -> set[str]:
    """What it has open that lies on a disk."""
    links = [one for one in OPEN_FILES.iterdir() if one.is_symlink()]
    return {target for one in links if (target := _target(one)).startswith("/") and "/dev/" not in target}


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # the folder itself was open while it was listed
        return ""


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="nothing tells there what is open")
@pytest.mark.parametrize("end", ["well", "an error", "a cancel while it is looked at", "a cancel while it is opened"])
async def test_nothing_stays_open_or_in_the_folder_for_temporary_files(
    end: str, rig_of: RigOf, clock: VirtualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, pictures = tmp_path / "temporary", tmp_path / "pictures"
    temporary.mkdir()
    pictures.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (pictures / "fox.png").write_bytes(picture(size=(900, 900), noise=True))  # more than rests in memory
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock)
    rig = rig_of(fake, media_roots=(pictures,))
    begun, go_on, loop, rested = asyncio.Event(), threading.Event(), asyncio.get_running_loop(), list[set[str]]()

    def waits(work: Callable[..., object]) -> Callable[..., object]:
        def waiting(*args: Any, **how: Any) -> object:
            done = work(*args, **how)
            rested.append(files_of_this_process())
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(30)
            if end == "an error":
                raise InvalidInput("it has failed")
            return done

        return waiting

    where = "inputs.open_local" if end.endswith("opened") else "reference_copies.fit"
    target, _, name = f"nexiom_sdk.{where}".rpartition(".")
    monkeypatch.setattr(f"{target}.{name}", waits(getattr(importlib.import_module(target), name)))
    await rig.studio.jobs()
    before = files_of_this_process()
    submit = asyncio.ensure_future(
        rig.studio.submit(asked_for(Media.from_file(pictures / "fox.png", fit=True)), defer=True)
    )
    await begun.wait()
    if "cancel" in end:
        submit.cancel()
        await asyncio.sleep(0)
    go_on.set()
    with contextlib.nullcontext() if end == "well" else pytest.raises((InvalidInput, asyncio.CancelledError)):
        await submit
    assert any(str(tmp_path) in one for one in rested[0] - before), "something was open meanwhile"
    assert files_of_this_process() <= before
    assert list(temporary.iterdir()) == []


async def test_what_fits_is_neither_changed_nor_announced(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock).succeed()
    small = picture(size=(24, 24))
    job = await made(rig_of(fake), asked_for(Media.from_bytes(small, fit=True)))
    assert fake.submissions[0].spec.media[0].data == small
    assert not [one for one in job.warnings if "first frame" in one]


async def test_what_does_not_fit_is_refused_before_anything_is_spent_and_the_error_names_the_way_out(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock)
    rig = rig_of(fake)
    with pytest.raises(InvalidInput, match="at most 32 on a side") as caught:
        await rig.studio.submit(asked_for(Media.from_bytes(FOX)))
    assert "fit=True" in str(caught.value)
    assert "--fit" in str(caught.value)
    assert (fake.calls, await stored(rig), await rig.studio.jobs()) == ([], {}, [])


@pytest.mark.parametrize(
    ("shape", "frame", "size"),
    [
        ("16:9", FOX, (1280, 720)),
        ("9:16", FOX, (720, 1280)),
        (None, FOX, (1120, 720)),
        (None, picture(size=(400, 100)), (1664, 720)),
        (None, picture(size=(100, 400)), (720, 1664)),
    ],
)
async def test_a_first_frame_gets_exactly_the_size_of_the_video(
    shape: str | None, frame: bytes, size: tuple[int, int], rig_of: RigOf, clock: VirtualClock
) -> None:
    models = (
        [card_for("bytes", media_limits=EXACT, aspect_ratios=())]
        if shape is None
        else [card_for("bytes", media_limits=EXACT)]
    )
    fake = FakeProvider("acme", models=models, clock=clock).succeed()
    rig = rig_of(fake)
    request = asked_for(Media.from_bytes(frame, fit=True)).evolve(
        resolution="720p", aspect_ratio=shape, provider="acme", model="fake-1"
    )
    with pytest.raises(InvalidInput, match=f"exactly the {size[0]:,} x {size[1]:,} of the video"):
        await rig.studio.submit(request.evolve(media=(Media.from_bytes(frame),)))
    job = await made(rig, request)
    sent = fake.submissions[0].spec.media[0].data or b""
    assert Image.open(io.BytesIO(sent)).size == size
    assert any(f"to {size[0]}x{size[1]}" in one for one in job.warnings)
    assert order_size(fake.submissions[0].spec) == f"{size[0]}x{size[1]}", "the adapter writes the same size"


async def test_a_failover_fits_anew_from_the_whole_picture_and_says_only_what_is_true_now(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    tall = {"image": MediaLimits(max_ratio=0.5)}
    models = (card_for("bytes", media_limits=SMALL), card_for("bytes", media_limits=tall).evolve(model="fake-2"))
    fake = FakeProvider("acme", models=models, clock=clock).refuse(ModelRetired("gone")).succeed()
    job = await made(rig_of(fake), asked_for(Media.from_bytes(FOX, fit=True)))
    sizes = [Image.open(io.BytesIO(one.spec.media[0].data or b"")).size for one in fake.submissions]
    assert sizes == [(25, 21), (10, 21)]
    told = [one for one in job.warnings if "first frame" in one]
    assert len(told) == 1
    assert told[0].endswith("was cropped from 33x21 to 10x21")


async def test_a_job_that_is_ordered_again_says_again_what_was_done(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=SMALL)], clock=clock)
    rig = rig_of(fake.fail("generation_failed").succeed())
    job = await rig.steps(await rig.studio.submit(asked_for(Media.from_bytes(FOX, fit=True)), defer=True))
    assert job.status is JobStatus.FAILED
    again = await rig.steps(await rig.studio.resubmit(job.id))
    assert again.status is JobStatus.COMPLETED
    assert len([one for one in again.warnings if "cropped" in one]) == 1
    first, second = (one.spec.media[0].data for one in fake.submissions)
    assert first == second


async def test_a_row_from_before_there_was_fitting_still_loads() -> None:
    request = VideoRequest.model_validate(
        {"prompt": "a fox", "media": [{"role": "first_frame", "input_path": "u1/a.png"}]}
    )
    assert request.media[0].fit is False
    fitted = asked_for(Media.from_input("u1/a.png", fit=True))
    assert VideoRequest.model_validate_json(fitted.model_dump_json()) == fitted
