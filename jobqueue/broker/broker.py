"""The broker as the rest of the program sees it: every verb, on every queue of a namespace."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from jobqueue.broker import queue_list, scripts
from jobqueue.broker.access import Access
from jobqueue.broker.archive import Archive
from jobqueue.broker.connections import Connections
from jobqueue.broker.consumer import BLOCK_SLACK, Claim, Consumer, Lease
from jobqueue.broker.deployment import deployment_of
from jobqueue.broker.durability import Confirmation
from jobqueue.broker.events import CancelOrder, Event, Events, LookOrder
from jobqueue.broker.firing import FireReport, Firing
from jobqueue.broker.forwards import Forwards
from jobqueue.broker.history import History, Input
from jobqueue.broker.keys import Keys
from jobqueue.broker.leases import LeaseRenewer, Renewal
from jobqueue.broker.listing import Filter, Lister
from jobqueue.broker.operator import Operator
from jobqueue.broker.outbox import Outbox
from jobqueue.broker.partitions import Partitions
from jobqueue.broker.producer import Producer
from jobqueue.broker.quieting import Quieting
from jobqueue.broker.reader import Reader, Standing
from jobqueue.broker.reaping import Reaping, ReapReport
from jobqueue.broker.schedule_store import ScheduleStore
from jobqueue.broker.schedules import Schedules
from jobqueue.broker.server_info import ServerInfo, read_server_info
from jobqueue.errors import RedisRefused
from jobqueue.job_log import LogLine
from jobqueue.model import (
    CancelResult,
    Delivery,
    Job,
    Page,
    QueueStats,
    RetryResult,
    TypeInfo,
    WorkerInfo,
)
from jobqueue.redis_url import Topology
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import Accepted, Durability, NewJob

MAX_BLOCK = 2.0
"""Longest block of a waiting worker in seconds; see `Consumer.wait`."""


class Broker:
    """All queues of one namespace on one Redis.

    Every method raises `RedisUnavailable` when Redis does not answer. What reads knows queues; what
    serves or changes a whole queue takes one of its partitions, see `partitions`.

    Attributes:
        partitioning: into how many partitions queues are split.
        operator: what operators do beyond cancel and retry.
        schedules: jobs that are made again and again.
        archive: jobs that have ended, for a table of them elsewhere.
        access: who may call the API, and what they did.
    """

    def __init__(
        self, connections: Connections, *, namespace: str, retention: RetentionSettings
    ) -> None:
        keys = Keys(namespace)
        self._connections = connections
        self._channel = connections.commands
        self._keys = keys
        self._retention = retention
        self._confirmation = Confirmation(connections, keys)
        self._producer = Producer(self._channel, keys, retention)
        outbox = Outbox(self._channel, keys, retention)
        forwards = Forwards(self._channel, keys, outbox)
        self._reader = Reader(self._channel, keys, forwards)
        self._history = History(self._channel, keys, forwards)
        self.archive = Archive(self._channel, keys, self._reader)
        self.partitioning = Partitions(self._channel, keys)
        self._lister = Lister(self._channel, keys, self._reader)
        self._quieting = Quieting(self._channel, keys, self._reader)
        self._reaping = Reaping(self._channel, keys, retention, outbox)
        self.operator = Operator(self._channel, keys, retention, outbox, forwards)
        self.schedules = Schedules(ScheduleStore(self._channel, keys))
        self.access = Access(self._channel, keys)
        self._firing = Firing(self._channel, keys, retention, self.schedules)
        self._events = Events(connections, keys)

    async def close(self) -> None:
        """Finish the calls in flight and drop all connections."""
        await self._producer.close()
        await self.partitioning.close()
        await self._connections.close()

    # Producers

    async def enqueue(self, job: NewJob, *, durability: Durability | None = None) -> Accepted:
        """Enqueue one job; concurrent calls share a round trip. A re-send changes nothing.

        Raises:
            NotDurable: it is accepted, but maybe not as safe as asked.
        """
        accepted = await self._producer.enqueue(job)
        if durability:
            await self._confirmation.wait([accepted], durability)
        return accepted

    async def enqueue_many(
        self, jobs: Sequence[NewJob], *, durability: Durability | None = None
    ) -> list[Accepted]:
        """Enqueue jobs, all or nothing within each queue; answers in their order.

        Raises:
            NotDurable: they are accepted, but maybe not as safe as asked.
        """
        accepted = await self._producer.enqueue_many(jobs)
        if durability:
            await self._confirmation.wait(accepted, durability)
        return accepted

    async def foresee(self, jobs: Sequence[NewJob]) -> list[Accepted]:
        """What would become of each of `jobs` if it were enqueued now; nothing is."""
        return await self._producer.foresee(jobs)

    # Readers

    async def get(self, job_id: str) -> Job | None:
        """The job of this id, None when there is none."""
        return await self._reader.get(job_id)

    async def logs(self, job_id: str) -> list[LogLine]:
        """The newest lines of a job's log, oldest first; none where there is no such job."""
        return await self._reader.logs(job_id)

    async def inputs(self, job_id: str) -> dict[str, Input]:
        """What the parents of a job left to it, by their full ids, as far as they have ended."""
        return await self._history.inputs(job_id)

    async def timeline(self, job_id: str) -> list[Delivery]:
        """How a job's deliveries before the last one ended, oldest first; the newest 50."""
        return await self._history.timeline(job_id)

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

    async def partition_stats(self, queue: str) -> list[QueueStats]:
        """As `stats`, for each partition of a queue, under its name."""
        return await self._reader.partition_stats(queue)

    async def queues(self) -> list[str]:
        """All queues ever used, by name."""
        return await self._reader.queues()

    async def partitions(self, queue: str | None = None) -> list[str]:
        """All partitions ever used, of one queue or of all; the first is the queue itself."""
        return await self._reader.partitions(queue)

    async def workers(self) -> list[WorkerInfo]:
        """Workers that beat within the last minute."""
        return await self._reader.workers()

    async def types(self) -> dict[str, TypeInfo]:
        """Job types that workers published within the last 30 days, by name."""
        return await self._reader.types()

    async def publish_types(self, types: Iterable[TypeInfo]) -> None:
        """Tell producers in other processes which types run here."""
        await self._reader.publish_types(types)

    async def deployment(self) -> str:
        """A random name that this namespace of this Redis has for good; see `deployment`."""
        return await deployment_of(self._channel, self._keys)

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

    async def cancel(self, job_id: str, *, reason: str = "cancelled") -> CancelResult:
        """Cancel a job: at once when it has not started, else its worker is told."""
        return await self.operator.cancel(job_id, reason)

    async def retry(self, job_id: str) -> RetryResult:
        """Queue a dead or cancelled job again, with all its attempts."""
        return (await self.operator.replay([job_id]))[0]

    async def quiet(self, worker_id: str) -> None:
        """Let a worker claim nothing until `unquiet`; see `Quieting`."""
        await self._quieting.quiet(worker_id)

    async def unquiet(self, worker_id: str) -> None:
        """Let a quiet worker claim again; see `Quieting`."""
        await self._quieting.unquiet(worker_id)

    # Workers

    async def consumer(self, queue: str, *, worker_id: str, lease: float) -> Consumer:
        """A pool's hold on a queue; signs the worker on."""
        await queue_list.enter(self._channel, self._keys.queues, queue)
        await self._channel.call(scripts.join(self._keys.meta(queue), worker_id))
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

    def orders(
        self, on_subscribed: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[CancelOrder | LookOrder, None]:
        """What workers are told, any of them; see `Events`."""
        return self._events.orders(on_subscribed)

    def lease_renewer(self, *, lease: float) -> LeaseRenewer:
        """For the thread that keeps leases alive."""
        return LeaseRenewer(self._connections.url, self._keys, lease=lease)

    # Reaper

    async def reap(self, queue: str, *, lease: float) -> ReapReport:
        """One bounded pass over a queue; see `reaping`."""
        return await self._reaping.reap(queue, lease=lease)

    async def fire_due(self, queue: str) -> FireReport:
        """Make the jobs of a queue's schedules that are due; see `firing`."""
        return await self._firing.fire_due(queue)

    async def reaper_beat_age(self, queue: str) -> float | None:
        """Seconds since any reaper passed over a queue; None: never."""
        return await self._reaping.beat_age(queue)


__all__ = [
    "Broker",
    "CancelOrder",
    "Claim",
    "Connections",
    "Consumer",
    "Event",
    "FireReport",
    "Input",
    "Lease",
    "LookOrder",
    "ReapReport",
    "Renewal",
    "ServerInfo",
    "Standing",
]
