"""A process that calls handlers, one after the other, for the worker that started it."""

import contextlib
import ctypes
import json
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from jobqueue.app.calling import raised
from jobqueue.app.calling.messages import (
    LENGTH,
    Began,
    Call,
    ContextFields,
    Logged,
    Message,
    Progressed,
    Raised,
    Returned,
    decode,
    encode,
)
from jobqueue.context import JobContext
from jobqueue.model import Progress

BOOT = (
    "import json, sys\n"
    "sys.path[:] = json.loads(sys.argv[3])\n"
    "from jobqueue.app.calling.child import main\n"
    "main()\n"
)
"""What such a process runs, so that it finds the modules that the worker finds."""

PR_SET_PDEATHSIG = 1


def arguments(descriptor: int) -> list[str]:
    """The command line of a process at the other end of this socket."""
    return ["-c", BOOT, str(descriptor), str(os.getpid()), json.dumps(sys.path)]


def main() -> None:
    """Serve calls until the worker is gone."""
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    _die_with(int(sys.argv[2]))
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
    # a thread of its own, because a handler that computes does not look at the socket
    threading.Thread(target=_read, args=(link, calls), daemon=True).start()
    channel = _Channel(link)
    while True:
        _serve(calls.get(), channel)


class _Channel:
    """Sends messages; handlers may report from threads of theirs."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; what pickling it raises is raised before anything is sent."""
        content = encode(message)
        with self._sending:
            self._link.sendall(content)

    def report(self, job_id: str, progress: Progress) -> None:
        """Tell the worker of a job's progress."""
        self.send(Progressed(job_id, progress.percent, progress.message))

    def log(self, job_id: str, _token: str, line: str) -> None:
        """Tell it of a line of a job's log."""
        self.send(Logged(job_id, line))


def _serve(call: Call, channel: _Channel) -> None:
    channel.send(Began())
    try:
        jobs = [_context(fields, channel) for fields in call.contexts]
        value = _find(call)(jobs if call.is_batch else jobs[0], call.payload)
        channel.send(Returned(value))
    except BaseException as error:  # noqa: BLE001 - a verdict: libraries raise beside Exception
        channel.send(Raised(raised.pack(error)))


def _context(fields: ContextFields, channel: _Channel) -> JobContext:
    return JobContext(**fields._asdict(), report=channel.report, log=channel.log)


def _find(call: Call) -> Callable[..., Any]:
    found: Any = import_module(call.module)
    for name in call.name.split("."):
        found = getattr(found, name)
    return cast("Callable[..., Any]", found)


def _read(link: socket.socket, calls: "queue.SimpleQueue[Call]") -> None:
    """Take calls; the end of the socket is the end of the worker, so of this process too."""
    with contextlib.suppress(OSError), link.makefile("rb") as stream:
        while len(head := stream.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            content = stream.read(length)
            if len(content) < length:
                break
            calls.put(decode(content))
    os.killpg(0, signal.SIGKILL)


def _die_with(parent: int) -> None:
    """Let the kernel end this process with its parent: compiled code may never let `_read` run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it had ended before the call
        os._exit(1)
