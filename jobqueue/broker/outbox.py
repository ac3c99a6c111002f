"""Carrying messages between queues, which may live on different servers.

A message stays in its queue's outbox until the other queue has taken it, and taking it twice
changes nothing, so any number of processes may carry, and any of them may die on the way.
"""

import asyncio

import structlog

from jobqueue.broker import queue_list, scripts
from jobqueue.broker.arrivals import Arrivals
from jobqueue.broker.codec import retention_argument
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.message import Message
from jobqueue.errors import RedisFull, SchemaMismatch
from jobqueue.ids import split_job_id
from jobqueue.settings import RetentionSettings

MESSAGES = 100
"""Messages of one step: each may hold a result of 64 KiB."""

_log = structlog.get_logger(__name__)


class Outbox:
    """Empties the outboxes of queues."""

    def __init__(self, channel: Commands, keys: Keys, retention: RetentionSettings) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention_argument(retention)
        self._arrivals = Arrivals(channel, keys, self._retention)

    async def relay(self, queue: str) -> bool:
        """Carry the oldest messages of a queue; whether there may be more."""
        meta, found = self._keys.meta(queue), await self._oldest(queue)
        arrived = await asyncio.gather(
            *(self._deliver(queue, message) for message in found), return_exceptions=True
        )
        done = [raw for raw in arrived if isinstance(raw, bytes)]
        if done:
            await self._channel.call(scripts.outbox_done(meta, done))
        for error in arrived:
            if isinstance(error, BaseException):
                raise error
        return len(found) == MESSAGES and bool(done)

    async def has_for(self, queue: str, job_id: str) -> bool:
        """Whether a message for a job is among the oldest of a queue."""
        return any(message.to == job_id.encode() for message in await self._oldest(queue))

    async def _oldest(self, queue: str) -> list[Message]:
        found = await self._channel.call(scripts.outbox_read(self._keys.meta(queue), MESSAGES))
        return [Message(*fields) for fields in found]

    async def _deliver(self, source: str, message: Message) -> bytes | None:
        """Give one message to its queue; None where that cannot take it now."""
        names = split_job_id(message.to.decode())
        if names is None:  # nobody could take it, and it would stand in the way of the others
            _log.error("message_for_nobody", to=message.to, op=message.op, peer=message.peer)
            return message.raw
        queue, ulid = names
        try:
            await queue_list.enter(self._channel, self._keys.queues, queue)
            done = await self._do(source, message, queue, ulid)
        except (RedisFull, SchemaMismatch):
            return None
        return message.raw if done else None

    async def _do(self, source: str, message: Message, queue: str, ulid: str) -> bool:
        """Do what a message asks for; False: it is to be sent again."""
        meta, peer = self._keys.meta(queue), message.peer.decode()
        match message.op:
            case b"watch":
                name, number = message.name.decode(), message.number
                answer = await self._channel.call(scripts.watch(meta, ulid, peer, name, number))
                return bool(answer != b"coming")
            case b"tell":
                state, result = message.state.decode(), message.result
                await self._channel.call(
                    scripts.tell(meta, ulid, peer, state, result, self._retention)
                )
                return True
            case _:
                return await self._arrivals.hand_over(message, left=source, queue=queue, ulid=ulid)
