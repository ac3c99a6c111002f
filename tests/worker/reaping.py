"""A reaper that goes on while the loop of the test stands still."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jobqueue.broker.broker import ReapReport
from jobqueue.errors import Unavailable

from .harness import QUEUE, Harness, open_broker

PAUSE = 0.1
"""Seconds between two passes: few, so that it comes before everybody else after an outage."""


@contextmanager
def reaping(harness: Harness, *, lease: float) -> Iterator[list[ReapReport]]:
    """A reaper in a thread of its own, as another process would be; what its passes did."""
    stop = threading.Event()
    reports: list[ReapReport] = []

    async def passes() -> None:
        broker = await open_broker(harness.url, harness.namespace)
        while not stop.is_set():
            with suppress(Unavailable):  # the next pass will do
                reports.append(await broker.reap(QUEUE, lease=lease))
            await asyncio.sleep(PAUSE)
        await broker.close()

    thread = threading.Thread(target=asyncio.run, args=(passes(),))
    thread.start()
    try:
        yield reports
    finally:
        stop.set()
        thread.join()
