"""References on their way in, through the verbs: what reaches the adapter, and what is refused before it costs."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from media_rig import (
    FOX,
    URL,
    ChoosyStore,
    FileStore,
    GoogleStore,
    Web,
    WebFiles,
    WebStore,
    asked_for,
    card_for,
    form_of,
    picture,
    put,
)
from nexiom_sdk import GenerationJob, JobStatus, Media, VideoRequest
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.errors import (
    InvalidInput,
    ModelRetired,
    NexiomError,
    NoCandidate,
    ProviderUnavailable,
    ResponseTooLarge,
    ResultExpired,
    UnsafeUrl,
    UnsupportedFeature,
)
from nexiom_sdk.inputs import deliver, has_addresses, stage
from nexiom_sdk.models import MediaLimits, ModelCard, kind_of
from nexiom_sdk.references import MAX_IMAGE_BYTES, MOST_BYTES
from nexiom_sdk.testing import FakeProvider, VirtualClock, sample_video
from nexiom_sdk.types import Candidate, MediaRole
from rig import Rig

RigOf = Callable[..., Rig]
MakeMedia = Callable[[Path], Media]


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    made = Web()
    monkeypatch.setattr("nexiom_sdk.providers.downloads.open_url", made.open_url)
    return made


MEDIA: Mapping[str, MakeMedia] = {
    "path": lambda _: Media.from_input("u1/fox.png"),
    "file": lambda folder: Media.from_file(folder / "fox.png"),
    "bytes": lambda _: Media.from_bytes(FOX),
    "address": lambda _: Media.from_url(URL),
}
# By what a card takes: the form of a user's address, of what a store with web addresses holds, of what another holds.
FORMS: Mapping[tuple[str, ...], tuple[str, str, str | None]] = {
    ("bytes",): ("the bytes", "the bytes", "the bytes"),
    ("url",): ("the user's address", "the store's address", None),
    ("url", "bytes"): ("the user's address", "the bytes", "the bytes"),
}
NOISE = picture(noise=True)
LIMITS = {
    "image": MediaLimits(types=("image/png", "image/jpeg"), max_bytes=1_000, max_side_pixels=100, min_side_pixels=20)
}
TERMS = Candidate(provider="acme", model="fake-1")
STORES: Mapping[str, type[MemoryStore]] = {
    "web": WebStore,
    "choosy": ChoosyStore,
    "file": FileStore,
    "memory": MemoryStore,
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("delivery", FORMS, ids=" or ".join)
async def test_a_reference_reaches_the_adapter_in_the_form_that_its_card_names(
    delivery: tuple[str, ...], kind: str, store: str, rig_of: RigOf, clock: VirtualClock, tmp_path: Path, web: Web
) -> None:
    from_address, from_web_store, from_other_store = FORMS[delivery]
    from_store = from_web_store if issubclass(STORES[store], WebStore) else from_other_store
    form = from_address if kind == "address" else from_store
    (tmp_path / "fox.png").write_bytes(FOX)
    fake = FakeProvider("acme", models=[card_for(*delivery)], clock=clock).succeed()
    rig = rig_of(fake, store=STORES[store](), media_roots=(tmp_path,))
    await put(rig.store, "u1/fox.png", FOX)
    request = asked_for(MEDIA[kind](tmp_path))
    if form is None:
        with pytest.raises(NoCandidate, match="as web addresses only, and this store has none"):
            await rig.studio.submit(request)
        assert (fake.calls, await rig.studio.jobs()) == ([], [])
        return
    job = await rig.steps(await rig.studio.submit(request, defer=True))
    assert job.status is JobStatus.COMPLETED
    [sent] = fake.submissions[0].spec.media
    assert form_of(sent) == form
    assert web.opened == ([URL] if (kind, form) == ("address", "the bytes") else [])


async def test_a_stored_video_goes_in_as_an_address_beside_a_picture_as_bytes(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    roles: tuple[MediaRole, ...] = ("reference_image", "reference_video")
    card = card_for("url", "bytes", media=dict.fromkeys(roles, 1), addresses_only_for=frozenset({"video"}))
    fake = FakeProvider("acme", models=[card], clock=clock).succeed()
    rig = rig_of(fake, store=WebStore())
    await put(rig.store, "u1/fox.png", FOX)
    await put(rig.store, "u1/fox.mp4", sample_video())
    media = (Media.from_input("u1/fox.png", role=roles[0]), Media.from_input("u1/fox.mp4", role=roles[1]))
    await rig.steps(await rig.studio.submit(VideoRequest(prompt="a fox", media=media), defer=True))
    picture, video = fake.submissions[0].spec.media
    assert form_of(picture) == "the bytes"
    assert (form_of(video), video.media_type) == ("the store's address", "video/mp4")


async def test_an_object_in_google_s_store_is_handed_on_unopened_to_models_that_read_it_there(
    rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", "gs")], clock=clock).succeed()
    rig = rig_of(fake)
    for media in (Media.from_url("gs://bucket/fox.png"), Media.from_url(URL)):
        await rig.steps(await rig.studio.submit(asked_for(media), defer=True))
    stored, fetched = (one.spec.media[0] for one in fake.submissions)
    assert (stored.url, stored.data) == ("gs://bucket/fox.png", None)
    assert form_of(fetched) == "the bytes"
    assert web.opened == [URL]


@pytest.mark.parametrize("place", ["gs://our-bucket", None])
async def test_a_model_that_reads_google_s_store_gets_what_lies_there_by_its_address(
    place: str | None, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes", "gs")], clock=clock).succeed()
    rig = rig_of(fake, store=GoogleStore(place))
    await put(rig.store, "u1/fox.png", FOX)
    await rig.steps(await rig.studio.submit(asked_for(Media.from_input("u1/fox.png")), defer=True))
    [sent] = fake.submissions[0].spec.media
    if place is None:
        assert form_of(sent) == "the bytes"
    else:
        assert (sent.url, sent.media_type, sent.data) == ("gs://our-bucket/inputs/u1/fox.png", "image/png", None)


async def test_models_that_do_not_read_google_s_store_get_nothing_from_there(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock).succeed()
    rig = rig_of(fake, store=GoogleStore("gs://our-bucket"))
    await rig.steps(await rig.studio.submit(asked_for(Media.from_bytes(FOX)), defer=True))
    assert form_of(fake.submissions[0].spec.media[0]) == "the bytes"


async def test_a_fitted_picture_goes_to_google_by_the_address_of_its_copy(rig_of: RigOf, clock: VirtualClock) -> None:
    limits = {"image": MediaLimits(max_side_pixels=11)}
    fake = FakeProvider("acme", models=[card_for("bytes", "gs", media_limits=limits)], clock=clock).succeed()
    rig = rig_of(fake, store=GoogleStore("gs://our-bucket"))
    await put(rig.store, "u1/fox.png", FOX)
    await rig.steps(await rig.studio.submit(asked_for(Media.from_input("u1/fox.png", fit=True)), defer=True))
    key = (fake.submissions[0].spec.media[0].url or "").removeprefix("gs://our-bucket/")
    assert key.startswith("inputs/u1/")
    data = b"".join([chunk async for chunk in rig.store.open(key)])
    assert max(Image.open(io.BytesIO(data)).size) == 11


@pytest.mark.parametrize("delivery", [("bytes",), ("url",), ("url", "bytes")], ids=str)
async def test_an_object_in_google_s_store_is_refused_for_models_that_cannot_read_it(
    delivery: tuple[str, ...], rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    fake = FakeProvider("acme", models=[card_for(*delivery)], clock=clock)
    rig = rig_of(fake, store=WebStore())
    with pytest.raises(NoCandidate, match=r"reads no gs:// addresses \(hand over the file itself"):
        await rig.studio.submit(asked_for(Media.from_url("gs://bucket/fox.png")))
    assert (fake.calls, web.opened) == ([], [])
    request = asked_for(Media.from_url("gs://bucket/fox.png"))
    with pytest.raises(UnsupportedFeature, match="gs://"):  # a model that was chosen when its card said otherwise
        await deliver(
            request,
            card=card_for(*delivery),
            store=rig.store,
            terms=TERMS,
            open_url=web.open_url,
        )
    assert web.opened == []


async def test_a_path_given_as_reference_media_path_is_a_reference_like_others(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", models=[card_for("url", media_limits=LIMITS)], clock=clock).succeed()
    rig = rig_of(fake, store=WebStore())
    await put(rig.store, "u1/fox.png", FOX)
    await put(rig.store, "u1/hare.png", picture("GIF"))
    with pytest.raises(InvalidInput, match="image/gif"):
        await rig.studio.submit(VideoRequest(prompt="a hare", reference_media_path="u1/hare.png"))
    assert (fake.calls, await rig.studio.jobs()) == ([], [])
    await rig.steps(await rig.submitted(reference_media_path="u1/fox.png"))
    assert [form_of(sent) for sent in fake.submissions[0].spec.media] == ["the store's address"]


async def test_an_address_is_fetched_once_and_its_bytes_are_what_every_later_step_uses(
    rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock)
    fake.refuse(ProviderUnavailable("busy")).lose_answer().succeed()
    rig = rig_of(fake)
    job = await rig.studio.submit(asked_for(Media.from_url(URL)), user_id="u1", defer=True)
    assert (job.reference_media_path or "").startswith("u1/")
    assert "CANARY" not in job.model_dump_json()
    web.pages[URL] = ResultExpired("gone")
    assert (await rig.steps(job)).status is JobStatus.COMPLETED
    assert [sent.spec.media[0].data for sent in fake.submissions] == [FOX] * len(fake.submissions)
    assert len(fake.submissions) > 1
    assert web.opened == [URL]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (picture("GIF"), r"image/gif \(allowed: image/png, image/jpeg\)"),
        (NOISE, r"2,\d\d\d bytes \(allowed: at most 1,000\)"),
        (picture(size=(101, 21)), r"101 x 21 pixels \(allowed: at most 100 on a side\)"),
        (picture(size=(21, 101)), r"21 x 101 pixels \(allowed: at most 100 on a side\)"),
        (picture(size=(33, 19)), r"33 x 19 pixels \(allowed: at least 20 on a side\)"),
        (picture("GIF", (10, 300)), "image/gif .*; it has 10 x 300 pixels .* at most 100 .*; .* at least 20"),
        (sample_video(), r"is not an image \(it is video/mp4\)"),
        (b"<!doctype html><title>fox</title>", "looks like a web page"),
    ],
)
@pytest.mark.parametrize("kind", MEDIA)
async def test_what_breaks_a_limit_of_the_card_is_refused_before_anything_is_written_or_ordered(
    kind: str, data: bytes, says: str, rig_of: RigOf, clock: VirtualClock, tmp_path: Path, web: Web
) -> None:
    (tmp_path / "fox.png").write_bytes(data)  # whatever its name says
    web.pages[URL] = data
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=LIMITS)], clock=clock)
    rig = rig_of(fake, media_roots=(tmp_path,))
    if kind == "path":
        await put(rig.store, "u1/fox.png", data)
    before = [info.key async for info in rig.store.list()]
    media = Media.from_bytes(data) if kind == "bytes" else MEDIA[kind](tmp_path)
    with pytest.raises(InvalidInput, match=says) as caught:
        await rig.studio.submit(asked_for(media))
    assert ("fox.png" in str(caught.value)) == (kind != "bytes")
    assert "CANARY" not in str(caught.value)
    assert caught.value.charged == "no"
    assert (fake.calls, await rig.studio.jobs()) == ([], [])
    assert [info.key async for info in rig.store.list()] == before


@pytest.mark.parametrize("kind", MEDIA)
async def test_what_just_keeps_to_every_limit_is_taken(
    kind: str, rig_of: RigOf, clock: VirtualClock, tmp_path: Path, web: Web
) -> None:
    (tmp_path / "fox.png").write_bytes(FOX)
    tight = {"image": MediaLimits(types=("image/png",), max_bytes=len(FOX), max_side_pixels=33, min_side_pixels=21)}
    fake = FakeProvider("acme", models=[card_for("bytes", media_limits=tight)], clock=clock).succeed()
    rig = rig_of(fake, media_roots=(tmp_path,))
    await put(rig.store, "u1/fox.png", FOX)
    job = await rig.studio.submit(asked_for(MEDIA[kind](tmp_path)), defer=True)
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("trouble", "raised", "says"),
    [
        (UnsafeUrl("It leads into a private network."), UnsafeUrl, "private network"),
        (ResultExpired("404", charged="no"), InvalidInput, "nothing at the address of the reference"),
        (ProviderUnavailable("The line is cut."), InvalidInput, "could not be fetched. The line is cut"),
        (ResponseTooLarge("more", charged="no"), InvalidInput, "larger than 50 MiB"),
    ],
)
async def test_an_address_that_cannot_be_fetched_is_refused_before_a_row_exists(
    trouble: NexiomError, raised: type[NexiomError], says: str, rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    web.pages[URL] = trouble
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock)
    rig = rig_of(fake)
    with pytest.raises(raised, match=says) as caught:
        await rig.studio.submit(asked_for(Media.from_url(URL)))
    assert type(caught.value) is raised
    assert caught.value.charged == "no"
    assert "CANARY" not in str(caught.value)
    assert (fake.calls, await rig.studio.jobs()) == ([], [])
    assert web.opened == [URL]


@pytest.mark.parametrize("url", ["https://127.0.0.1/fox.png", "https://[::1]/fox.png", "https://localhost/fox.png"])
async def test_the_studio_opens_addresses_under_guard(url: str, rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock)
    rig = rig_of(fake)
    with pytest.raises(UnsafeUrl):
        await rig.studio.submit(asked_for(Media.from_url(url)))
    assert (fake.calls, await rig.studio.jobs()) == ([], [])


async def failed_over(rig: Rig, media: Media) -> GenerationJob:
    return await rig.steps(await rig.studio.submit(asked_for(media), defer=True))


def two_models(clock: VirtualClock, first: ModelCard, second: ModelCard) -> FakeProvider:
    models = (first, second.evolve(model="fake-2"))
    return FakeProvider("acme", models=models, clock=clock).refuse(ModelRetired("gone")).succeed()


async def test_after_a_failover_the_next_model_gets_the_form_that_its_own_card_names(
    rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    fake = two_models(clock, card_for("url"), card_for("bytes"))
    job = await failed_over(rig_of(fake, store=WebStore()), Media.from_url(URL))
    assert (job.status, job.model) == (JobStatus.COMPLETED, "fake-2")
    assert [form_of(sent.spec.media[0]) for sent in fake.submissions] == ["the user's address", "the bytes"]
    assert web.opened == [URL, URL]  # before the order moves, and for the order


async def test_after_a_failover_the_limits_of_the_next_model_are_checked_before_it_is_asked(
    rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    strict = card_for("bytes", media_limits={"image": MediaLimits(max_side_pixels=32)})
    for media in (Media.from_bytes(FOX), Media.from_url(URL)):
        fake = two_models(clock, card_for("url", "bytes"), strict)
        job = await failed_over(rig_of(fake), media)
        assert (job.status, job.error_code, job.model) == (JobStatus.FAILED, "model_retired", "fake-1")
        assert [sent.spec.model for sent in fake.submissions] == ["fake-1"]


async def test_an_address_that_is_out_of_reach_after_a_failover_is_tried_again(
    rig_of: RigOf, clock: VirtualClock, web: Web
) -> None:
    web.pages[URL] = ProviderUnavailable("The line is cut.")
    fake = two_models(clock, card_for("url"), card_for("bytes"))
    rig = rig_of(fake)
    job = await rig.studio.submit(asked_for(Media.from_url(URL)), defer=True)
    for _ in range(2):
        job = await rig.step(job)
    assert (job.model, job.final) == ("fake-2", False)
    web.pages[URL] = FOX
    assert (await rig.steps(job)).status is JobStatus.COMPLETED
    assert [form_of(sent.spec.media[0]) for sent in fake.submissions] == ["the user's address", "the bytes"]


async def test_a_store_that_lost_its_addresses_is_found_out_before_the_order(web: Web) -> None:
    store = MemoryStore()
    await put(store, "u1/fox.png", FOX)
    request = asked_for(Media.from_input("u1/fox.png"))
    with pytest.raises(UnsupportedFeature, match="as a web address only") as caught:
        await deliver(request, card=card_for("url"), terms=TERMS, store=store, open_url=web.open_url)
    assert caught.value.charged == "no"


async def test_the_store_is_asked_for_an_address_once_and_only_about_what_it_will_hold() -> None:
    for media, times in (((), 0), ((Media.from_url(URL),), 0), ((Media.from_bytes(FOX), Media.from_input("a.png")), 1)):
        store = WebStore()
        assert await has_addresses(store, VideoRequest(prompt="x", media=media))
        assert store.asked == times


async def test_an_object_of_two_gigabytes_is_left_at_the_cap(tmp_path: Path) -> None:
    huge = tmp_path / "inputs" / "u1" / "huge.png"
    huge.parent.mkdir(parents=True)
    with huge.open("wb") as file:
        file.truncate(2 * 2**30)
    how: Mapping[str, Any] = {"store": WebFiles(tmp_path), "open_url": Web().open_url, "terms": TERMS}
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="larger than 50 MiB"):
            await deliver(asked_for(Media.from_input("u1/huge.png")), card=card_for("bytes"), **how)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


async def test_a_source_that_never_ends_is_left_at_the_cap(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    async def endless(url: str, /, *, max_bytes: int) -> AsyncIterator[bytes]:
        while True:
            taken.append(2**20)
            yield b"\0" * 2**20

    monkeypatch.setattr("nexiom_sdk.providers.downloads.open_url", endless)
    rig = rig_of(FakeProvider("acme", models=[card_for("bytes")], clock=clock))
    with pytest.raises(InvalidInput, match="larger than 50 MiB"):
        await rig.studio.submit(asked_for(Media.from_url(URL)))
    assert sum(taken) == MAX_IMAGE_BYTES + 2**20


async def test_a_photo_is_kept_without_its_place_and_still_the_right_way_up(rig_of: RigOf, clock: VirtualClock) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8825] = {1: "N", 2: (47.0, 22.0, 12.0)}
    photo = io.BytesIO()
    Image.new("RGB", (33, 21)).save(photo, "JPEG", exif=exif)
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock).succeed()
    rig = rig_of(fake)
    job = await rig.steps(await rig.studio.submit(asked_for(Media.from_bytes(photo.getvalue())), defer=True))
    kept = b"".join([chunk async for chunk in rig.store.open(f"inputs/{job.reference_media_path}")])
    for data in (kept, fake.submissions[0].spec.media[0].data or b""):
        told = Image.open(io.BytesIO(data)).getexif()
        assert (told.get(0x0112), dict(told.get_ifd(0x8825))) == (6, {})


VIDEO_BYTES = 64 * 2**20


def large_video(file: Path) -> None:
    """A whole video of 64 MiB, most of which is a hole in the file."""
    clip = sample_video()
    with file.open("wb") as out:
        out.write(clip + struct.pack(">I4s", VIDEO_BYTES - len(clip), b"free"))
        out.truncate(VIDEO_BYTES)


async def test_a_large_video_that_goes_by_address_is_never_in_memory(tmp_path: Path) -> None:
    large_video(tmp_path / "fox.mp4")
    card = card_for("url", "bytes", media={"source_video": 1}, addresses_only_for=frozenset({"video"}))
    store = WebFiles(tmp_path / "store")
    how: Mapping[str, Any] = {"card": card, "terms": TERMS, "store": store, "open_url": Web().open_url}
    asked = asked_for(Media.from_file(tmp_path / "fox.mp4", role="source_video"))
    small = asked_for(Media.from_bytes(sample_video(), role="source_video"))
    await deliver((await stage(small, **how, user_id="u1", roots=())).request, **how)  # what is made on first use
    tracemalloc.start()
    try:
        staged = await stage(asked, **how, user_id="u1", roots=(tmp_path,))
        handed = await deliver(staged.request, **how)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (handed.media[0].data, handed.media[0].media_type) == (None, "video/mp4")
    path = staged.request.media[0].input_path
    assert path is not None
    info = await store.stat(f"inputs/{path}")
    assert info is not None
    assert info.size_bytes == VIDEO_BYTES
    assert peak < 4 * 2**20


@pytest.mark.parametrize("role", ["first_frame", "source_video", "reference_audio"])
async def test_each_kind_of_reference_is_fetched_up_to_a_bound_of_its_own(
    role: MediaRole, rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[int] = []

    async def page(url: str, /, *, max_bytes: int) -> AsyncIterator[bytes]:
        bounds.append(max_bytes)
        yield b"<html>"

    monkeypatch.setattr("nexiom_sdk.providers.downloads.open_url", page)
    rig = rig_of(FakeProvider("acme", models=[card_for("bytes", media={role: 1})], clock=clock))
    with pytest.raises(InvalidInput, match="looks like a web page"):
        await rig.studio.submit(asked_for(Media.from_url(URL, role=role)))
    assert bounds == [MOST_BYTES[kind_of(role)]]


async def test_references_that_are_too_long_together_are_refused(rig_of: RigOf, clock: VirtualClock) -> None:
    limits = {"video": MediaLimits(max_total_seconds=3)}
    card = card_for("bytes", media={"reference_video": 2}, media_limits=limits)
    fake = FakeProvider("acme", models=[card], clock=clock).succeed()
    rig = rig_of(fake)
    clip = Media.from_bytes(sample_video(), role="reference_video")
    with pytest.raises(InvalidInput, match="they last 4 s"):
        await rig.studio.submit(VideoRequest(prompt="a fox", media=(clip, clip)))
    assert fake.calls == []
    await rig.steps(await rig.studio.submit(VideoRequest(prompt="a fox", media=(clip,)), defer=True))
    assert len(fake.submissions) == 1


@pytest.mark.parametrize(
    "path", ["../outputs/u1/a.png", "/etc/passwd", "u1/../../x.png", "u1//fox.png", "c:/fox.png", "u1\\fox.png"]
)
async def test_a_path_that_leads_out_of_the_bucket_is_refused(path: str, rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", models=[card_for("bytes")], clock=clock)
    rig = rig_of(fake)
    with pytest.raises(InvalidInput, match="not a path inside a bucket"):
        await rig.studio.submit(asked_for(Media.from_input(path)))
    assert fake.calls == []


def test_an_address_may_be_signed_so_it_is_not_shown() -> None:
    assert "CANARY" not in repr(asked_for(Media.from_url(URL)))
