"""Waiting until accepted jobs are as safe as their producer asked."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from jobqueue.broker.channel import Channel
from jobqueue.broker.codec import ulid_of
from jobqueue.broker.connections import Connections
from jobqueue.broker.consumer import BLOCK_SLACK
from jobqueue.broker.keys import Keys
from jobqueue.errors import NotDurable, RedisFull, RedisRefused, RedisUnavailable
from jobqueue.ids import partition_of
from jobqueue.submission import Accepted, Durability

WAIT_MS = 2000
"""How long Redis gets to confirm: a replica or a disk that takes longer is in trouble."""

FENCE_MS = 1000
"""How long the written fence is kept: it only has to be written."""


class Confirmation:
    """Asks Redis, on connections of its own, because the waiting stops all of a connection."""

    def __init__(self, connections: Connections, keys: Keys) -> None:
        self._connections = connections
        self._keys = keys
        self._channels: dict[str, Channel] = {}

    async def wait(self, jobs: Sequence[Accepted], level: Durability) -> None:
        """Wait until `jobs` are as safe as `level` says.

        Raises:
            NotDurable: they are accepted, and it is not known that they are.
        """
        for queue, group in groupby(jobs, key=lambda job: partition_of(job.id)):
            await self._wait(queue, [*group][-1], level)

    async def _wait(self, queue: str, last: Accepted, level: Durability) -> None:
        fence = self._keys.of(queue, "fence")
        channel = self._channel_of(queue, fence)
        try:
            # Redis waits for what this connection wrote: the fence, which comes after the jobs;
            # after a failover in between the new server may have the fence and not the jobs
            _, confirmed, there = await asyncio.gather(
                channel.execute("SET", fence, 1, "PX", FENCE_MS),
                channel.execute(*_COMMANDS[level]),
                channel.execute("EXISTS", self._keys.of(queue, ulid_of(last.id))),
            )
        except (RedisRefused, RedisFull) as error:
            raise NotDurable(f"the jobs are accepted, but not {level}: {error}") from None
        except RedisUnavailable as error:
            raise NotDurable(
                f"the jobs are accepted, whether {level} is unknown: {error}"
            ) from error
        copies = confirmed[0] if isinstance(confirmed, list) else confirmed
        if not copies:
            raise NotDurable(
                f"the jobs are accepted, but Redis did not confirm {level} within "
                f"{WAIT_MS / 1000:g} s: see that {_NEEDS[level]}, and submit them again with the "
                "same idempotency keys"
            )
        if not there and not last.stands_for:
            raise NotDurable(
                "Redis failed over and has lost the jobs: submit them again with the same "
                "idempotency keys"
            )

    def _channel_of(self, queue: str, fence: str) -> Channel:
        if queue not in self._channels:
            self._channels[queue] = self._connections.blocking(
                fence, reply_timeout=WAIT_MS / 1000 + BLOCK_SLACK
            )
        return self._channels[queue]


_COMMANDS = {
    Durability.REPLICATED: ("WAIT", 1, WAIT_MS),
    Durability.FSYNC: ("WAITAOF", 1, 0, WAIT_MS),
}

_NEEDS = {
    Durability.REPLICATED: "a replica is connected and keeps up",
    Durability.FSYNC: "its disk keeps up",
}
