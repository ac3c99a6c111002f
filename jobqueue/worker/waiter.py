"""The blocking wait of an idle pool."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from time import monotonic

from jobqueue.broker.consumer import Consumer
from jobqueue.errors import JobqueueError, Unavailable
from jobqueue.outage import Outage

BLOCK = 1.0
"""Seconds that one wait blocks at most: a broken connection is noticed and a stop
takes effect within it."""

SPREAD = 0.2
"""Share of `BLOCK` by which waits differ, so that idle workers do not call in step."""


class Waiter:
    """At most one outstanding wait, which is never cancelled.

    The server may already have moved a job into this worker's inbox when the caller
    would rather do something else; so a wait always runs to its end, and a claim must
    follow it.

    Attributes:
        since: when the wait that blocks was sent (`time.monotonic()`); None while none does.
    """

    def __init__(self, queue: str, consumer: Consumer, on_return: Callable[[], None]) -> None:
        self.since: float | None = None
        self._consumer = consumer
        self._on_return = on_return
        self._outage = Outage(f"wait:{queue}")
        self._task: asyncio.Task[None] | None = None

    @property
    def outstanding(self) -> bool:
        """Whether a wait has begun and not returned."""
        return self._task is not None

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start a wait in `tasks` unless one is outstanding."""
        if self._task is None:
            self._task = tasks.create_task(self._wait())

    async def interrupt(self) -> None:
        """Ask the server to end an outstanding wait: a stop need not wait for it."""
        if self._task is not None:
            with contextlib.suppress(JobqueueError):  # it ends by itself soon, too
                await self._consumer.stop_waiting()

    async def _wait(self) -> None:
        self.since = monotonic()
        try:
            await self._consumer.wait(BLOCK * random.uniform(1 - SPREAD, 1 + SPREAD))
            self._outage.over()
        except Unavailable as error:
            self.since = None
            await self._outage.pause(error)
        finally:
            self.since = self._task = None
        self._on_return()
