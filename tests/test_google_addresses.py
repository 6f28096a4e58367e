from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.google_addresses import names_a_bucket, names_an_object, object_at


@pytest.mark.parametrize(
    "address",
    [
        "gs://my-bucket/fox.png",
        "gs://example.com/a/b/c.png",
        "gs://a_b/" + "x" * 1024,
        "gs://abc/ein Füchslein.png",
    ],
)
def test_an_object_has_a_bucket_and_a_name(address: str) -> None:
    assert names_a_bucket(address)
    assert names_an_object(address)
    assert object_at(address) == tuple(address.removeprefix("gs://").split("/", 1))


@pytest.mark.parametrize(
    "address",
    [
        "gs://",
        "gs://bucket",
        "gs://bucket/",
        "gs:///fox.png",
        "gs://bucket/..",
        "gs://bucket/a\nb",
        "gs://bucket/" + "x" * 1025,
    ],
)
def test_an_address_may_name_no_object_that_google_would_have(address: str) -> None:
    assert names_a_bucket(address)
    assert not names_an_object(address)


@pytest.mark.parametrize("bucket", ["b", "ab", "Bucket", "-bucket", "bucket-", "a" * 64, "a." + "b" * 64, "x" * 223])
def test_a_bucket_may_be_called_as_google_does_not_allow(bucket: str) -> None:
    assert not names_a_bucket(f"gs://{bucket}/fox.png")


@pytest.mark.parametrize("address", ["https://bucket/fox.png", "gs://bucket?x/fox.png", "gs://bucket#x/fox.png", ""])
def test_what_is_no_address_of_an_object_has_none(address: str) -> None:
    assert object_at(address) is None


@given(st.text(max_size=80))
def test_any_text_behind_a_bucket_is_an_object_or_none(text: str) -> None:
    assert object_at(f"gs://bucket/{text}") == (("bucket", text) if text else None)
    assert not names_an_object(f"gs://bucket/{text}\0")
