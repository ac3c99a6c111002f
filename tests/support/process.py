"""Servers that tests start: real programs on private sockets, ended by pid."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_DEADLINE = 30.0
"""Seconds that a server may take to answer; generous, because test machines are shared."""


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    *,
    ready: Callable[[], bool],
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command`, wait until `ready()`, give the process, and end it afterwards."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=cwd, env=env)
    try:
        wait_until(ready, failed=lambda: process.poll() is not None, log=log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(
    ready: Callable[[], bool],
    *,
    failed: Callable[[], bool] = lambda: False,
    log: Path | None = None,
) -> None:
    """Poll `ready` until it is true; fail with the log when it never is."""
    deadline = time.monotonic() + START_DEADLINE
    while not ready():
        if failed() or time.monotonic() > deadline:
            raise AssertionError(f"not ready: {log.read_text()[-2000:] if log else ready}")
        time.sleep(0.02)
