"""Listening to what happens: transitions of jobs, and orders to workers."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import redis
import redis.asyncio
from redis.asyncio.client import PubSub
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobqueue.broker.address import Address
from jobqueue.broker.keys import EVENTS, Keys, events_of
from jobqueue.errors import RedisUnavailable
from jobqueue.model import Progress
from jobqueue.state import State

POLL = 5.0
"""Seconds between two looks at a silent subscription, to notice a dead connection."""

RECONNECT_DELAY = 0.5
"""Seconds between two tries to subscribe again."""


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
    """Subscriptions, each on a connection of its own."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self._address = address
        self._keys = keys

    @asynccontextmanager
    async def transitions(self, job_id: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        """Transitions of one job, or of all; subscribed once the context is entered.

        Raises:
            RedisUnavailable: also while iterating, when the connection breaks: events may
                have been missed, so look at the jobs and subscribe again.
        """
        channel = EVENTS if job_id is None else events_of(job_id)
        async with self._subscribed(channel) as subscription:
            yield (_decode(text) async for text in self._messages(subscription))

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
                async with self._subscribed(self._keys.control) as subscription:
                    on_subscribed()
                    async for text in self._messages(subscription):
                        yield _read_order(text.decode())
            except RedisUnavailable:
                await asyncio.sleep(RECONNECT_DELAY)

    @asynccontextmanager
    async def _subscribed(self, channel: str) -> AsyncIterator[PubSub]:
        client = redis.asyncio.Redis.from_url(
            self._address.url,
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            client_name="jobqueue-events",
            health_check_interval=POLL,
        )
        subscription = client.pubsub()
        try:
            try:
                await subscription.subscribe(channel)
                await subscription.get_message(timeout=POLL)
            except (redis.RedisError, OSError) as error:
                raise self._unavailable(error) from error
            yield subscription
        finally:
            await subscription.aclose()  # type: ignore[no-untyped-call]  # untyped in redis-py
            await client.aclose()

    async def _messages(self, subscription: PubSub) -> AsyncIterator[bytes]:
        while True:
            try:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=POLL
                )
            except (redis.RedisError, OSError) as error:
                raise self._unavailable(error) from error
            if message is not None:
                yield message["data"]

    def _unavailable(self, error: Exception) -> RedisUnavailable:
        return RedisUnavailable(f"Redis at {self._address.masked}: {error}")


def _read_order(text: str) -> CancelOrder | LookOrder:
    if text.startswith(LOOK):
        return LookOrder(text.removeprefix(LOOK))
    return CancelOrder(text)
