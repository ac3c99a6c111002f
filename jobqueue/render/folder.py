"""The folder of one browser: profile, temporary files, and a lock that says it is in use."""

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "jobqueue-browser-"
_LOCK = "lock"

_GRACE = 60.0
"""Seconds for which a folder without a lock file may be one that is just being made."""

_TRIES = 20
_PAUSE = 0.05
"""Chromium's last processes may still write while they end: removal is repeated for 1 s."""


class BrowserFolder:
    """A private folder, removed by its owner or, when that was killed, by the next `sweep`.

    Attributes:
        path: the folder.
        profile: Chromium's own files.
        temporary: Chromium's temporary files, documents that are being fetched among them.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.profile = self.path / "profile"
        self.temporary = self.path / "temporary"
        for each in (self.profile, self.temporary):
            each.mkdir(mode=0o700)
        fresh = self.path / "lock.new"
        self._lock: int | None = os.open(fresh, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fresh.rename(self.path / _LOCK)  # a sweep never meets it unlocked

    def hand_over(self, user: int) -> None:
        """Give what Chromium writes to another user, who gets at nothing else in here."""
        self.path.chmod(0o711)
        for each in (self.profile, self.temporary):
            os.chown(each, user, user)

    async def remove(self) -> None:
        """Delete the folder with everything in it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        for _ in range(_TRIES):
            await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
            if not self.path.exists():
                return
            await asyncio.sleep(_PAUSE)


def sweep() -> list[Path]:
    """Remove the folders whose owner is no more; gives those removed."""
    removed = []
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def _is_abandoned(path: Path) -> bool:
    """Whether nobody holds the folder's lock; the lock goes with its owner's life."""
    try:
        lock = os.open(path / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return _age(path) > _GRACE
    except OSError:
        return False  # another user's
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
