"""What only a local folder can get wrong."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from jobqueue.errors import StorageUnavailable
from jobqueue.settings import StorageSettings
from jobqueue.storage.folder import ABANDONED_AFTER
from tests.storage.steps import keys, put, read, started

CHECKOUT = Path(__file__).parents[2]
NOBODY = 65534
OWN_MOUNTS = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]


def scenario(*arguments: str, before: str = ":", own: bool = False) -> dict[str, Any]:
    """Run scenario.py after the shell command `before`, with mounts of its `own` if asked."""
    command = ["sh", "-ec", f'{before}; exec "$@"', "sh"]
    command += [sys.executable, "-m", "tests.storage.scenario", *arguments]
    if own:
        command = [*OWN_MOUNTS, *command]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def can_mount(folder: Path) -> bool:
    """Whether this machine lets us mount in a name space of our own."""
    if shutil.which("unshare") is None:
        return False
    command = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """On a full disk an upload fails with what to do, and the next small one works."""
    if not can_mount(tmp_path):
        pytest.skip("this machine lets nobody mount a small file system")
    mount = f"mount -t tmpfs -o size=1m tmpfs '{tmp_path}'"
    found = scenario("upload", str(tmp_path), before=mount, own=True)
    assert f"the storage folder {tmp_path} cannot be used: the disk is full" in found["error"]
    assert "storage.url" in found["error"]
    assert (found["keys"], found["files"], found["small"]) == ([], [], "small")


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    """On a read-only disk an upload fails with what to do."""
    if not can_mount(tmp_path):
        pytest.skip("this machine lets nobody mount a small file system")
    mount = f"mount -t tmpfs -o ro tmpfs '{tmp_path}'"
    found = scenario("upload", str(tmp_path), before=mount, own=True)
    assert f"the storage folder {tmp_path} cannot be used" in found["error"]
    assert "read-only; mount it writable" in found["error"]
    assert found["keys"] == []


def test_a_file_over_the_limit_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A document larger than files may be fails, and the next small one works."""
    found = scenario("upload", str(tmp_path), before="ulimit -f 2000")
    assert "ulimit -f" in found["error"]
    assert (found["keys"], found["files"], found["small"]) == ([], [], "small")


def test_a_missing_permission_is_told() -> None:
    """A folder of somebody else's is named, with the user who needs access."""
    user = [str(NOBODY)] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="jq-") as folder:
        Path(folder).chmod(0o555)
        found = scenario("upload", folder, *user)
        Path(folder).chmod(0o755)
    assert f"the storage folder {folder} cannot be used: user " in found["error"]
    assert "chown" in found["error"]
    assert found["keys"] == []


async def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """When the folder is a file the message names it, and the check fails too."""
    (tmp_path / "storage").write_text("not a folder")
    async with started(StorageSettings(), tmp_path) as storage:
        with pytest.raises(StorageUnavailable, match=f"folder {tmp_path / 'storage'} cannot"):
            await put(storage, "a.pdf", b"x")
        with pytest.raises(StorageUnavailable, match=r"set storage\.url"):
            await storage.check()


async def test_a_killed_upload_is_never_seen(tmp_path: Path) -> None:
    """After kill -9 in mid-upload there is no document, and its rest is swept when it is old."""
    command = [sys.executable, "-m", "tests.storage.scenario", "stall", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"stalled\n"
    process.kill()
    await process.wait()
    settings = StorageSettings(url=f"file:{tmp_path}")
    (rest,) = (tmp_path / ".incoming").iterdir()
    async with started(settings, tmp_path) as storage:
        assert await keys(storage) == []
    assert rest.exists()
    old = time.time() - ABANDONED_AFTER - 1
    os.utime(rest, (old, old))
    async with started(settings, tmp_path) as storage:
        assert not rest.exists()
        await put(storage, "large.pdf", b"again")
        assert await keys(storage) == ["large.pdf"]


async def test_a_reader_keeps_the_version_it_opened(tmp_path: Path) -> None:
    """A download that has begun is not disturbed by a newer version or a removal."""
    async with started(StorageSettings(), tmp_path) as storage:
        first = b"1" * 1_000_000
        await put(storage, "a.pdf", first)
        async with storage.open("a.pdf") as download:
            chunks = download.chunks()
            begun = await anext(chunks)
            await put(storage, "a.pdf", b"2")
            await storage.delete(["a.pdf"])
            assert begun + b"".join([chunk async for chunk in chunks]) == first


async def test_unusual_content_types_are_kept(tmp_path: Path) -> None:
    """A type that the suffix does not tell is kept, and goes with its document."""
    async with started(StorageSettings(), tmp_path) as storage:
        await put(storage, "a/b.pdf", b"x", content_type="application/x-special")
        found = await storage.head("a/b.pdf")
        assert found is not None
        assert found.content_type == "application/x-special"
        assert await keys(storage) == ["a/b.pdf"]
        await put(storage, "a/b.pdf", b"x")
        found = await storage.head("a/b.pdf")
        assert found is not None
        assert found.content_type == "application/pdf"
        await put(storage, "a/b.pdf", b"x", content_type="application/x-special")
        await storage.delete(["a/b.pdf"])
        assert await storage.head("a/b.pdf") is None
    assert [path.name for path in (tmp_path / "storage").rglob("*")] == [".incoming"]


async def test_emptied_folders_are_removed_without_harm(tmp_path: Path) -> None:
    """Folders go with their last document, even while others store documents in them."""
    async with started(StorageSettings(), tmp_path) as storage:

        async def come_and_go(number: int) -> None:
            for turn in range(20):
                await put(storage, f"deep/er/{number}.pdf", b"%d" % turn)
                assert await read(storage, f"deep/er/{number}.pdf") == b"%d" % turn
                await storage.delete([f"deep/er/{number}.pdf"])

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(come_and_go(number))
    assert [path.name for path in (tmp_path / "storage").iterdir()] == [".incoming"]


async def test_strange_files_are_left_alone(tmp_path: Path) -> None:
    """Files that are no documents of ours are neither listed nor touched."""
    strange = tmp_path / "storage" / "not ours.txt"
    strange.parent.mkdir()
    strange.write_text("keep me")
    (strange.parent / ".hidden").write_text("keep me")
    async with started(StorageSettings(), tmp_path) as storage:
        await put(storage, "ours.txt", b"x", content_type="text/plain")
        assert await keys(storage) == ["ours.txt"]
    assert strange.read_text() == "keep me"


async def test_documents_are_private(tmp_path: Path) -> None:
    """Only the owner can look into the folders that are made."""
    async with started(StorageSettings(), tmp_path) as storage:
        await put(storage, "a/b.pdf", b"x")
    for folder in ("storage", "storage/a", "storage/.incoming"):
        assert (tmp_path / folder).stat().st_mode & 0o077 == 0
