"""Handing moved jobs to the queue that they go to, with the log that they have."""

from jobqueue.broker import scripts
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.message import Message

LOG_STEP = 100
"""Lines of a log that are copied at once: at most 400 KiB, about a millisecond of Redis."""

LOG_KEEP_MS = 600_000
"""How long a copied log waits for its job, which follows it at once."""


class Arrivals:
    """Completes moves; any number may, at the same time, and any of them may die on the way.

    A log may be large, so it is copied in steps, beside the job, before the one step in which the
    job arrives with it.
    """

    def __init__(self, channel: Commands, keys: Keys, retention: str) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention

    async def hand_over(self, message: Message, *, left: str, queue: str, ulid: str) -> bool:
        """Let a job arrive in `queue` that has left the queue `left`; whether it has."""
        name = message.log.decode()
        lines = await self._channel.execute("LLEN", self._keys.of(left, name)) if name else 0
        arrived = await self._arrive(message, queue, ulid, lines)
        if not arrived:
            await self._copy_log(name, left=left, queue=queue)
            arrived = await self._arrive(message, queue, ulid, lines)
        if arrived and name:
            await self._channel.execute("UNLINK", self._keys.of(left, name))
        return arrived

    async def _arrive(self, message: Message, queue: str, ulid: str, lines: int) -> bool:
        call = scripts.arrive(
            self._keys.meta(queue),
            ulid,
            message.spec,
            message.run_at,
            message.extras,
            message.move,
            message.log,
            lines,
            self._retention,
        )
        return bool(await self._channel.call(call) == b"done")

    async def _copy_log(self, name: str, *, left: str, queue: str) -> None:
        source, offset = self._keys.of(left, name), 0
        while lines := await self._channel.execute("LRANGE", source, offset, offset + LOG_STEP - 1):
            call = scripts.stage_log(self._keys.meta(queue), name, offset, LOG_KEEP_MS, lines)
            await self._channel.call(call)
            offset += len(lines)
