"""Job types that leave traces in a file, for the processes that system tests start."""

import asyncio
import ctypes
import os
import time
from pathlib import Path
from typing import Any

from jobqueue import Backoff, JobContext, JobQueue, Retry

app = JobQueue()

SOON = Retry(max_attempts=3, backoff=Backoff(kind="fixed", delay=0.05, jitter=0.0))


def note(payload: dict[str, Any], word: str) -> None:
    """Append a line to the trace: many processes may do so at once."""
    line = f"{word} {payload.get('name', '-')} {os.getpid()}\n"
    descriptor = os.open(payload["trace"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)


@app.job("record", retry=SOON)
async def record(_: JobContext, payload: dict[str, Any]) -> str:
    """Leave a trace, after some time."""
    await asyncio.sleep(payload.get("seconds", 0.0))
    note(payload, "ran")
    return str(payload.get("name"))


@app.job("hold", retry=SOON)
async def hold(_: JobContext, payload: dict[str, Any]) -> str:
    """Run until the file `release` is there."""
    note(payload, "began")
    while not Path(payload["release"]).exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    note(payload, "ended")
    return "held"


@app.job("flaky", retry=SOON)
async def flaky(job: JobContext, payload: dict[str, Any]) -> int:
    """Fail in the first so many attempts."""
    if job.attempt <= payload["failures"]:
        raise ConnectionError("not yet")
    return job.attempt


@app.job("deaf", timeout=0.2, retry=Retry(max_attempts=1))
async def deaf(_: JobContext, payload: dict[str, Any]) -> None:
    """Ignore every cancellation."""
    note(payload, "began")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            note(payload, "ignored")


@app.job("wedge", timeout=0.5, retry=Retry(max_attempts=1))
async def wedge(_: JobContext, payload: dict[str, Any]) -> None:
    """Block the event loop for good."""
    note(payload, "began")
    while True:
        time.sleep(1)  # noqa: ASYNC251 - blocking is what it is for


@app.job("stall", retry=SOON)
async def stall(_: JobContext, payload: dict[str, Any]) -> str:
    """Block the event loop until the file `release` is there."""
    await asyncio.sleep(0.1)  # until the worker waits for more
    note(payload, "stalled")
    while not Path(payload["release"]).exists():
        time.sleep(0.01)  # noqa: ASYNC251 - blocking is what it is for
    return "went on"


@app.job("compute", process=True, retry=SOON)
def compute(_: JobContext, payload: dict[str, Any]) -> None:
    """Hold an interpreter of its own for good: a C function that lets no other thread run."""
    note(payload, "began")
    ctypes.PyDLL(None).sleep(600)


@app.job("large", retry=SOON)
async def large(_: JobContext, payload: dict[str, Any]) -> str:
    """Run until the file `release` is there, and return what is too large for Redis."""
    await hold(_, payload)
    return "x" * 100_000
