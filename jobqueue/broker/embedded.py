"""The `embedded:` Redis: a private server that all processes with one data_dir share.

Whoever gets the lock starts the server and hands it the lock's file descriptor, so the lock
is free only when both have ended and two servers never write to one file. The others join the
server's socket and keep asking for the lock: who gets it restarts the server on the same file.
"""

import asyncio
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from enum import Enum
from pathlib import Path
from urllib.parse import quote

import structlog

from jobqueue.broker.server_process import ServerProcess, find_redis_server
from jobqueue.errors import ServerUnreachable, SettingsError

MAX_SOCKET_PATH = 100
"""Bytes; the kernel takes 107, and the server's own checks differ by some."""

WATCH_INTERVAL = 0.2
"""Seconds between two looks; with a server's start, an outage lasts about half a second."""

START_TIMEOUT = 30.0
"""Seconds without any sign of life from a server that should be starting."""

STABLE_AFTER = 5.0
"""A server that ended sooner will do so again: the next start waits, up to as long."""

log = structlog.get_logger(__name__)


class _Answer(Enum):
    READY = "ready"
    LOADING = "loading"
    NONE = "none"


class EmbeddedRedis:
    """This process's share in the server of a data_dir."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = (data_dir / "redis").resolve()
        self._socket = _socket_path(self._folder)
        self._lock: int | None = None
        self._server: ServerProcess | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Start the server or join the one that runs, and watch over it from then on.

        Returns:
            Its `unix://` URL, which stays the same whoever runs the server.

        Raises:
            SettingsError: there is no server to run, or the folder cannot be used.
            ServerUnreachable: it did not start.
        """
        try:
            _make_folders(self._folder, self._socket)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(
                f"data_dir: cannot use {self._folder}: {error.strerror}; choose another folder"
            ) from None
        try:
            await self._wait_until_ready()
        except BaseException:
            await self.close()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="embedded-redis")
        return f"unix://{quote(str(self._socket))}"

    async def close(self) -> None:
        """Leave; the process that started the server ends it, and another takes over."""
        if self._watcher:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
        if self._server:
            await self._server.stop()
        if self._lock is not None:
            os.close(self._lock)
        self._watcher = self._server = self._lock = None

    async def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while (answer := await _ping(self._socket)) is not _Answer.READY:
            if answer is _Answer.LOADING:  # as long as its file is
                deadline = time.monotonic() + START_TIMEOUT
            if self._server is None:
                self._start_if_free()
            elif not self._server.is_alive:
                raise ServerUnreachable(f"embedded Redis ended: {self._server.last_words()}")
            if time.monotonic() > deadline:
                raise ServerUnreachable(f"embedded Redis does not answer at {self._socket}")
            await asyncio.sleep(0.02)

    async def _watch(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(WATCH_INTERVAL + pause)
            try:
                pause = self._look_after(pause)
            except (OSError, SettingsError) as error:
                pause = STABLE_AFTER
                log.error("embedded_redis_not_started", error=str(error))  # noqa: TRY400 - no bug

    def _look_after(self, pause: float) -> float:
        """Start the server where it is ours to do; the seconds to wait before the next look."""
        if self._server is None:
            if self._start_if_free():
                log.warning("embedded_redis_taken_over")
            return 0.0
        if self._server.is_alive:
            return 0.0
        lived = time.monotonic() - self._server.started_at
        log.error("embedded_redis_restarting", reason=self._server.last_words())
        self._start()
        return 0.0 if lived > STABLE_AFTER else min(STABLE_AFTER, 2 * pause + WATCH_INTERVAL)

    def _start_if_free(self) -> bool:
        assert self._lock is not None  # noqa: S101 - open from start to close
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._start()
        return True

    def _start(self) -> None:
        assert self._lock is not None  # noqa: S101 - open from start to close
        _make_folders(self._folder, self._socket)  # tidy machines remove old temporary ones
        self._server = ServerProcess(
            find_redis_server(), folder=self._folder, socket=self._socket, keep_open=self._lock
        )


def _socket_path(folder: Path) -> Path:
    """A socket in the folder, or in a folder for temporary files where that name is too long."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"jobqueue-{os.geteuid()}-{digest}", "redis.sock")


def _make_folders(folder: Path, socket: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent == folder:
        return
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    status = socket.parent.lstat()
    # anybody may have made this name before us
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or status.st_mode & 0o077:
        raise SettingsError(
            f"{socket.parent} is not a private folder of yours: remove it, or choose a data_dir "
            "with a shorter name"
        )


async def _ping(socket: Path) -> _Answer:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                reply = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return _Answer.NONE
    if reply.startswith(b"-LOADING"):
        return _Answer.LOADING
    return _Answer.READY if reply.startswith(b"+PONG") else _Answer.NONE
