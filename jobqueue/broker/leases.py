"""Renewing leases from a thread of its own: synchronous, with a connection of its own."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobqueue.broker import scripts
from jobqueue.broker.address import Address
from jobqueue.broker.codec import ulid_of
from jobqueue.broker.consumer import Lease
from jobqueue.broker.keys import Keys
from jobqueue.errors import RedisUnavailable
from jobqueue.ids import split_job_id

SOCKET_TIMEOUT = 3.0
"""Seconds until a renewal is given up: shorter than the time between two renewals."""

MAX_LEASES = 500
"""Leases of one script call."""


class Renewal(msgspec.Struct, frozen=True):
    """Deliveries that are no longer the worker's, and jobs that somebody cancelled."""

    lost: list[str]
    cancelled: list[str]


class LeaseRenewer:
    """Keeps deliveries alive; belongs to one thread."""

    def __init__(self, address: Address, keys: Keys, *, lease: float) -> None:
        self._keys = keys
        self._lease_ms = round(lease * 1000)
        self._masked = address.masked
        self._redis = redis.Redis.from_url(
            address.url,
            socket_timeout=SOCKET_TIMEOUT,
            socket_connect_timeout=SOCKET_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            client_name="jobqueue-leases",
        )

    def renew(self, leases: Iterable[Lease]) -> Renewal:
        """Push every lease to its full length from now.

        Raises:
            RedisUnavailable: Redis does not answer; some may have been renewed.
        """
        by_queue: dict[str, list[Lease]] = defaultdict(list)
        for lease in leases:
            names = split_job_id(lease.job_id)
            if names is not None:
                by_queue[names[0]].append(lease)
        renewal = Renewal(lost=[], cancelled=[])
        for queue, group in by_queue.items():
            for first in range(0, len(group), MAX_LEASES):
                part = group[first : first + MAX_LEASES]
                for lease, answer in zip(part, self._call(queue, part), strict=True):
                    if answer == b"lost":
                        renewal.lost.append(lease.job_id)
                    elif answer == b"cancel":
                        renewal.cancelled.append(lease.job_id)
        return renewal

    def close(self) -> None:
        """Drop the connection."""
        self._redis.close()

    def _call(self, queue: str, leases: Sequence[Lease]) -> list[bytes]:
        pairs = chain.from_iterable((ulid_of(lease.job_id), lease.token) for lease in leases)
        call = scripts.renew(self._keys.meta(queue), self._lease_ms, pairs)
        try:
            return self._send(call)
        except redis.RedisError as error:
            raise RedisUnavailable(f"Redis at {self._masked}: {error}") from error

    def _send(self, call: scripts.ScriptCall) -> list[bytes]:
        answers: list[bytes]
        try:
            answers = self._redis.execute_command(*call.command())  # type: ignore[no-untyped-call]  # untyped in redis-py
        except redis.exceptions.NoScriptError:
            answers = self._redis.execute_command(*call.command_with_text())  # type: ignore[no-untyped-call]  # likewise
        return answers
