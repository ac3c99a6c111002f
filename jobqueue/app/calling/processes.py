"""Functions that run in child processes, so that they can be killed and their crash is theirs."""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from jobqueue.app.calling import raised
from jobqueue.app.calling.child import arguments
from jobqueue.app.calling.messages import (
    LENGTH,
    Began,
    Call,
    Logged,
    Progressed,
    Raised,
    Returned,
    decode,
    encode,
    fields_of,
)
from jobqueue.context import JobContext
from jobqueue.errors import ProcessLost

READ_AHEAD = 1024 * 1024
"""Bytes of an answer that are taken from a process before they are wanted."""


class HandlerProcesses:
    """The child processes of a worker: as many as have run at once, kept for the next call."""

    def __init__(self) -> None:
        self._all: set[_Process] = set()
        self._idle: list[_Process] = []
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_open = False
        self._idle.clear()
        for process in [*self._all]:
            await self._end(process)

    async def call(
        self, function: Callable[..., Any], jobs: JobContext | Sequence[JobContext], payload: Any
    ) -> Any:
        """What `function(jobs, payload)` returns in a process that does nothing else meanwhile.

        When this is cancelled, the process is killed with all that it has started.

        Raises:
            ProcessLost: the process ended by itself.
            BaseException: what the function raised, with a note of where.
        """
        if not self._is_open:
            raise RuntimeError("handlers run in processes where a worker runs, and nowhere else")
        contexts = [jobs] if isinstance(jobs, JobContext) else [*jobs]
        request = encode(
            Call(
                module=function.__module__,
                name=function.__qualname__,
                contexts=[fields_of(context) for context in contexts],
                payload=payload,
                is_batch=not isinstance(jobs, JobContext),
            )
        )
        answer = await self._answer(request, {context.id: context for context in contexts})
        if isinstance(answer, Raised):
            raise raised.unpack(answer.value)
        return answer.value

    async def _answer(
        self, request: bytes, contexts: Mapping[str, JobContext]
    ) -> Returned | Raised:
        while True:
            was_idle = bool(self._idle)
            process = self._idle.pop() if was_idle else await self._start()
            try:
                answer = await process.answer(request, contexts)
            except _Lost as lost:
                code = await self._end(process)
                if was_idle and not lost.had_begun:
                    continue  # it ended while it was idle: that is not this job's doing
                raise ProcessLost(f"the process of the handler {_how(code)}") from None
            except BaseException:
                await self._end(process)
                raise
            if self._is_open:
                self._idle.append(process)
            return answer

    async def _start(self) -> "_Process":
        process = await _Process.start()
        self._all.add(process)
        return process

    async def _end(self, process: "_Process") -> int:
        self._all.discard(process)
        return await process.kill()


class _Lost(Exception):
    """The process ended before its answer."""

    def __init__(self, *, had_begun: bool) -> None:
        super().__init__()
        self.had_begun = had_begun


class _Process:
    """One child process."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls) -> Self:
        """Start a process that waits for calls."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *arguments(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # Ctrl-C is for the worker, a kill for the group
                )
            reader, writer = await asyncio.open_connection(sock=ours, limit=READ_AHEAD)
        except BaseException:
            ours.close()
            raise
        return cls(process, reader, writer)

    async def answer(self, request: bytes, contexts: Mapping[str, JobContext]) -> Returned | Raised:
        """Send a call; pass on what the function reports until it has ended.

        Raises:
            _Lost: the process ended first.
        """
        had_begun = False
        try:
            self._writer.write(request)
            await self._writer.drain()
            while True:
                match message := await self._receive():
                    case Began():
                        had_begun = True
                    case Progressed(job_id, percent, message):
                        contexts[job_id].progress(percent, message)
                    case Logged(job_id, line):
                        contexts[job_id].log(line)
                    case Returned() | Raised() as answer:
                        return answer
                    case _:
                        raise TypeError(f"the handler's process sent {message!r}")
        except (EOFError, ConnectionError) as error:
            raise _Lost(had_begun=had_begun) from error

    async def kill(self) -> int:
        """End it at once, and what it has started; gives its exit code."""
        self._writer.transport.abort()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return await asyncio.shield(self._process.wait())

    async def _receive(self) -> Any:
        (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
        content = await self._reader.readexactly(length)
        try:
            return decode(content)
        except (EOFError, pickle.UnpicklingError) as error:
            raise ValueError(f"what the handler's process sent cannot be read: {error}") from error


def _how(code: int) -> str:
    """How a process with this exit code ended, for people."""
    if code >= 0:
        return f"ended by itself with exit code {code}"
    hint = ": maybe the machine ran out of memory" if -code == signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{hint}"
