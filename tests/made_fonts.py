"""TrueType fonts made on the spot, so that tests of coverage depend on no installed font."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

_EM = 1000


def made_font(file: Path, widths: Mapping[str, int], *, placeholders: str = "") -> Path:
    """Write a font whose letters are solid bars of these widths (0: no ink), and whose missing glyph is a hollow box.

    Args:
        file: Where to write it.
        widths: Width of the bar for each character, in thousandths of the size.
        placeholders: Characters that are drawn as yet another box, as fonts of last resort do.
    """
    glyphs = [_glyph([(50, 0, 650, 700), (600, 50, 100, 650)])]
    advances, indexes = [700], {}
    for character, width in {" ": 0, **widths}.items():
        indexes[ord(character)] = len(glyphs)
        glyphs.append(_glyph([(50, 0, 50 + width, 700)]) if width else b"")
        advances.append(width + 100 if width else 300)
    for character in placeholders:
        indexes[ord(character)] = len(glyphs)
        glyphs.append(_glyph([(50, 0, 350, 300)]))
        advances.append(400)
    tables = {
        b"cmap": _cmap(indexes),
        b"glyf": b"".join(glyphs),
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, _EM, 0, 0, 0, -200, _EM, 800, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(">IhhhH", 0x10000, 800, -200, 0, _EM) + bytes(22) + struct.pack(">H", len(glyphs)),
        b"hmtx": b"".join(struct.pack(">Hh", advance, 50) for advance in advances),
        b"loca": struct.pack(f">{len(glyphs) + 1}I", *(sum(map(len, glyphs[:at])) for at in range(len(glyphs) + 1))),
        b"maxp": struct.pack(">IH", 0x10000, len(glyphs)) + struct.pack(">13H", 8, 2, 0, 0, 1, *[0] * 8),
    }
    file.write_bytes(_file(tables))
    return file


def _glyph(bars: list[tuple[int, int, int, int]]) -> bytes:
    points: list[tuple[int, int]] = []
    for left, bottom, right, top in bars:
        points += [(left, bottom), (left, top), (right, top), (right, bottom)]
    xs, ys = zip(*points, strict=True)
    data = struct.pack(">hhhhh", len(bars), min(xs), min(ys), max(xs), max(ys))
    data += b"".join(struct.pack(">H", 4 * bar + 3) for bar in range(len(bars))) + struct.pack(">H", 0)
    data += bytes([1]) * len(points)
    for axis in (xs, ys):
        data += b"".join(struct.pack(">h", at - before) for before, at in zip((0, *axis), axis, strict=False))
    return data + bytes(-len(data) % 4)


def _cmap(indexes: Mapping[int, int]) -> bytes:
    groups = b"".join(struct.pack(">III", code, code, index) for code, index in sorted(indexes.items()))
    table = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(indexes)) + groups
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table


def _file(tables: Mapping[bytes, bytes]) -> bytes:
    at = 12 + 16 * len(tables)
    head, body = struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 48), b""
    for tag, data in sorted(tables.items()):
        head += struct.pack(">4sIII", tag, 0, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return head + body
