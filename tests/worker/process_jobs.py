"""Handlers that run in processes, for the tests of them: processes import this module."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jobqueue import Batch, JobContext, JobQueue, Retry, Snooze, Unrecoverable

QUEUE = "q"
ONCE = Retry(max_attempts=1)

app = JobQueue()


class Page(BaseModel):
    """A payload, and a result."""

    text: str


class Picky(Exception):
    """An exception that pickle alone cannot carry."""

    def __init__(self, *, code: str, wanted: int) -> None:
        super().__init__(f"wanted {wanted}")
        self.code = code
        self.wanted = wanted


class Untold(Exception):
    """One that cannot be carried at all."""

    def __init__(self) -> None:
        super().__init__("has a lock")
        self.lock = threading.Lock()


@app.job("look", queue=QUEUE, process=True, retry=ONCE)
def look(job: JobContext, payload: Page) -> dict[str, Any]:
    """Tell what a handler sees, and report."""
    job.log(f"reading {payload.text}")
    return {"pid": os.getpid(), "token": job.token, "left": job.deadline - time.monotonic()}


@app.job("echo", queue=QUEUE, process=True, retry=ONCE)
def echo(_job: JobContext, payload: Page) -> Page:
    """Give back what it was given."""
    return payload


@app.job("hang", queue=QUEUE, process=True, timeout=30, retry=ONCE)
def hang(job: JobContext, payload: str) -> None:
    """Hold the interpreter for good, beside a program that it has started."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    job.progress(50, "half")
    Path(payload).write_text(f"{os.getpid()} {other.pid}")
    while True:  # a C function that never lets another thread run
        ctypes.PyDLL(None).sleep(600)


@app.job("end", queue=QUEUE, process=True, retry=ONCE)
def end(_job: JobContext, payload: str) -> None:
    """End the process in some way."""
    match payload:
        case "exit":
            os._exit(3)
        case "crash":
            ctypes.string_at(0)
        case "memory":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sys.exit":
            sys.exit("enough")
        case _:
            return


@app.job("fail", queue=QUEUE, process=True, retry=ONCE)
def fail(_job: JobContext, payload: str) -> Any:
    """End the attempt in some way."""
    match payload:
        case "snooze":
            raise Snooze(600)
        case "unrecoverable":
            raise Unrecoverable("bad_page", "no such page")
        case "picky":
            raise Picky(code="picky", wanted=3)
        case "untold":
            raise Untold
        case "unpicklable":
            return threading.Lock()
        case _:
            return None


@app.job("many", queue=QUEUE, process=True, batch=Batch(size=2, wait=5), retry=ONCE)
def many(jobs: list[JobContext], payloads: list[int]) -> list[int | Exception]:
    """Double each, but for odd ones."""
    for job in jobs:
        job.log(f"{len(jobs)} together")
    return [ValueError("odd") if number % 2 else 2 * number for number in payloads]
