from __future__ import annotations

import pytest

from nexiom_sdk.regions import is_region, overlap


@pytest.mark.parametrize("code", ["DE", "de", "US", "GB", "UK", "EU", "eu", "XK", "TW"])
def test_a_code_of_a_country_is_a_region(code: str) -> None:
    assert is_region(code)


@pytest.mark.parametrize("code", ["", "D", "DEU", "EN", "JA", "ZZ", "germany", "E\u0130", "\u00df"])
def test_anything_else_is_none(code: str) -> None:
    assert not is_region(code)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("DE", "DE", True),
        ("de", "DE", True),
        ("DE", "FR", False),
        ("DE", "EU", True),
        ("EU", "FR", True),
        ("EU", "EU", True),
        ("GB", "EU", False),
        ("UK", "GB", True),
        ("KR", "US", False),
    ],
)
def test_regions_overlap_where_they_have_a_country_in_common(*, one: str, other: str, common: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is common
