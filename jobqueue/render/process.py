"""Watching and ending processes that are not our children."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

_POLL = 0.5
"""Seconds between looks at a process where the system has no pidfd to wait on."""


def parent_of(pid: int) -> int | None:
    """The id of a process' parent; None when it is gone or the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def child_above(pid: int) -> int | None:
    """The child of this process that `pid` descends from, directly or through others."""
    above = parent_of(pid)
    while above is not None and above > 1:
        if above == os.getpid():
            return pid
        pid, above = above, parent_of(above)
    return None


class Process:
    """A running process, held by a pidfd where there are any: a reused id is never met.

    Args:
        pid: the process, which must be alive.
        on_exit: called once in the loop when it ends.
    """

    def __init__(self, pid: int, on_exit: Callable[[], None]) -> None:
        self.pid = pid
        self._on_exit = on_exit
        self._exited = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._poll: asyncio.TimerHandle | None = None
        self._pidfd = _open_pidfd(pid)
        if self._pidfd is None:
            self._look()
        else:
            self._loop.add_reader(self._pidfd, self._notice_exit)

    def _look(self) -> None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            self._notice_exit()
        else:
            self._poll = self._loop.call_later(_POLL, self._look)

    def _notice_exit(self) -> None:
        self._exited.set()
        self.release()
        self._on_exit()

    def release(self) -> None:
        """Stop watching."""
        if self._poll is not None:
            self._poll.cancel()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    async def end(self, patience: float) -> None:
        """Wait up to `patience` seconds for the process to end by itself, then kill it."""
        try:
            async with asyncio.timeout(patience):
                await self._exited.wait()
        except TimeoutError:
            self._kill()
            await self._exited.wait()

    def _kill(self) -> None:
        if self._pidfd is None:
            os.kill(self.pid, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):  # not Linux, an old kernel, a strict seccomp profile
        return None
