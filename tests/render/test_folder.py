"""The folders of browsers: private, and gone after their owner."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from jobqueue.render.folder import BrowserFolder, sweep

from .helpers import until

OWNER = """
import os, time
from jobqueue.render.folder import BrowserFolder
folder = BrowserFolder()
print(folder.path, flush=True)
time.sleep(100)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_a_folder_is_private_and_removed(temporary: Path) -> None:
    """Nobody else can look into a profile, and nothing of it stays."""
    folder = BrowserFolder()
    assert folder.path.parent == temporary
    assert folder.path.stat().st_mode & 0o077 == 0
    await folder.remove()
    await folder.remove()
    assert list(temporary.iterdir()) == []


async def test_folders_of_killed_owners_are_swept_and_others_kept(temporary: Path) -> None:
    """A start removes what a killed process left, never what one still uses."""
    own = BrowserFolder()
    (temporary / "jobqueue-browser-new").mkdir()
    (temporary / "unrelated").mkdir()
    old = temporary / "jobqueue-browser-old"
    old.mkdir()
    os.utime(old, (0, 0))
    environment = os.environ | {"TMPDIR": str(temporary)}
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, stdout=subprocess.PIPE, env=environment
    )
    assert owner.stdout is not None
    left = Path((await owner.stdout.readline()).decode().strip())
    swept = sweep()
    owner.kill()
    await owner.wait()
    assert swept == [old]
    await until(lambda: sweep() == [left])
    assert sorted(path.name for path in temporary.iterdir()) == sorted(
        [own.path.name, "jobqueue-browser-new", "unrelated"]
    )
    await own.remove()
