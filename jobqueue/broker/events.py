"""Listening to what happens: transitions of jobs, and orders to workers.

In a cluster the transitions of a queue are published on the node that has its keys, on a
channel of its own; elsewhere on one channel for all.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec

from jobqueue.broker.connections import Connections
from jobqueue.broker.keys import EVENTS, Keys, events_of, shard_events, shard_events_of
from jobqueue.broker.listener import Listener
from jobqueue.errors import Unavailable
from jobqueue.ids import split_job_id
from jobqueue.model import Progress
from jobqueue.state import State

RECONNECT_DELAY = 0.5
"""Seconds between two tries to subscribe again."""

NEW_QUEUES_EVERY = 2.0
"""Seconds between two looks for queues that are new: what listens to all hears of their jobs
from then on."""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """One published transition, or the progress of a running job.

    Attributes:
        timestamp: Unix time in milliseconds, by Redis' clock.
        error: message of a failed attempt.
    """

    job_id: str
    status: State
    worker_id: str | None
    timestamp: Annotated[int, msgspec.Meta(ge=0)]
    error: str | None = None
    progress: Progress | None = None


class CancelOrder(msgspec.Struct, frozen=True):
    """Somebody cancelled a running job: whoever runs it ends it."""

    job_id: str


class LookOrder(msgspec.Struct, frozen=True):
    """An operator's word to a worker changed: it beats at once, and so learns of it."""

    worker_id: str


LOOK = "look:"
"""What starts the text of a `LookOrder`; job ids have no colon."""

_decode = msgspec.json.Decoder(Event).decode


class Events:
    """Subscriptions, on connections of their own."""

    def __init__(self, connections: Connections, keys: Keys) -> None:
        self._connections = connections
        self._commands = connections.commands
        self._in_cluster = connections.url.topology == "cluster"
        self._keys = keys

    @asynccontextmanager
    async def transitions(self, job_id: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        """Transitions of one job, or of all; subscribed once the context is entered.

        Raises:
            RedisUnavailable: also while iterating, when a connection breaks: events may
                have been missed, so look at the jobs and subscribe again.
        """
        async with self._connections.listening() as listener:
            if not self._in_cluster:
                await self._subscribe(listener, EVENTS if job_id is None else events_of(job_id))
            elif job_id is not None:
                await self._subscribe_to_job(listener, job_id)
            else:
                await self._subscribe_to_queues(listener)
            yield (_decode(text) async for text in listener.messages())

    async def orders(
        self, on_subscribed: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[CancelOrder | LookOrder, None]:
        """What workers are told, any of them; subscribes again by itself.

        Best effort: what lasts are the flags that `LeaseRenewer.renew` and a beat report.

        Args:
            on_subscribed: called after each subscribing; what was ordered before it is
                known from the flags only.
        """
        while True:
            try:
                async with self._connections.listening() as listener:
                    await self._subscribe(listener, self._keys.control)
                    on_subscribed()
                    async for text in listener.messages():
                        yield _read_order(text.decode())
            except Unavailable:
                await asyncio.sleep(RECONNECT_DELAY)

    async def _subscribe(self, listener: Listener, channel: str) -> None:
        """Subscribe to a channel whose messages reach every node."""
        await listener.subscribe(self._commands.place_of(channel), "SUBSCRIBE", channel)

    async def _subscribe_to_job(self, listener: Listener, job_id: str) -> None:
        names = split_job_id(job_id)
        if names is not None:
            channel = shard_events_of(*names)
            await listener.subscribe(self._commands.place_of(channel), "SSUBSCRIBE", channel)

    async def _subscribe_to_queues(self, listener: Listener) -> None:
        """Subscribe to all queues, and to new ones for as long as the listener lives."""
        heard: set[str] = set()

        async def subscribe_to_new() -> None:
            queues = await self._commands.execute("SMEMBERS", self._keys.queues)
            for queue in {name.decode() for name in queues} - heard:
                channel = shard_events(queue)
                await listener.subscribe(self._commands.place_of(channel), "SSUBSCRIBE", channel)
                heard.add(queue)

        async def follow() -> None:
            while True:
                await asyncio.sleep(NEW_QUEUES_EVERY)
                await subscribe_to_new()

        await subscribe_to_new()
        listener.accompany(follow())


def _read_order(text: str) -> CancelOrder | LookOrder:
    if text.startswith(LOOK):
        return LookOrder(text.removeprefix(LOOK))
    return CancelOrder(text)
