"""Carrying messages between queues, which may live on different servers.

A message stays in its queue's outbox until the other queue has taken it, and taking it twice
changes nothing, so any number of processes may carry, and any of them may die on the way.
"""

import asyncio
from typing import NamedTuple

import structlog

from jobqueue.broker import queue_list, scripts
from jobqueue.broker.codec import retention_argument
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.errors import RedisFull, SchemaMismatch
from jobqueue.ids import split_job_id
from jobqueue.settings import RetentionSettings

MESSAGES = 100
"""Messages of one step: each may hold a result of 64 KiB."""

_log = structlog.get_logger(__name__)


class _Message(NamedTuple):
    raw: bytes
    to: bytes
    op: bytes
    peer: bytes
    state: bytes
    result: bytes
    spec: bytes
    run_at: bytes
    extras: bytes


class Outbox:
    """Empties the outboxes of queues."""

    def __init__(self, channel: Commands, keys: Keys, retention: RetentionSettings) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention_argument(retention)

    async def relay(self, queue: str) -> bool:
        """Carry the oldest messages of a queue; whether there may be more."""
        meta = self._keys.meta(queue)
        found = await self._channel.call(scripts.outbox_read(meta, MESSAGES))
        arrived = await asyncio.gather(
            *(self._deliver(_Message(*fields)) for fields in found), return_exceptions=True
        )
        done = [raw for raw in arrived if isinstance(raw, bytes)]
        if done:
            await self._channel.call(scripts.outbox_done(meta, done))
        for error in arrived:
            if isinstance(error, BaseException):
                raise error
        return len(found) == MESSAGES and bool(done)

    async def _deliver(self, message: _Message) -> bytes | None:
        """Give one message to its queue; None where that cannot take it now."""
        names = split_job_id(message.to.decode())
        if names is None:  # nobody could take it, and it would stand in the way of the others
            _log.error("message_for_nobody", to=message.to, op=message.op, peer=message.peer)
            return message.raw
        queue, ulid = names
        try:
            await queue_list.enter(self._channel, self._keys.queues, queue)
            answer = await self._channel.call(self._call(message, self._keys.meta(queue), ulid))
        except (RedisFull, SchemaMismatch):
            return None
        return None if answer == b"coming" else message.raw

    def _call(self, message: _Message, meta: str, ulid: str) -> scripts.ScriptCall:
        match message.op:
            case b"watch":
                return scripts.watch(meta, ulid, message.peer.decode())
            case b"tell":
                peer, state = message.peer.decode(), message.state.decode()
                return scripts.tell(meta, ulid, peer, state, message.result, self._retention)
            case _:
                job = (ulid, message.spec, 0, message.run_at, message.extras)
                return scripts.enqueue(meta, self._retention, "staged", job)
