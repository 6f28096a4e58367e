"""Addresses in Google Cloud Storage, `gs://bucket/object`, as Google documents the names of buckets and objects."""

from __future__ import annotations

import re

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_BUCKET_PART = 63
_LONGEST_OBJECT_BYTES = 1024
_OBJECT = re.compile(r"gs://([^/?#]+)/(.+)", re.DOTALL)


def object_at(address: str) -> tuple[str, str] | None:
    """The bucket and the object that an address names, whatever they are called; None where it names no object.

    Args:
        address: Any address.

    Example:
        >>> object_at("gs://my-bucket/folder/fox.png"), object_at("https://my-bucket/fox.png")
        (('my-bucket', 'folder/fox.png'), None)
    """
    found = _OBJECT.fullmatch(address)
    return (found[1], found[2]) if found else None


def names_a_bucket(address: str) -> bool:
    """Whether the bucket is called as Google lets it be; an address without one is for `names_an_object` to refuse.

    Args:
        address: An address that begins with gs://.
    """
    bucket = address.removeprefix("gs://").partition("/")[0]
    parts_fit = all(len(part) <= _LONGEST_BUCKET_PART for part in bucket.split("."))
    return not bucket or (_BUCKET.fullmatch(bucket) is not None and parts_fit)


def names_an_object(address: str) -> bool:
    """Whether there is a bucket, and an object that Google lets be called so; whether it exists nobody asks.

    Args:
        address: An address that begins with gs://.
    """
    found = object_at(address)
    if found is None:
        return False
    _, name = found
    fits = len(name.encode("utf-8", "replace")) <= _LONGEST_OBJECT_BYTES
    return fits and name not in {".", ".."} and name.isprintable()
