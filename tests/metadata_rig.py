"""Media files with something to hide in every place that can hold it, and the copy without it."""

from __future__ import annotations

import io
import random
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageCms, PngImagePlugin

from nexiom_sdk.metadata import without_metadata

CANARY = b"CANARY-52.5200N"
WORD = CANARY.decode()
SECRET = CANARY * 3


def stripped(data: bytes, media_type: str) -> bytes:
    """The copy; and it is said truly whether it differs."""
    out = io.BytesIO()
    changed = without_metadata(io.BytesIO(data), out, media_type=media_type)
    assert changed == (out.getvalue() != data)
    return out.getvalue()


def noise(size: tuple[int, int] = (64, 40), mode: str = "RGB") -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(7).randbytes(size[0] * size[1] * 3)).convert(mode)


def saved(picture: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def exif(orientation: int = 6, order: str = ">") -> bytes:
    """The notes of a camera: place, device, author, time, and the picture in small."""
    notes = Image.Exif()
    notes.endian = order
    notes[0x0112] = orientation
    for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298):
        notes[tag] = WORD
    inner = notes.get_ifd(0x8769)
    inner[0x9286], inner[0x927C] = SECRET, SECRET
    place = notes.get_ifd(0x8825)
    place[1], place[2], place[27] = "N", (52.0, 31.0, 12.0), SECRET
    small = notes.get_ifd(1)
    small[0x010E] = WORD
    return notes.tobytes()


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def segment(mark: int, content: bytes) -> bytes:
    return bytes((0xFF, mark)) + struct.pack(">H", len(content) + 2) + content


def jpeg_with_secrets(**how: object) -> bytes:
    plain = saved(noise(), "JPEG", exif=exif(), icc_profile=profile(), comment=SECRET, quality=90, **how)
    hidden = b"".join(
        (
            segment(0xE0, b"JFXX\0\x10" + SECRET),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
            segment(0xE1, exif(3)),
            segment(0xE2, b"MPF\0" + SECRET),
            segment(0xEB, b"JP\0\1" + SECRET),
            segment(0xED, b"Photoshop 3.0\x008BIM" + SECRET),
            segment(0xEE, b"Adobe-like " + SECRET),
            b"\xff\xff" + segment(0xFE, SECRET),
        )
    )
    table = plain.index(b"\xff\xdb")
    return plain[:table] + hidden + plain[table:] + b"\0\0\0\x18ftypmp42" + SECRET + b"\xff\xd9"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with_secrets(*, late: bool = False, **how: object) -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", WORD)
    words.add_text("Software", WORD * 9, zip=True)
    words.add_itxt("XML:com.adobe.xmp", WORD)
    plain = saved(noise(), "PNG", pnginfo=words, icc_profile=profile(), dpi=(72, 72), gamma=0.45, **how)
    hidden = b"".join(
        (
            chunk(b"tIME", SECRET),
            chunk(b"eXIf", exif()[6:]),
            chunk(b"caBX", SECRET),
            chunk(b"zzZz", SECRET),
            chunk(b"iDOT", SECRET),
        )
    )
    at = plain.index(b"IEND") - 4 if late else plain.index(b"IDAT") - 4
    return plain[:at] + hidden + plain[at:] + SECRET


def riff_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(kind: bytes, *chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + kind + b"".join(chunks)


def webp_with_secrets(**how: object) -> bytes:
    plain = saved(noise(mode="RGBA"), "WEBP", exif=exif(), xmp=SECRET, icc_profile=profile(), **how)
    more = riff_chunk(b"C2PA", SECRET) + riff_chunk(b"zzzz", SECRET)
    return b"RIFF" + struct.pack("<I", len(plain) - 8 + len(more)) + plain[8:] + more + SECRET


def gif_blocks(content: bytes) -> bytes:
    return (
        b"".join(bytes((len(one),)) + one for one in (content[at : at + 255] for at in range(0, len(content), 255)))
        + b"\0"
    )


def gif_with_secrets() -> bytes:
    frames = [noise((30, 20), "L").rotate(turn) for turn in (0, 90, 180)]
    plain = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=3, duration=70, comment=SECRET)
    hidden = b"".join(
        (
            b"\x21\xff\x0bXMP DataXMP" + SECRET + bytes(range(255, -1, -1)) + b"\0",
            b"\x21\xff\x0bNETSCAPE2.0" + gif_blocks(b"\x02" + SECRET),
            b"\x21\xf9\x04\0\x07\0\0\0\x21\x01" + gif_blocks(bytes(12))[:-1] + gif_blocks(SECRET),
            b"\x21\xfe" + gif_blocks(SECRET * 20),
            b"\x21\x42" + gif_blocks(SECRET),
        )
    )
    at = plain.index(b"\x21\xf9")
    return plain[:at] + hidden + plain[at:] + SECRET


def box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I", 8 + sum(map(len, content))) + kind + b"".join(content)


def full(kind: bytes, *content: bytes) -> bytes:
    return box(kind, bytes(4), *content)


def video(
    file: Path,
    *,
    sound: bool = True,
    seconds: float = 1.0,
    options: dict[str, str] | None = None,
    captions: bool = False,
) -> bytes:
    """A real video with whatever its format says of it filled in."""
    webm = file.suffix == ".webm"
    with av.open(str(file), "w", options=options or {}) as out:
        for name in ("title", "comment", "artist", "location", "make", "model", "date", "description"):
            out.metadata[name] = "2026-05-04T03:02:01Z" if name == "date" else WORD
        out.metadata["creation_time"] = "2026-05-04T03:02:01Z"
        pictures = out.add_stream("libvpx" if webm else "libx264", rate=24)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.metadata["title"] = pictures.metadata["handler_name"] = WORD
        tones = out.add_stream("libopus" if webm else "aac", rate=48_000) if sound else None
        words = out.add_stream("webvtt" if webm else "mov_text") if captions else None
        if words is not None:
            words.codec_context.subtitle_header = b"[Script Info]\n"
            words.time_base = Fraction(1, 1000)
        for at in range(int(24 * seconds)):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (at * 5 % 256, 90, 200)))  # type: ignore[no-untyped-call]
            out.mux(pictures.encode(frame))
            if words is not None and at % 8 == 0:
                said = av.Packet(CANARY if webm else struct.pack(">H", len(CANARY)) + CANARY)
                said.stream, said.time_base, said.duration = words, Fraction(1, 1000), 300
                said.pts = said.dts = at * 40
                out.mux(said)
        if tones is not None:
            step = 960 if webm else 1024
            for start in range(0, int(48_000 * seconds), step):
                heard = av.AudioFrame(format="s16" if webm else "fltp", layout="mono", samples=step)
                heard.sample_rate, heard.pts = 48_000, start
                heard.planes[0].update(random.Random(start).randbytes(step * 2) if webm else bytes(step * 4))
                out.mux(tones.encode(heard))
            out.mux(tones.encode(None))
        out.mux(pictures.encode(None))
    return file.read_bytes()


def decoded(data: bytes) -> list[bytes]:
    """Every picture and every sound of a file, as they are played."""
    found: list[bytes] = []
    with av.open(io.BytesIO(data), "r") as opened:
        for kind in (*opened.streams.video, *opened.streams.audio):
            opened.seek(0)
            for frame in opened.decode(kind):
                assert isinstance(frame, av.VideoFrame | av.AudioFrame)
                found.append(b"".join(map(bytes, frame.planes)) + str(frame.pts).encode())
    return found


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """The boxes at the top of an MP4, whole, with their kinds."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        found.append((data[at + 4 : at + 8], data[at : at + size]))
        at += size
    return found


def track(
    handler: bytes, places: list[tuple[int, list[int]]], *, wide: bool = False, same: int = 0, entry: bytes = b""
) -> bytes:
    """A track of another kind: chunks at places, each with samples of some lengths."""
    sizes = [length for _, lengths in places for length in lengths]
    runs = [struct.pack(">3I", number, len(lengths), 1) for number, (_, lengths) in enumerate(places, start=1)]
    offsets = [struct.pack(">Q" if wide else ">I", at) for at, _ in places]
    table = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), entry or box(b"gpmd", bytes(6), b"\0\1", bytes(4))),
        full(b"stts", struct.pack(">3I", 1, len(sizes), 1)),
        full(b"stsc", struct.pack(">I", len(runs)), *runs),
        full(b"stsz", struct.pack(">2I", same, len(sizes)), *([] if same else [struct.pack(">I", n) for n in sizes])),
        full(b"co64" if wide else b"stco", struct.pack(">I", len(offsets)), *offsets),
    )
    return box(
        b"trak",
        full(b"tkhd", struct.pack(">5I", 1, 1, 99, 0, len(sizes)), bytes(60)),
        box(
            b"mdia",
            full(b"mdhd", struct.pack(">4I", 1, 1, 1, len(sizes)), bytes(4)),
            full(b"hdlr", bytes(4), handler, bytes(12), SECRET, b"\0"),
            box(b"minf", box(b"gmhd", SECRET), box(b"dinf", full(b"dref", bytes((0, 0, 0, 1)), full(b"url "))), table),
        ),
    )


def with_track(plain: bytes, trak: bytes, *media: bytes) -> bytes:
    """An MP4 whose index comes last, with one more track and more media before the index."""
    kinds = split(plain)
    assert kinds[-1][0] == b"moov"
    return b"".join(whole for _, whole in kinds[:-1]) + b"".join(media) + box(b"moov", kinds[-1][1][8:], trak)


def media_at(plain: bytes) -> int:
    """Where the content of media is that `with_track` puts before the index."""
    return len(plain) - len(split(plain)[-1][1]) + 8


def element(kind: int, *content: bytes) -> bytes:
    whole = b"".join(content)
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + (1 << 56 | len(whole)).to_bytes(8, "big") + whole


def parse(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of a content of EBML."""

    def number(at: int) -> tuple[int, int]:
        length = 9 - data[at].bit_length()
        return int.from_bytes(data[at : at + length], "big"), at + length

    found, at = [], 0
    while at < len(data):
        kind, size_at = number(at)
        size, start = number(size_at)
        size &= (1 << 7 * (start - size_at)) - 1
        found.append((kind, data[start : start + size]))
        at = start + size
    return found


def wav(*more: bytes, samples: int = 4801) -> bytes:
    sound = random.Random(1).randbytes(samples)
    form = riff_chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 48_000, 48_000, 1, 8))
    return riff(b"WAVE", form, *more[:1], riff_chunk(b"data", sound), *more[1:])


def mp3(frames: int = 60) -> bytes:
    """Sound of 128 kbit/s without any tag: silent frames."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def ape(*, head: bool) -> bytes:
    item = struct.pack("<2I", len(SECRET), 0) + b"Comment\0" + SECRET
    flags = 0x80000000 if head else 0

    def end(more: int) -> bytes:
        return b"APETAGEX" + struct.pack("<4I", 2000, len(item) + 32, 1, flags | more) + bytes(8)

    return (end(0x20000000) if head else b"") + item + end(0)


def id3v2(content: bytes, *, footer: bool = False) -> bytes:
    size = bytes(len(content) >> shift & 0x7F for shift in (21, 14, 7, 0))
    head = b"\4\0" + bytes((0x10 if footer else 0,)) + size
    return b"ID3" + head + content + (b"3DI" + head if footer else b"")


def mp3_with_secrets() -> bytes:
    words = (SECRET * 9).ljust(500, b"\0")
    lyrics = b"LYRICSBEGININD00003" + SECRET
    return b"".join(
        (
            id3v2(words, footer=True),
            id3v2(b"COMM" + words) + ape(head=True) + bytes(100),
            mp3(40),
            id3v2(words) + b"TAG" + SECRET.ljust(125, b"\0"),
            mp3(40),
            ape(head=True),
            lyrics + f"{len(lyrics):06}".encode() + b"LYRICS200",
            id3v2(words, footer=True) + ape(head=False),
            b"TAG" + SECRET.ljust(125, b" "),
        )
    )
