"""This process' hold on one child that works for it, and is killed when it takes too long."""

import asyncio
import contextlib
import json
import os
import signal
import sys

from jobqueue.errors import JobqueueError
from jobqueue.render.filling.frames import LENGTH, MAX_FRAME

BOOT = (
    "import json, sys, importlib\n"
    "sys.path[:] = json.loads(sys.argv[2])\n"
    "importlib.import_module(sys.argv[1]).main()\n"
)
"""What a child runs. Its import path comes as an argument: it has no environment to find it in."""

ENVIRONMENT = {"LANG": "C.UTF-8"}
"""All that a child sees of the environment, so that nothing secret can be read there."""


class ChildLost(JobqueueError):
    """A child ended in the middle of its work; another try may succeed."""

    code = "template_process_lost"


class Child:
    """A process that answers one request at a time, started when it is needed.

    Args:
        module: its `main` answers the frames of its stdin on its stdout.
        most: requests after which it is replaced; None: never.
    """

    def __init__(self, module: str, *, most: int | None = None) -> None:
        self._module = module
        self._most = most
        self._asked = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now; None: there is none."""
        return self._process.pid if self._process else None

    async def ask(self, request: bytes, *, seconds: float) -> bytes:
        """The answer to a request.

        Args:
            request: what the child is to do.
            seconds: until the child is killed.

        Raises:
            TimeoutError: it did not answer in time.
            ChildLost: it ended without an answer.
        """
        if self._asked == self._most:
            await self.close()
        try:
            async with asyncio.timeout(seconds):
                process = self._process or await self._start()
                self._asked += 1
                return await _exchange(process, request)
        except (EOFError, ConnectionError) as error:
            await self.close()
            raise ChildLost(f"the process {self._module} ended: {error}") from error
        except BaseException:
            await self.close()  # what it does now is for nobody, and its next answer would be late
            raise

    async def close(self) -> None:
        """End the process, and those that it started."""
        process, self._process, self._asked = self._process, None, 0
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-c", BOOT, self._module, json.dumps(sys.path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        return self._process


async def _exchange(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise EOFError("it has no pipes")
    process.stdin.write(LENGTH.pack(len(request)) + request)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length > MAX_FRAME:
        raise EOFError(f"it answers with {length} bytes")
    return await process.stdout.readexactly(length)
