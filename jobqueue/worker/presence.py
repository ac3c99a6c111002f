"""What a worker says of itself and hears in return: its beat, and the job types it runs."""

import asyncio
import contextlib
import os
import random
import secrets
import socket
from collections.abc import Callable, Sequence
from time import monotonic

from jobqueue.broker.broker import Broker
from jobqueue.broker.consumer import Consumer
from jobqueue.errors import Unavailable
from jobqueue.model import TypeInfo, WorkerInfo
from jobqueue.outage import Outage

BEAT_INTERVAL = 5.0
"""Seconds between two beats."""

REACHABLE_FOR = 7.5
"""Seconds for which a beat that was answered proves that Redis can be reached."""

PUBLISH_INTERVAL = 3600.0
"""Seconds between two publications of the job types, which are kept for 30 days."""


def new_worker_id(name: str | None) -> str:
    """An id that no other incarnation has: `name`, or host and pid, and 8 random characters."""
    return f"{name or f'{socket.gethostname()}-{os.getpid()}'}-{secrets.token_hex(4)}"


class Presence:
    """Beats in every queue that a worker serves and publishes its types.

    Args:
        consumers: those that there are now.
        describe: the worker as it is now.
        on_quiet: told when an operator's word, which a beat brings, has changed.
    """

    def __init__(
        self,
        broker: Broker,
        consumers: Callable[[], Sequence[Consumer]],
        types: Sequence[TypeInfo],
        describe: Callable[[], WorkerInfo],
        on_quiet: Callable[[bool], None],
    ) -> None:
        self._broker = broker
        self._consumers = consumers
        self._types = types
        self._describe = describe
        self._on_quiet = on_quiet
        self._quiet = False
        self._beat_now = asyncio.Event()
        self._answered_at = -REACHABLE_FOR

    @property
    def redis_reachable(self) -> bool:
        """Whether Redis has answered a beat just now."""
        return monotonic() - self._answered_at < REACHABLE_FOR

    def look_now(self) -> None:
        """Beat without waiting: there may be a new word from an operator."""
        self._beat_now.set()

    async def beat(self) -> None:
        """Beat for ever."""
        outage = Outage("beat")
        while True:
            self._beat_now.clear()
            info = self._describe()
            try:
                answers = await asyncio.gather(*(each.beat(info) for each in self._consumers()))
            except Unavailable as error:
                await outage.pause(error)
                continue
            outage.over()
            self._answered_at = monotonic()
            if self._heed(quiet=any(answers)):
                continue  # others see at once that it was heeded
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_INTERVAL * random.uniform(0.9, 1.1)):
                    await self._beat_now.wait()

    def _heed(self, *, quiet: bool) -> bool:
        """Whether this is news."""
        if quiet == self._quiet:
            return False
        self._quiet = quiet
        self._on_quiet(quiet)
        return True

    async def publish_types(self) -> None:
        """Publish the types for ever, so that producers elsewhere know them."""
        outage = Outage("types")
        while True:
            try:
                await self._broker.publish_types(self._types)
            except Unavailable as error:
                await outage.pause(error)
                continue
            outage.over()
            await asyncio.sleep(PUBLISH_INTERVAL * random.uniform(0.9, 1.1))
