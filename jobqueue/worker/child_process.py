"""The parent's hold on one worker process."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path
from time import monotonic

from jobqueue.worker.link import MAX_LINE, Plan, Status, decode_status, encode_line

SILENT_AFTER = 5.0
"""Seconds without a status after which a child counts as not ready."""

CHILD_MODULE = "jobqueue.service.child"


class ChildProcess:
    """One slot for a worker process, filled again and again.

    Attributes:
        pid: of the process that runs now; None: there is none.
        status: what it said last; None: nothing yet.
    """

    def __init__(self, plan: Plan, metrics_folder: Path) -> None:
        self.pid: int | None = None
        self.status: Status | None = None
        self._plan = plan
        self._metrics_folder = metrics_folder
        self._process: asyncio.subprocess.Process | None = None
        self._heard_at = 0.0
        self._told_to_stop = False

    @property
    def problem(self) -> str | None:
        """Why this slot does not work; None: it does."""
        if self.pid is None:
            return "is not running"
        if self.status is None:
            return "is starting"
        if monotonic() - self._heard_at > SILENT_AFTER:
            return f"has been silent for {monotonic() - self._heard_at:.0f} s"
        return self.status.not_ready

    async def run(self) -> tuple[int, int]:
        """Start a process and listen to it until it ends; cancelling kills it.

        Returns:
            Its pid and its exit code.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.status, self._told_to_stop = None, False
        try:
            with theirs:
                process = self._process = await self._spawn(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        self.pid = process.pid
        if self._told_to_stop:
            process.terminate()
        try:
            await self._listen(ours)
            return process.pid, await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._process = self.pid = None

    def terminate(self) -> None:
        """Let the process drain and end."""
        self._told_to_stop = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        self._told_to_stop = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _spawn(self, descriptor: int) -> asyncio.subprocess.Process:
        # prometheus-client looks at its variable when it is imported, so it comes before Python
        return await asyncio.create_subprocess_exec(
            "env",
            f"PROMETHEUS_MULTIPROC_DIR={self._metrics_folder}",
            sys.executable,
            "-m",
            CHILD_MODULE,
            str(descriptor),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(descriptor,),
            start_new_session=True,  # a Ctrl-C in the terminal is for the parent alone
        )

    async def _listen(self, ours: socket.socket) -> None:
        """Send the plan and take statuses until the child closes its end."""
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        try:
            writer.write(encode_line(self._plan))
            while line := await reader.readline():
                self.status = decode_status(line)
                self._heard_at = monotonic()
                if self.status.hung:
                    self.terminate()
        except ConnectionError:
            return
        finally:
            writer.close()
