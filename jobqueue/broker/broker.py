"""The broker as the rest of the program sees it: every verb, on every queue of a namespace."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from jobqueue.broker import scripts
from jobqueue.broker.codec import ulid_of
from jobqueue.broker.connections import Connections
from jobqueue.broker.consumer import BLOCK_SLACK, Claim, Consumer, Lease
from jobqueue.broker.events import Event, Events
from jobqueue.broker.keys import SCHEMA_VERSION, Keys
from jobqueue.broker.leases import LeaseRenewer, Renewal
from jobqueue.broker.listing import Filter, Lister
from jobqueue.broker.producer import Producer
from jobqueue.broker.reader import Reader, Standing
from jobqueue.broker.reaping import Reaping, ReapReport
from jobqueue.broker.resend import resend
from jobqueue.broker.server_info import ServerInfo, read_server_info
from jobqueue.errors import RedisRefused
from jobqueue.ids import split_job_id
from jobqueue.model import (
    Accepted,
    CancelResult,
    Job,
    NewJob,
    Page,
    QueueStats,
    RetryResult,
    State,
    TypeInfo,
    WorkerInfo,
)
from jobqueue.redis_url import Topology
from jobqueue.settings import RetentionSettings

MAX_BLOCK = 2.0
"""Longest block of a waiting worker in seconds; see `Consumer.wait`."""


class Broker:
    """All queues of one namespace on one Redis.

    Every method raises `RedisUnavailable` when Redis does not answer.
    """

    def __init__(
        self, connections: Connections, *, namespace: str, retention: RetentionSettings
    ) -> None:
        keys = Keys(namespace)
        self._connections = connections
        self._channel = connections.commands
        self._keys = keys
        self._retention = retention
        self._producer = Producer(self._channel, keys)
        self._reader = Reader(self._channel, keys)
        self._lister = Lister(self._channel, keys, self._reader)
        self._reaping = Reaping(self._channel, keys, retention)
        self._events = Events(connections, keys)

    async def close(self) -> None:
        """Finish the calls in flight and drop all connections."""
        await self._producer.close()
        await self._connections.close()

    # Producers

    async def enqueue(self, job: NewJob) -> Accepted:
        """Enqueue one job; concurrent calls share a round trip. A re-send changes nothing."""
        return await self._producer.enqueue(job)

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> list[Accepted]:
        """Enqueue jobs, all or nothing within each queue; answers in their order."""
        return await self._producer.enqueue_many(jobs)

    # Readers

    async def get(self, job_id: str) -> Job | None:
        """The job of this id, None when there is none."""
        return await self._reader.get(job_id)

    async def standings(self, job_ids: Iterable[str]) -> dict[str, Standing]:
        """State and result of each of these jobs that is known; payloads are not read."""
        return await self._reader.standings(job_ids)

    async def list_jobs(
        self,
        state: State,
        *,
        queue: str | None = None,
        wanted: Filter | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """A page of the jobs in a state, of one queue or all; see `listing`."""
        return await self._lister.page(
            state, queue=queue, wanted=wanted, limit=limit, cursor=cursor
        )

    async def stats(self, queues: Iterable[str] | None = None) -> list[QueueStats]:
        """Jobs by state for each of these queues, by default all."""
        return await self._reader.stats(queues)

    async def queues(self) -> list[str]:
        """All queues ever used, by name."""
        return await self._reader.queues()

    async def workers(self) -> list[WorkerInfo]:
        """Workers that beat within the last minute."""
        return await self._reader.workers()

    async def types(self) -> dict[str, TypeInfo]:
        """Job types that workers published within the last 30 days, by name."""
        return await self._reader.types()

    async def publish_types(self, types: Iterable[TypeInfo]) -> None:
        """Tell producers in other processes which types run here."""
        await self._reader.publish_types(types)

    async def ping(self) -> None:
        """Raise RedisUnavailable unless Redis answers."""
        await self._channel.execute("PING")

    @property
    def topology(self) -> Topology:
        """Whether this is one server, a master that sentinels name, or a cluster."""
        return self._connections.url.topology

    async def servers(self) -> list[ServerInfo]:
        """Every server that takes jobs, and the settings on which their safety rests.

        Raises:
            RedisRefused: this user may not ask.
        """
        infos = await self._channel.execute_everywhere("INFO")
        try:
            saves = await self._channel.execute_everywhere("CONFIG", "GET", "save")
        except RedisRefused:  # as managed services do
            saves = [None] * len(infos)
        return list(map(read_server_info, infos, saves))

    def events(
        self, job_id: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Transitions of one job, or of all; subscribed once the context is entered."""
        return self._events.transitions(job_id)

    # Operators

    async def cancel(self, job_id: str) -> CancelResult:
        """Cancel a job: at once when it has not started, else its worker is told."""
        names = split_job_id(job_id)
        if names is None:
            return CancelResult.NOT_FOUND
        call = scripts.cancel(
            self._keys.meta(names[0]), names[1], self._keys.control, self._retention.cancelled_count
        )
        answer: bytes = await resend(lambda: self._channel.call(call))
        return CancelResult(answer.decode())

    async def retry(self, job_id: str) -> RetryResult:
        """Queue a dead or cancelled job again, with all its attempts."""
        names = split_job_id(job_id)
        if names is None:
            return RetryResult.NOT_FOUND
        call = scripts.retry(self._keys.meta(names[0]), ulid_of(job_id))
        return RetryResult((await self._channel.call(call)).decode())

    # Workers

    async def consumer(self, queue: str, *, worker_id: str, lease: float) -> Consumer:
        """A pool's hold on a queue; signs the worker on."""
        await self._channel.execute("SADD", self._keys.queues, queue)
        await self._channel.call(scripts.join(self._keys.meta(queue), worker_id, SCHEMA_VERSION))
        return Consumer(
            commands=self._channel,
            waiting=self._connections.blocking(
                self._keys.of(queue, "handoff"), reply_timeout=MAX_BLOCK + BLOCK_SLACK
            ),
            keys=self._keys,
            queue=queue,
            worker_id=worker_id,
            lease=lease,
            retention=self._retention,
        )

    def cancellations(
        self, on_subscribed: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[str, None]:
        """Ids of running jobs that somebody just cancelled, any worker's; see `Events`."""
        return self._events.cancellations(on_subscribed)

    def lease_renewer(self, *, lease: float) -> LeaseRenewer:
        """For the thread that keeps leases alive."""
        return LeaseRenewer(self._connections.url, self._keys, lease=lease)

    # Reaper

    async def reap(self, queue: str, *, lease: float) -> ReapReport:
        """One bounded pass over a queue; see `reaping`."""
        return await self._reaping.reap(queue, lease=lease)

    async def reaper_beat_age(self, queue: str) -> float | None:
        """Seconds since any reaper passed over a queue; None: never."""
        return await self._reaping.beat_age(queue)


__all__ = [
    "Broker",
    "Claim",
    "Connections",
    "Consumer",
    "Event",
    "Lease",
    "ReapReport",
    "Renewal",
    "ServerInfo",
    "Standing",
]
