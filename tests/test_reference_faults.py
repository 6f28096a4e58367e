"""References that are a trick or a mistake, as their user sees it: rows F24 and F25 of the fault catalogue.

All of them are refused before anything is ordered: nothing is charged, nothing is kept, and no row is made.
"""

from __future__ import annotations

import base64
import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from media_faults_rig import CANARY, Internet, internet, runway
from media_rig import picture
from nexiom_sdk import JobStatus, Media, Settings, Studio, VideoRequest
from nexiom_sdk.errors import InvalidInput, NexiomError, RequestError, UnsafeUrl
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import Answer, Cut, FakeProvider, LoopbackServer, VirtualClock, fake_card, sample_video
from nexiom_sdk.types import DeliveredMedia
from rig import factory_of, policy_over

MIB = 2**20


@pytest.fixture
async def net(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    async with internet(monkeypatch) as made:
        yield made


@dataclass(kw_only=True)
class Desk:
    """A studio on SQLite and files, and a model that takes bytes only: addresses are opened here."""

    studio: Studio
    provider: FakeProvider
    home: Path

    async def refusal(self, media: Media) -> NexiomError:
        """What the user is told; nothing was ordered, kept or written down."""
        with pytest.raises(NexiomError) as caught:
            await self.studio.submit(VideoRequest(prompt="a fox in snow", media=(media,)), user_id="u1")
        assert isinstance(caught.value, RequestError | UnsafeUrl)
        assert caught.value.charged == "no"
        assert "Nothing was charged." in str(caught.value)
        assert caught.value.next_step
        assert CANARY not in str(caught.value)
        assert (self.provider.accepted, self.provider.calls, self.inputs()) == ([], [], [])
        assert await self.studio.jobs() == []
        return caught.value

    async def delivered(self, media: Media) -> DeliveredMedia:
        """What the provider is given of it."""
        job = await self.studio.submit(VideoRequest(prompt="a fox in snow", media=(media,)), user_id="u1")
        assert (await self.studio.wait(job.id)).job.status == JobStatus.COMPLETED
        assert len(self.provider.accepted) == 1
        return self.provider.submissions[0].spec.media[0]

    def inputs(self) -> list[Path]:
        """What is in the bucket."""
        return sorted(one for one in (self.home / "inputs").rglob("*") if one.is_file())


@asynccontextmanager
async def desk(home: Path, *, roots: Sequence[Path] = ()) -> AsyncIterator[Desk]:
    clock = VirtualClock(auto=True)
    provider = FakeProvider("acme", models=[fake_card(delivery=frozenset({"bytes"}))], clock=clock).succeed()
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", factory_of(provider))
    settings = Settings(home=home / "home", media_roots=tuple(roots))
    async with Studio(settings=settings, registry=registry, policy=policy_over("acme/fake-1"), clock=clock) as studio:
        yield Desk(studio=studio, provider=provider, home=home / "home")


INSIDE: Mapping[str, tuple[str, Sequence[list[str]]]] = {
    "this machine": ("127.0.0.1", ()),
    "this machine by name": ("localhost", [["127.0.0.1"]]),
    "the cloud's own data": ("169.254.169.254", ()),
    "version 6": ("[::1]", ()),
    "mapped": ("[::ffff:10.0.0.1]", ()),
    "NAT64": ("[64:ff9b::a9fe:a9fe]", ()),
    "a decimal number": ("2130706433", ()),
    "hexadecimal": ("0x7f.1", ()),
    "a trailing dot": ("127.0.0.1.", ()),
    "a private answer": ("pictures.example", [["192.168.0.10"]]),
    "mixed answers": ("pictures.example", [["8.8.8.8", "10.0.0.1"]]),
}


@pytest.mark.parametrize("how", INSIDE)
async def test_f24_an_address_that_leads_inside_is_not_opened(how: str, net: Internet, tmp_path: Path) -> None:
    host, answers = INSIDE[how]
    if answers:
        net.has(host, *answers)
    async with desk(tmp_path) as at:
        error = await at.refusal(Media.from_url(f"https://{host}/fox.png?sig={CANARY}"))
    assert isinstance(error, UnsafeUrl)
    assert f"{host.strip('[]')} was not opened: it leads into a private network." in error.message
    assert error.next_step == "Use a public https address."
    assert (net.dialled, net.inside.connections) == ([], 0)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://169.254.169.254/latest?sig=CANARY", "169.254.169.254 was not opened"),
        ("http://pictures.example/fox.png?sig=CANARY", "http://pictures.example was not opened: it is not https"),
        ("file:///etc/passwd?sig=CANARY", "it has no host"),
        ("https://pictures.example:22/?sig=CANARY", "only the port 443"),
        ("https://me:CANARY@pictures.example/fox.png", "a login in it"),
        ("/fox.png?sig=CANARY", "more than 3 times"),
    ],
)
async def test_f24_a_public_address_that_redirects_inside_is_not_followed(
    location: str, words: str, net: Internet, tmp_path: Path
) -> None:
    away = Answer(302, headers={"location": location})
    async with LoopbackServer(lambda _: away, tls=net.certificate("pictures.example")) as public, desk(tmp_path) as at:
        net.has("pictures.example", ["8.8.8.8"], server=public)
        error = await at.refusal(Media.from_url("https://pictures.example/fox.png"))
    assert isinstance(error, UnsafeUrl)
    assert words in error.message
    assert set(net.dialled) == {"8.8.8.8"}


async def test_f24_an_address_that_changes_its_mind_while_it_is_fetched_is_not_followed(
    net: Internet, tmp_path: Path
) -> None:
    cut = Cut(Answer.file(picture(size=(600, 600)), "image/png", etag='"v1"'), -100)
    async with LoopbackServer(lambda _: cut, tls=net.certificate("pictures.example")) as public, desk(tmp_path) as at:
        net.has("pictures.example", ["8.8.8.8"], ["127.0.0.1"], server=public)
        assert isinstance(await at.refusal(Media.from_url("https://pictures.example/fox.png")), UnsafeUrl)
    assert net.dialled == ["8.8.8.8"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost.", "169.254.169.254", "[::1]", "2130706433"])
async def test_f24_an_address_that_leads_inside_is_not_handed_to_a_provider_either(host: str, tmp_path: Path) -> None:
    async with runway(tmp_path) as at:
        with pytest.raises(UnsafeUrl) as caught:
            await at.studio.submit(at.request(media=(Media.from_url(f"https://{host}/fox.png?sig={CANARY}"),)))
        assert (at.server.connections, await at.studio.jobs()) == (0, [])
    assert "was not handed on: it is a private address. Nothing was charged." in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://pictures.example/a.png", "file:///etc/passwd", "ftp://x/a.png", "data:,x", "/a"]
)
def test_f24_an_address_that_is_not_https_makes_no_request_at_all(url: str) -> None:
    with pytest.raises(InvalidInput, match="must begin with https://"):
        Media.from_url(url)


async def test_f24_a_good_public_address_is_opened(net: Internet, tmp_path: Path) -> None:
    fox = Answer.file(picture(), "text/plain")
    async with LoopbackServer(lambda _: fox, tls=net.certificate("pictures.example")) as public, desk(tmp_path) as at:
        net.has("pictures.example", ["8.8.8.8"], server=public)
        given = await at.delivered(Media.from_url("https://pictures.example/fox.png"))
    assert given.media_type == "image/png"
    assert Image.open(io.BytesIO(given.data or b"")).size == (33, 21)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_f24_an_address_with_nothing_behind_it_says_so(status: int, net: Internet, tmp_path: Path) -> None:
    async with (
        LoopbackServer(lambda _: Answer(status), tls=net.certificate("x.example")) as public,
        desk(tmp_path) as at,
    ):
        net.has("x.example", ["8.8.8.8"], server=public)
        error = await at.refusal(Media.from_url(f"https://x.example/fox.png?sig={CANARY}"))
    assert "There is nothing at the address of the reference 'https://x.example/fox.png?***'" in error.message
    assert "hand over the file itself" in error.next_step


def _outside(folder: Path) -> tuple[Path, Path]:
    """A secret outside the allowed folder, and that folder."""
    secret, allowed = folder / "secret.png", folder / "allowed"
    secret.write_bytes(picture())
    allowed.mkdir()
    return secret, allowed


def _link(secret: Path, allowed: Path) -> Path:
    (allowed / "fox.png").symlink_to(secret)
    return allowed / "fox.png"


def _linked_folder(secret: Path, allowed: Path) -> Path:
    (allowed / "more").symlink_to(secret.parent)
    return allowed / "more" / secret.name


def _twin(secret: Path, allowed: Path) -> Path:
    twin = allowed.with_name("allowed-not") / "fox.png"
    twin.parent.mkdir()
    twin.write_bytes(secret.read_bytes())
    return twin


PLACES: Mapping[str, Callable[[Path, Path], Path]] = {
    "outside": lambda secret, _: secret,
    "up and out": lambda secret, allowed: allowed / ".." / secret.name,
    "through a link": _link,
    "through a linked folder": _linked_folder,
    "beside, with a longer name": _twin,
    "a file of the system": lambda *_: Path("/etc/passwd"),
}


@pytest.mark.parametrize("place", PLACES)
async def test_f24_a_file_outside_the_allowed_folders_is_not_read(place: str, tmp_path: Path) -> None:
    secret, allowed = _outside(tmp_path)
    file = PLACES[place](secret, allowed)
    async with desk(tmp_path, roots=[allowed]) as at:
        error = await at.refusal(Media.from_file(file))
    assert isinstance(error, InvalidInput)
    assert "lies outside the folders from which references may be read" in error.message
    assert "NEXIOM_MEDIA_ROOTS" in error.next_step


async def test_f24_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    _, allowed = _outside(tmp_path)
    (allowed / "real.png").write_bytes(picture())
    (allowed / "link.png").symlink_to("real.png")
    async with desk(tmp_path, roots=[allowed]) as at:
        assert (await at.delivered(Media.from_file(allowed / "link.png"))).media_type == "image/png"


@pytest.mark.parametrize("what", ["no folder is allowed", "a folder", "a pipe", "a device", "not there", "a loop"])
async def test_f24_what_is_no_plain_file_is_not_read(what: str, tmp_path: Path) -> None:
    file = tmp_path / "fox.png"
    roots = [tmp_path]
    match what:
        case "no folder is allowed":
            file.write_bytes(picture())
            roots = []
        case "a folder":
            file.mkdir()
        case "a pipe":
            os.mkfifo(file)
        case "a device":
            file, roots = Path("/dev/zero"), [Path("/dev")]
        case "a loop":
            file.symlink_to(file)
        case _:
            pass
    async with desk(tmp_path, roots=roots) as at:
        error = await at.refusal(Media.from_file(file))
    assert isinstance(error, InvalidInput)
    assert str(file) in error.message


def _png(width: int, height: int) -> bytes:
    whole = picture("PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + whole[24:29]
    return whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


def _jpeg(width: int, height: int) -> bytes:
    whole = picture("JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def _gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0" + b"\x3b"


def _webp(width: int, height: int) -> bytes:
    size = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + size + picture("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("make", [_png, _jpeg, _gif, _webp])
async def test_f25_a_picture_of_more_pixels_than_any_real_one_is_refused_by_its_header(
    make: Callable[[int, int], bytes], tmp_path: Path
) -> None:
    tracemalloc.start()
    try:
        async with desk(tmp_path) as at:
            error = await at.refusal(Media.from_bytes(make(60_000, 60_000)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, InvalidInput)
    assert "60,000 x 60,000 pixels; 64,000,000 in all are allowed" in error.message
    assert "Scale it down" in error.next_step
    assert peak < 32 * MIB, "it was decoded"


@pytest.mark.parametrize("where", ["a file", "an address", "the bucket"])
async def test_f25_two_gigabytes_are_refused_without_being_read(where: str, net: Internet, tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    with huge.open("wb") as sparse:
        sparse.write(_png(100, 100))
        sparse.truncate(2 * 1024 * MIB)
    endless = Answer(headers={"content-type": "image/png"}, chunks=iter(lambda: bytes(MIB), b""), length=2 * 1024 * MIB)
    async with LoopbackServer(lambda _: endless, tls=net.certificate("x.example")) as public:
        net.has("x.example", ["8.8.8.8"], server=public)
        async with desk(tmp_path, roots=[tmp_path]) as at:
            if where == "the bucket":
                (at.home / "inputs" / "u1").mkdir(parents=True)
                huge.rename(at.home / "inputs" / "u1" / "huge.png")
            media = {
                "a file": Media.from_file(huge),
                "an address": Media.from_url(f"https://x.example/huge.png?sig={CANARY}"),
                "the bucket": Media.from_input("u1/huge.png"),
            }[where]
            await at.studio.jobs()
            tracemalloc.start()
            try:
                with pytest.raises(InvalidInput, match=r"is larger than \d+ MiB") as caught:
                    await at.studio.submit(VideoRequest(prompt="a fox", media=(media,)), user_id="u1")
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert (at.provider.accepted, await at.studio.jobs()) == ([], [])
    assert caught.value.charged == "no"
    most = 64 if where == "the bucket" else 32  # what a bucket has is read to the cap
    assert peak < most * MIB, f"{peak / MIB:.0f} MiB were held of what is refused"


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.js", "alert(1)" * 20)
    return out.getvalue()


SCRIPT = b"<html><script>alert(1)</script></html>"
# What is begun like one thing and ended like another: what it counts as, or why it is refused.
POLYGLOTS: Mapping[str, tuple[bytes, str]] = {
    "a JPEG with a page behind it": (picture("JPEG") + SCRIPT, "image/jpeg"),
    "a GIF that is a script": (b"GIF89a/*" + picture("GIF")[8:-1] + b"*/=1;alert(1)//\x3b", "damaged or incomplete"),
    "a JPEG with a clip behind it": (picture("JPEG") + sample_video(), "image/jpeg"),
    "a PNG with an archive behind it": (picture("PNG") + _zip(), "image/png"),
    "a WebP with an archive behind it": (picture("WEBP") + _zip(), "image/webp"),
    "a GIF with a page behind it": (picture("GIF") + SCRIPT, "image/gif"),
    "a PNG whose end is in what follows": (picture("PNG")[:-12] + _zip() + b"IEND", "damaged or incomplete"),
    "a JPEG whose end is in what follows": (picture("JPEG")[:-2] + b"\xff\xfa" + SCRIPT + b"\xff\xd9", "damaged or"),
    "an archive with a PNG behind it": (_zip() + picture("PNG"), "its type is not known"),
    "a page with a JPEG behind it": (SCRIPT + picture("JPEG"), "looks like a web page"),
    "a drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "an SVG drawing"),
    "a drawing behind a byte order mark": (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "an SVG drawing"),
    "a document": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "its type is not known"),
    "half a JPEG": (picture("JPEG", (600, 600))[:2000], "damaged or incomplete"),
    "half a PNG": (picture("PNG", (600, 600))[:-100], "damaged or incomplete"),
    "half a WebP": (picture("WEBP", (600, 600))[:-100], "damaged or incomplete"),
    "no pixels": (_png(0, 100), "damaged or incomplete"),
    "nothing": (b"", "is empty"),
}


@pytest.mark.parametrize("name", ["fox.png", "fox.html", "fox.svg", "fox"])
@pytest.mark.parametrize("what", POLYGLOTS)
async def test_f25_a_reference_is_what_its_bytes_say_and_never_what_its_name_says(
    what: str, name: str, tmp_path: Path
) -> None:
    data, becomes = POLYGLOTS[what]
    (tmp_path / name).write_bytes(data)
    async with desk(tmp_path, roots=[tmp_path]) as at:
        if becomes.startswith("image/"):
            given = await at.delivered(Media.from_file(tmp_path / name))
            assert given.media_type == becomes
            [kept] = at.inputs()
            kind = becomes.partition("/")[2]
            assert kept.suffix == f".{kind}".replace("jpeg", "jpg")
            assert kept.read_bytes() == given.data == picture(kind.upper()), "what stood behind it went out"
        else:
            error = await at.refusal(Media.from_file(tmp_path / name))
            assert isinstance(error, InvalidInput)
            assert becomes in error.message
            assert f"'{name}'" in error.message


SEOUL = {1: "N", 2: (37.0, 33.0, 59.0), 3: "E", 4: (126.0, 58.0, 41.0)}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_f25_where_a_picture_was_taken_never_leaves_this_machine(kind: str, tmp_path: Path) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x8825] = SEOUL
    exif[0x010F] = "CANARY-camera"
    Image.new("RGB", (64, 48), "orange").save(out, kind, exif=exif)
    assert Image.open(io.BytesIO(out.getvalue())).getexif().get_ifd(0x8825), "the picture does say where"
    async with desk(tmp_path) as at:
        given = await at.delivered(Media.from_bytes(out.getvalue()))
        [kept] = at.inputs()
        seen_by_others = [given.data or b"", kept.read_bytes()]
    for one in seen_by_others:
        taken = Image.open(io.BytesIO(one))
        assert (taken.format, taken.size) == (kind, (64, 48))
        assert not taken.getexif().get_ifd(0x8825)
        assert b"CANARY-camera" not in one


async def test_f25_the_wire_of_a_provider_carries_no_place_either(tmp_path: Path) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x8825] = SEOUL
    exif[0x010F] = "CANARY-camera"
    Image.new("RGB", (1280, 720), "orange").save(out, "JPEG", exif=exif)
    async with runway(tmp_path) as at:
        await at.studio.generate(at.request(media=(Media.from_bytes(out.getvalue()),)))
        [order] = at.wire.orders
        sent = base64.b64decode(str(order.json()["promptImage"]).partition(",")[2])  # type: ignore[index,call-overload]
    assert Image.open(io.BytesIO(sent)).size == (1280, 720)
    assert b"CANARY-camera" not in sent
