"""Telling one worker to claim nothing, and to go on.

The flag in each of the worker's queues is what counts: the worker reads it with each beat, and a
message makes it beat at once. It outlives a cut between the worker and Redis.
"""

import asyncio

from jobqueue.broker.commands import Commands
from jobqueue.broker.consumer import QUIET_MS, quiet_key
from jobqueue.broker.events import LOOK
from jobqueue.broker.keys import Keys
from jobqueue.broker.reader import Reader
from jobqueue.broker.resend import resend
from jobqueue.broker.scripts import Argument
from jobqueue.errors import WorkerNotFound


class Quieting:
    """Sets and clears the flags."""

    def __init__(self, channel: Commands, keys: Keys, reader: Reader) -> None:
        self._channel = channel
        self._keys = keys
        self._reader = reader

    async def quiet(self, worker_id: str) -> None:
        """Let a worker claim nothing; what it runs goes on.

        Raises:
            WorkerNotFound: no worker of this id beat lately.
        """
        keys = await self._flags_of(worker_id)
        await asyncio.gather(*(self._send("SET", key, "1", "PX", QUIET_MS) for key in keys))
        await self._look(worker_id)

    async def unquiet(self, worker_id: str) -> None:
        """Let a quiet worker claim again; raises as `quiet` does."""
        keys = await self._flags_of(worker_id)
        await asyncio.gather(*(self._send("DEL", key) for key in keys))
        await self._look(worker_id)

    async def _flags_of(self, worker_id: str) -> list[str]:
        for worker in await self._reader.workers():
            if worker.id == worker_id:
                return [quiet_key(self._keys, pool.queue, worker_id) for pool in worker.pools]
        raise WorkerNotFound(f"there is no worker {worker_id!r}: see who beats with `workers`")

    async def _look(self, worker_id: str) -> None:
        await self._send("PUBLISH", self._keys.control, f"{LOOK}{worker_id}")

    async def _send(self, *command: Argument) -> None:
        await resend(lambda: self._channel.execute(*command))
