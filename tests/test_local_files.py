from __future__ import annotations

import asyncio
import errno
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nexiom_sdk.backends import local_files
from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.disk import LEFTOVER_SECONDS
from nexiom_sdk.errors import ConfigurationError, InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.store_contract import KEY, ObjectStoreContract, content, given, pieces, then_fail


class TestLocalFiles(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return LocalFiles(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> LocalFiles:
    return LocalFiles(root)


async def put(store: LocalFiles, key: str = KEY, data: bytes = b"fox") -> None:
    await store.put(key, pieces(data), media_type="image/png")


def leftovers(root: Path) -> list[Path]:
    return list((root / ".partial").iterdir())


async def test_making_a_store_and_looking_into_it_writes_nothing(store: LocalFiles, root: Path) -> None:
    assert await store.stat(KEY) is None
    assert [info async for info in store.list()] == []
    await store.delete(KEY)
    assert not (root / ".").exists()


async def test_an_object_is_a_file_of_that_name(store: LocalFiles, root: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    info = await store.put("outputs/u1/j1/0.mp4", pieces(b"fox"), media_type="video/mp4")
    assert (root / "outputs/u1/j1/0.mp4").read_bytes() == b"fox"
    assert info.media_type == "video/mp4"
    assert info.modified_at is not None
    assert before < info.modified_at < datetime.now(UTC) + timedelta(seconds=2)


async def test_an_address_is_that_of_the_file_whatever_its_name(store: LocalFiles, root: Path) -> None:
    key = "outputs/ü 狐/#1?.mp4".replace("?", "")
    await put(store, key)
    assert await store.url(key, ttl_seconds=1) == (root / key).as_uri()
    assert "%20" in (root / key).as_uri()


async def test_no_partial_file_stays_behind(store: LocalFiles, root: Path, tmp_path: Path) -> None:
    await put(store)
    for _ in range(2):
        await store.put_file(KEY, given(tmp_path), media_type="image/png")
    with pytest.raises(EOFError):
        await store.put(KEY, then_fail(), media_type="image/png")
    with pytest.raises(InvalidInput):
        await put(store, "inputs/../x")
    assert leftovers(root) == []


@pytest.mark.parametrize("takes_file", [True, False])
async def test_what_died_in_the_making_is_swept_after_a_day_and_not_before(
    store: LocalFiles, root: Path, tmp_path: Path, takes_file: bool
) -> None:
    (root / ".partial").mkdir(parents=True)
    for name, age in (("old", LEFTOVER_SECONDS + 60), ("young", LEFTOVER_SECONDS - 60)):
        (root / ".partial" / name).write_bytes(b"half")
        then = datetime.now(UTC).timestamp() - age
        os.utime(root / ".partial" / name, (then, then))
    await (store.put_file(KEY, given(tmp_path), media_type="image/png") if takes_file else put(store))
    assert [left.name for left in leftovers(root)] == ["young"]


async def test_a_cancel_waits_for_the_write_under_way(
    store: LocalFiles, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow_fsync(file: int) -> None:
        writing.set()
        go_on.wait(timeout=30)
        fsync(file)

    monkeypatch.setattr(os, "fsync", slow_fsync)
    putting = asyncio.ensure_future(put(store))
    await asyncio.to_thread(writing.wait, 30)
    putting.cancel()
    for _ in range(20):  # time enough for anybody who does not wait
        await asyncio.to_thread(int)
    assert not putting.done()
    assert len(leftovers(root)) == 1
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert leftovers(root) == []


async def test_the_event_loop_is_free_while_the_disk_is_busy(
    store: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_loop = threading.get_ident()
    seen: set[int] = set()

    def watch(name: str) -> None:
        call = getattr(os, name)

        def watched(*args: object) -> object:
            seen.add(threading.get_ident())
            return call(*args)

        monkeypatch.setattr(os, name, watched)

    for name in ("fsync", "scandir", "link"):
        watch(name)
    await put(store)
    await store.put_file(KEY, given(tmp_path), media_type="image/png")
    assert [info.key async for info in store.list()] == [KEY]
    assert seen
    assert on_loop not in seen


async def test_the_database_beside_the_buckets_is_not_listed(store: LocalFiles, root: Path) -> None:
    await put(store)
    await put(store, "spool/j1.1/000")
    (root / "nexiom.db").write_bytes(b"rows")
    assert [info.key async for info in store.list()] == [KEY]
    assert [info.key async for info in store.list("spool/")] == ["spool/j1.1/000"]


@pytest.mark.parametrize("key", [".partial/x", ".hidden/x"])
async def test_a_bucket_is_never_hidden(store: LocalFiles, key: str) -> None:
    with pytest.raises(InvalidInput, match="do not begin with a dot"):
        await put(store, key)
    with pytest.raises(InvalidInput):
        await store.stat(key)
    assert [info async for info in store.list(".partial/")] == []


async def test_a_bucket_that_is_a_link_leading_out_is_not_listed(store: LocalFiles, root: Path, tmp_path: Path) -> None:
    await put(store)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "outputs").symlink_to(tmp_path, target_is_directory=True)
    for prefix in ("", "outputs/", "outputs/s"):
        assert "outputs/secret.png" not in [info.key async for info in store.list(prefix)]


@pytest.mark.parametrize("key", ["inputs/u1/fox.", "inputs/u1 /fox", "inputs./fox"])
async def test_names_that_windows_would_change_are_refused_there(
    store: LocalFiles, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, key)
    monkeypatch.setattr(local_files, "DROPS_ENDS", True)
    with pytest.raises(InvalidInput, match="ends in a dot or a space"):
        await put(store, key)


async def test_a_link_that_leads_out_is_refused_by_every_verb_and_not_listed(
    store: LocalFiles, root: Path, tmp_path: Path
) -> None:
    await put(store)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "inputs/u1/file.png").symlink_to(tmp_path / "secret.png")
    (root / "inputs/folder").symlink_to(tmp_path)
    for key in ("inputs/u1/file.png", "inputs/folder/secret.png"):
        for call in (
            lambda key=key: put(store, key),
            lambda key=key: store.put_file(key, tmp_path / "secret.png", media_type="image/png"),
            lambda key=key: content(store, key),
            lambda key=key: store.stat(key),
            lambda key=key: store.url(key, ttl_seconds=1),
            lambda key=key: store.delete(key),
        ):
            with pytest.raises(InvalidInput, match="leads out of the store"):
                await call()
    assert [info.key async for info in store.list()] == [KEY]
    assert (tmp_path / "secret.png").read_bytes() == b"secret"


async def test_a_link_inside_and_a_root_that_is_a_link_are_fine(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    (root / "inputs").mkdir(parents=True)
    store = LocalFiles(tmp_path / "link")
    await put(store)
    (root / "inputs/again.png").symlink_to(root / KEY)
    assert await content(store, "inputs/again.png") == b"fox"


async def test_links_in_a_circle_do_not_hang_a_list(store: LocalFiles, root: Path) -> None:
    await put(store)
    (root / "inputs/u1/up").symlink_to(root / "inputs", target_is_directory=True)
    assert [info.key async for info in store.list()] == [KEY]


async def test_a_pipe_is_not_an_object(store: LocalFiles, root: Path) -> None:
    await put(store)
    os.mkfifo(root / "inputs/pipe")
    with pytest.raises(ObjectNotFound):
        await content(store, "inputs/pipe")
    assert [info.key async for info in store.list()] == [KEY]


@pytest.mark.parametrize(("in_the_way", "key"), [("", KEY), (".partial", KEY), ("inputs", KEY), ("inputs/u1", KEY)])
async def test_a_file_where_a_folder_is_needed_is_named(
    store: LocalFiles, root: Path, in_the_way: str, key: str
) -> None:
    (root / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (root / in_the_way).write_bytes(b"in the way")
    with pytest.raises(StorageUnavailable, match="a file stands where a folder is needed") as caught:
        await put(store, key)
    assert str(root) in caught.value.message
    assert "NEXIOM_STORE_URL" in caught.value.next_step


async def test_a_folder_where_the_file_belongs_is_named(store: LocalFiles, root: Path) -> None:
    (root / KEY).mkdir(parents=True)
    with pytest.raises(StorageUnavailable, match="a folder stands where the file should be"):
        await put(store)
    assert leftovers(root) == []


async def test_a_name_that_the_file_system_cannot_hold_is_refused(store: LocalFiles, root: Path) -> None:
    with pytest.raises(InvalidInput, match="too long"):
        await put(store, f"inputs/{'x' * 300}/fox.png")
    assert leftovers(root) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "only be read"), (errno.EIO, os.strerror(errno.EIO))],
)
async def test_trouble_of_the_disk_is_told_in_words(
    store: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def broken(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", broken)
    for putting in (put(store), store.put_file(KEY, given(tmp_path), media_type="image/png")):
        with pytest.raises(StorageUnavailable, match=words) as caught:
            await putting
        assert isinstance(caught.value.__cause__, OSError)
    assert [info async for info in store.list()] == []


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///srv/nexiom", "/srv/nexiom"),
        ("file://localhost/srv/nexiom", "/srv/nexiom"),
        ("file:///srv/with%20space/%C3%BC", "/srv/with space/ü"),
    ],
)
async def test_a_url_names_the_folder(url: str, path: str) -> None:
    store = LocalFiles.from_url(url, clock=VirtualClock())
    assert await store.url(KEY, ttl_seconds=1) == Path(path, KEY).as_uri()


@pytest.mark.parametrize(
    "url",
    ["file://srv/nexiom", "file:nexiom", "http:///srv", "/srv/nexiom", "file:///a?b", "file:///a#b", "file:///%00"],
)
def test_a_url_that_names_no_folder_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="does not name a folder"):
        LocalFiles.from_url(url, clock=VirtualClock())
