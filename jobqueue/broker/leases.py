"""Renewing leases from a thread of its own, with connections of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from jobqueue.broker import scripts
from jobqueue.broker.codec import ulid_of
from jobqueue.broker.connections import commands_at
from jobqueue.broker.consumer import Lease
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend
from jobqueue.errors import RedisUnavailable
from jobqueue.ids import split_job_id
from jobqueue.redis_url import RedisUrl

RENEW_TIMEOUT = 3.0
"""Seconds until a renewal is given up: shorter than the time between two renewals."""

PATIENCE = 1.0
"""Seconds of trying again within a renewal: for a connection that broke since the last one."""

MAX_LEASES = 500
"""Leases of one script call."""


class Renewal(msgspec.Struct, frozen=True):
    """Deliveries that are no longer the worker's, and jobs that somebody cancelled."""

    lost: list[str]
    cancelled: list[str]


class LeaseRenewer:
    """Keeps deliveries alive; belongs to one thread, which must not run an event loop.

    It brings a loop of its own, which runs during its calls only: so it speaks to Redis as
    everybody else does, and follows it through every failover in the same way.
    """

    def __init__(self, url: RedisUrl, keys: Keys, *, lease: float) -> None:
        self._keys = keys
        self._lease_ms = round(lease * 1000)
        self._commands = commands_at(url, name="jobqueue-leases", reply_timeout=RENEW_TIMEOUT)
        self._masked = url.masked
        # nobody hears here that another server is the master now, and the old one still answers
        self._asks_anew = url.topology == "sentinel"
        self._runner = asyncio.Runner()

    def renew(self, leases: Iterable[Lease]) -> Renewal:
        """Push every lease to its full length from now.

        Raises:
            RedisUnavailable: Redis does not answer; some may have been renewed.
        """
        return self._runner.run(self._renew(leases))

    def close(self) -> None:
        """Drop the connection."""
        self._runner.run(self._commands.close())
        self._runner.close()

    async def _renew(self, leases: Iterable[Lease]) -> Renewal:
        parts = list(_parts(leases))
        try:
            async with asyncio.timeout(RENEW_TIMEOUT):
                answers = await asyncio.gather(*(self._call(queue, part) for queue, part in parts))
        except TimeoutError:
            self._commands.break_connection()
            raise RedisUnavailable(f"Redis at {self._masked} does not answer") from None
        if self._asks_anew:
            self._commands.break_connection()
        renewal = Renewal(lost=[], cancelled=[])
        for (_, part), said in zip(parts, answers, strict=True):
            for lease, answer in zip(part, said, strict=True):
                if answer == b"lost":
                    renewal.lost.append(lease.job_id)
                elif answer == b"cancel":
                    renewal.cancelled.append(lease.job_id)
        return renewal

    async def _call(self, queue: str, leases: Sequence[Lease]) -> list[bytes]:
        pairs = chain.from_iterable((ulid_of(lease.job_id), lease.token) for lease in leases)
        call = scripts.renew(self._keys.meta(queue), self._lease_ms, pairs)
        answers: list[bytes] = await resend(lambda: self._commands.call(call), patience=PATIENCE)
        return answers


def _parts(leases: Iterable[Lease]) -> Iterable[tuple[str, list[Lease]]]:
    """The leases of each queue, as many at once as one call takes."""
    by_queue: dict[str, list[Lease]] = defaultdict(list)
    for lease in leases:
        names = split_job_id(lease.job_id)
        if names is not None:
            by_queue[names[0]].append(lease)
    for queue, group in by_queue.items():
        for first in range(0, len(group), MAX_LEASES):
            yield queue, group[first : first + MAX_LEASES]
