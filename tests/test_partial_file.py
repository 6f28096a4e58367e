from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexiom_sdk.backends.partial_file import PartialFile
from nexiom_sdk.testing.store_contract import given


@pytest.fixture
def partial(tmp_path: Path) -> PartialFile:
    return PartialFile(tmp_path / ".partial" / "p1")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "u1" / "0.mp4"


def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_source: str, _target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)


def test_what_was_written_takes_its_place_and_leaves_the_other(partial: PartialFile, target: Path) -> None:
    for chunk in (b"a fox", b" in snow"):
        partial.write(chunk)
    assert not target.exists()
    assert partial.take_place(target).st_size == 13
    partial.discard()
    assert target.read_bytes() == b"a fox in snow"
    assert not partial.path.exists()


def test_what_is_discarded_is_gone(partial: PartialFile, tmp_path: Path) -> None:
    partial.write(b"a fox")
    partial.discard()
    partial.discard()
    assert list((tmp_path / ".partial").iterdir()) == []


def test_a_shared_file_is_not_copied_and_stays(partial: PartialFile, target: Path, tmp_path: Path) -> None:
    partial.share(given(tmp_path))
    partial.take_place(target)
    assert target.samefile(tmp_path / "given")


def test_the_same_file_shared_again_takes_the_place_of_itself(
    partial: PartialFile, target: Path, tmp_path: Path
) -> None:
    given(tmp_path)
    for _ in range(2):
        partial.share(tmp_path / "given")
        partial.take_place(target)
        partial.discard()  # a rename onto the same file leaves both names
        assert target.samefile(tmp_path / "given")
        assert not partial.path.exists()


def test_a_shared_file_is_on_the_disk_before_it_has_its_place(
    partial: PartialFile, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bool]] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((os.fstat(file).st_ino, target.exists())))
    inode = given(tmp_path).stat().st_ino
    partial.share(tmp_path / "given")
    partial.take_place(target)
    assert synced[0] == (inode, False)


@pytest.mark.parametrize("can_link", [True, False])
def test_a_file_that_cannot_be_shared_is_copied(
    partial: PartialFile, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    if not can_link:
        no_links(monkeypatch)
    partial.share(given(tmp_path))
    partial.take_place(target)
    assert target.read_bytes() == (tmp_path / "given").read_bytes() == b"a fox in snow"
    assert target.samefile(tmp_path / "given") == can_link


def test_a_link_is_shared_as_the_file_that_it_leads_to(partial: PartialFile, target: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(given(tmp_path))
    partial.share(tmp_path / "link")
    partial.take_place(target)
    assert not target.is_symlink()
    assert target.samefile(tmp_path / "given")


@pytest.mark.parametrize("can_link", [True, False])
def test_a_file_that_rested_for_long_is_put_now(
    partial: PartialFile, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    if not can_link:
        no_links(monkeypatch)
    now = given(tmp_path).stat().st_mtime
    os.utime(tmp_path / "given", (now - 200_000, now - 200_000))
    partial.share(tmp_path / "given")
    assert partial.take_place(target).st_mtime >= now - 60


@pytest.mark.parametrize("can_link", [True, False])
def test_a_file_that_is_not_there_cannot_be_shared(
    partial: PartialFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    if not can_link:
        no_links(monkeypatch)
    with pytest.raises(FileNotFoundError):
        partial.share(tmp_path / "gone")
    assert not partial.path.exists()


FULL = """
import asyncio, resource, sys
from pathlib import Path
from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.testing.store_contract import content, pieces

async def main():
    store = LocalFiles(Path(sys.argv[1]))
    await store.put("outputs/a.mp4", pieces(b"old"), media_type="video/mp4")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    try:
        await store.put("outputs/a.mp4", pieces(*[b"x" * 262_144] * 8), media_type="video/mp4")
    except StorageUnavailable as error:
        print(error)
    print(await content(store, "outputs/a.mp4"), list(Path(sys.argv[1], ".partial").iterdir()))

asyncio.run(main())
"""


def test_a_disk_that_takes_no_more_leaves_the_old_object_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    said, left = done.stdout.splitlines()
    assert said.startswith(f"The store in {tmp_path} cannot be used: the file is larger than this place takes.")
    assert left == "b'old' []"
