from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexiom_sdk.errors import InvalidInput, StorageUnavailable
from nexiom_sdk.storage import (
    CHUNK_BYTES,
    checked_key,
    input_key,
    output_key,
    read_file,
    result_folder,
    result_path,
    size_of,
    unusable,
)
from nexiom_sdk.testing.store_contract import BAD_KEYS

# Mostly made of what is dangerous, so that good and bad keys are both met often.
_names = st.sampled_from(["..", ".", "", "~", "a", "fox.png", "C:", "C", "\\", "..\\", "\0", "%2e%2e", "ü", " ", "CON"])
_keys = st.lists(_names | st.text(max_size=4), max_size=5).map("/".join)


@pytest.mark.parametrize("key", ["inputs/fox.png", "outputs/_/j1/0.mp4", "inputs/ü/лиса 狐.png", "inputs/a..b/...x"])
def test_a_path_inside_a_bucket_is_a_key(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: repr(key)[:40])
def test_anything_else_is_refused_with_a_next_step(key: str) -> None:
    with pytest.raises(InvalidInput, match="is not a path inside a bucket") as caught:
        checked_key(key)
    assert "u1/fox.png" in caught.value.next_step
    assert caught.value.message.isprintable()


@given(_keys)
@example("inputs/..\\..\\etc")
def test_a_checked_key_never_leaves_the_folder_of_its_bucket(key: str) -> None:
    try:
        checked_key(key)
    except InvalidInput:
        return
    bucket, _, path = key.partition("/")
    root = Path("/srv/store")
    assert os.path.normpath(root / key) == str(root / key)
    assert Path(os.path.normpath(root / key)).is_relative_to(root / bucket)
    assert Path(os.path.normpath(root / key)) != root / bucket
    windows = PureWindowsPath("D:/store", key)
    assert windows.parts[:3] == ("D:\\", "store", bucket)
    assert windows.parts[3:] == tuple(path.split("/"))


@given(_keys)
def test_a_path_in_a_bucket_stays_in_that_bucket(path: str) -> None:
    for make, bucket in ((input_key, "inputs"), (output_key, "outputs")):
        try:
            key = make(path)
        except InvalidInput:
            continue
        assert key == f"{bucket}/{path}"
        assert os.path.normpath(key).startswith(f"{bucket}{os.sep}")


def test_the_same_result_always_has_the_same_path_and_no_two_results_share_one() -> None:
    asked = [(user, job, index) for user in (None, "u1", "u2") for job in ("j1", "j2") for index in (0, 1)]
    paths = [result_path(*one) for one in asked]
    assert paths == [result_path(*one) for one in asked]
    assert len(set(paths)) == len(asked)
    assert [output_key(path) for path in paths] == [f"outputs/{path}" for path in paths]


@pytest.mark.parametrize("user", [None, "u1"])
def test_all_results_of_a_job_lie_in_its_folder(user: str | None) -> None:
    for index, extension in ((0, "mp4"), (0, "jpg"), (1, "webm")):
        assert result_path(user, "j1", index, extension).rpartition("/")[0] == result_folder(user, "j1")


def test_a_result_has_the_suffix_of_its_container() -> None:
    assert result_path("u1", "j1", 0, "webm") == "u1/j1/0.webm"


async def test_a_file_is_read_in_pieces_and_its_trouble_is_named(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"x" * (CHUNK_BYTES + 1))
    assert [len(piece) async for piece in read_file(tmp_path / "film")] == [CHUNK_BYTES, 1]
    with pytest.raises(StorageUnavailable, match=r"The file gone cannot be read: No such file"):
        await anext(read_file(tmp_path / "gone"))


async def test_the_length_of_a_file_is_that_of_its_pieces_and_its_trouble_is_named_the_same(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"x" * (CHUNK_BYTES + 1))
    assert await size_of(tmp_path / "film") == CHUNK_BYTES + 1
    with pytest.raises(StorageUnavailable, match=r"The file gone cannot be read: No such file"):
        await size_of(tmp_path / "gone")


def test_a_store_that_cannot_be_used_says_where_why_and_what_to_do() -> None:
    error = unusable("s3://films", "it is full", "Make room")
    assert error.message == "The store in s3://films cannot be used: it is full."
    assert error.next_step.startswith("Make room, or set NEXIOM_STORE_URL to another place; jobs stay as they are")
