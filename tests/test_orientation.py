from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.orientation import EXIF_MARK, UPRIGHT, orientation


def tiff(*entries: bytes, order: str = ">") -> bytes:
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + bytes(4)


def entry(value: int, *, tag: int = 0x0112, form: int = 3, count: int = 1, order: str = ">") -> bytes:
    packed = struct.pack(order + {1: "B", 3: "H", 4: "I"}.get(form, "I"), value)
    return struct.pack(f"{order}HHI", tag, form, count) + packed.ljust(4, b"\0")


@pytest.mark.parametrize("form", [1, 3, 4])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("turned", range(1, 9))
def test_a_picture_is_turned_as_its_notes_say_in_whichever_form(turned: int, order: str, form: int) -> None:
    other = entry(8, tag=0x0100, order=order)
    notes = tiff(other, entry(turned, form=form, order=order), order=order)
    assert orientation(notes) == orientation(EXIF_MARK + notes) == turned


@pytest.mark.parametrize("wrong", [entry(0), entry(9), entry(6, count=2), entry(6, form=2), entry(6, tag=0x0100), b""])
def test_notes_that_say_nothing_that_counts_leave_it_upright(wrong: bytes) -> None:
    assert orientation(tiff(wrong)) == UPRIGHT


@given(st.sampled_from([b"", EXIF_MARK, b"II*\0", b"MM\0*", tiff(entry(6))[:12]]), st.binary(max_size=60))
def test_noise_is_turned_in_one_of_eight_ways(start: bytes, noise: bytes) -> None:
    assert 1 <= orientation(start + noise) <= 8
