"""What a worker says of itself: its beat, and the job types it runs."""

import asyncio
import random
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


class Presence:
    """Beats in every queue that a worker serves and publishes its types."""

    def __init__(
        self,
        broker: Broker,
        consumers: Sequence[Consumer],
        types: Sequence[TypeInfo],
        describe: Callable[[], WorkerInfo],
    ) -> None:
        self._broker = broker
        self._consumers = consumers
        self._types = types
        self._describe = describe
        self._answered_at = -REACHABLE_FOR

    @property
    def redis_reachable(self) -> bool:
        """Whether Redis has answered a beat just now."""
        return monotonic() - self._answered_at < REACHABLE_FOR

    async def beat(self) -> None:
        """Beat for ever."""
        outage = Outage("beat")
        while True:
            info = self._describe()
            try:
                await asyncio.gather(*(consumer.beat(info) for consumer in self._consumers))
            except Unavailable as error:
                await outage.pause(error)
                continue
            outage.over()
            self._answered_at = monotonic()
            await asyncio.sleep(BEAT_INTERVAL * random.uniform(0.9, 1.1))

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
