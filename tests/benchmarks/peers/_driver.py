"""What a driver of a job queue does: `python -m tests.benchmarks.peers.NAME VERB URL NUMBER`.

| verb     | NUMBER      | does                                         | prints              |
|----------|-------------|----------------------------------------------|---------------------|
| `fill`   | jobs        | enqueues them the queue's fast way           |                     |
| `single` | seconds     | enqueues for so long, each awaited           | jobs, seconds       |
| `bulk`   | seconds     | enqueues for so long the queue's fast way    | jobs, seconds       |
| `pace`   | jobs        | enqueues about 50 a second at random moments |                     |
| `work`   | concurrency | runs jobs until it is killed                 | `first TIME` once,  |
|          |             |                                              | `late SECONDS` of   |
|          |             |                                              | each paced job      |

Times are of the machine's monotonic clock, which Python and Node share. Runs in each peer's own
environment, so it needs nothing but Python and uvloop.
"""

import asyncio
import random
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

import uvloop

Payload = dict[str, Any]

PAYLOAD: Payload = {"url": "https://example.com/" + "a" * 152, "width": 320, "n": 1}
"""200 bytes of JSON."""

RESULT = {"ok": True, "rendered": 1, "note": "result: 50 bytes"}
"""50 bytes of JSON, which every handler returns."""

PACE = (0.01, 0.03)
"""Seconds between two paced jobs: about 50 a second, jittered."""


class Starts:
    """Told of each start of a handler."""

    def __init__(self) -> None:
        self._first = True

    def __call__(self, payload: Payload) -> None:
        """Print what the benchmark wants to know of this start."""
        now = time.monotonic()
        if self._first:
            self._first = False
            _say(f"first {now:.7f}")
        if "at" in payload:
            _say(f"late {now - payload['at']:.7f}")


class Driver(ABC):
    """One job queue, as its own documents say that it is used for speed.

    Attributes:
        bulk: jobs of one `enqueue_bulk`.
    """

    bulk: int = 500

    @classmethod
    @abstractmethod
    def connect(cls, url: str) -> AbstractAsyncContextManager[Self]:
        """The queue on the Redis at this `unix://` URL."""

    @abstractmethod
    async def enqueue(self, payload: Payload) -> None:
        """Enqueue a no-op and wait until it is accepted."""

    @abstractmethod
    async def enqueue_bulk(self, payloads: list[Payload]) -> None:
        """Enqueue no-ops by what is fastest for many."""

    @abstractmethod
    async def work(self, concurrency: int, started: Starts) -> None:
        """Run jobs for ever; each handler calls `started` and returns RESULT."""


async def _fill(driver: Driver, count: float) -> None:
    for first in range(0, int(count), driver.bulk):
        await driver.enqueue_bulk([PAYLOAD] * min(driver.bulk, int(count) - first))


async def _for_seconds(enqueue: Callable[[], Awaitable[None]], seconds: float, jobs: int) -> None:
    """Call `enqueue`, which takes `jobs` jobs, again and again; print what was done."""
    count, start = 0, time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        await enqueue()
        count += jobs
    _say(f"{count} {passed:.6f}")


async def _single(driver: Driver, seconds: float) -> None:
    await _for_seconds(lambda: driver.enqueue(PAYLOAD), seconds, 1)


async def _bulk(driver: Driver, seconds: float) -> None:
    payloads = [PAYLOAD] * driver.bulk
    await _for_seconds(lambda: driver.enqueue_bulk(payloads), seconds, driver.bulk)


async def _pace(driver: Driver, count: float) -> None:
    for _ in range(int(count)):
        await asyncio.sleep(random.uniform(*PACE))
        await driver.enqueue({**PAYLOAD, "at": time.monotonic()})


async def _work(driver: Driver, concurrency: float) -> None:
    await driver.work(int(concurrency), Starts())


VERBS: Mapping[str, Callable[[Driver, float], Awaitable[None]]] = {
    "fill": _fill,
    "single": _single,
    "bulk": _bulk,
    "pace": _pace,
    "work": _work,
}


def main(kind: type[Driver]) -> None:
    """Do what the command line says."""
    verb, url, number = sys.argv[1:]

    async def run() -> None:
        async with kind.connect(url) as driver:
            await VERBS[verb](driver, float(number))

    uvloop.run(run())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
