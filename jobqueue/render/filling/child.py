"""The filling process: forks itself for each request, so that no request sees another's data.

What it does itself is to pass bytes on: everything that users wrote is read in the fork, which is
confined first and gone afterwards.
"""

import os
import signal
import sys

from jobqueue.render.filling import work
from jobqueue.render.filling.frames import MAX_FRAME, read_frame, write_frame

ENDED_WELL = b"\x00"
KILLED = b"\x01"
"""First byte of an answer; a killed fork has its signal behind it."""


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work.warm_up()
    while (request := read_frame(sys.stdin.buffer)) is not None:
        write_frame(sys.stdout.buffer, _answer(request))


def _answer(request: bytes) -> bytes:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(request, writing)
    os.close(writing)
    answer = _read_all(reading, pid)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return KILLED + bytes([os.WTERMSIG(status)])
    return ENDED_WELL + answer


def _work(request: bytes, writing: int) -> None:
    """Be the fork: work, say what came of it, and end without any of Python's farewells."""
    try:
        os.close(0)
        os.close(1)
        answer = memoryview(work.confined(request))
        while answer:
            answer = answer[os.write(writing, answer) :]
    finally:
        os._exit(0)


def _read_all(reading: int, pid: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := os.read(reading, 1024 * 1024):
        parts.append(part)
        size += len(part)
        if size > MAX_FRAME:
            os.kill(pid, signal.SIGKILL)
            break
    os.close(reading)
    return b"".join(parts)
