"""All queues of one process, and what they share.

run:   keeper, presence, orders, growth, pulse   around   one line a queue
drain: claim no more → running jobs get their time → cancel → hand back → sign off
"""

import asyncio
import os
import socket
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

import structlog

from jobqueue.app.contents import Contents
from jobqueue.app.jobs import Jobs
from jobqueue.broker.broker import Broker
from jobqueue.broker.consumer import Consumer
from jobqueue.errors import SchemaMismatch
from jobqueue.model import WorkerInfo
from jobqueue.registry import Registry
from jobqueue.settings import LimitSettings, WorkerSettings
from jobqueue.worker.attempt import Attempt, Stop
from jobqueue.worker.deadlines import Deadlines
from jobqueue.worker.gate import Gate
from jobqueue.worker.growth import Growth
from jobqueue.worker.keeper import Keeper
from jobqueue.worker.line import Line, Partition
from jobqueue.worker.orders import Orders
from jobqueue.worker.presence import Presence, new_worker_id
from jobqueue.worker.pulse import pulse
from jobqueue.worker.rate import parse_rate

STOP_GRACE = 2.0
"""Seconds that handlers get to clean up after the drain has run out."""

FLUSH_GRACE = 2.0
"""Seconds for the last verdicts after that; together with `STOP_GRACE` less than the 5 s
that a container's stop timeout is longer than the drain."""

_log = structlog.get_logger(__name__)


class Worker:
    """Runs jobs until it is told to drain.

    Args:
        queues: slots of each queue; a queue has at least as many as its largest batch.
        roles: of the whole process, for its beat.

    Attributes:
        id: names this incarnation; never used twice.
        draining: set once no more jobs are claimed.
        quiet: an operator wants it to claim nothing until further notice.
        stuck: a handler ignores its cancellation, and the process must not live on.
    """

    def __init__(
        self,
        worker_id: str,
        consumers: Mapping[str, Consumer],
        *,
        broker: Broker,
        registry: Registry,
        settings: WorkerSettings,
        limits: LimitSettings,
        contents: Contents,
        queues: Mapping[str, int],
        roles: Iterable[str],
        version: str,
    ) -> None:
        self.id = worker_id
        self.draining = asyncio.Event()
        self.quiet = False
        self.stuck = False
        self._outdated: SchemaMismatch | None = None
        self._broker = broker
        self._registry = registry
        self._drain_time = settings.drain
        self._rates = {queue: parse_rate(text) for queue, text in settings.rates.items()}
        self._limits = limits
        self._contents = contents
        self._family = Jobs(broker, registry, limits, contents).family
        self._roles = tuple(sorted(roles))
        self._version = version
        self._started_at_ms = round(time.time() * 1000)
        self._gate = Gate()
        self._deadlines = Deadlines()
        self._lines = [
            self._line(queue, max(queues[queue], registry.largest_batch(queue)))
            for queue in consumers
        ]
        for line in self._lines:
            line.add(line.queue, consumers[line.queue])
        self._keeper = Keeper(
            lambda: [each.pool for each in self._partitions()],
            broker.lease_renewer(lease=settings.lease),
            lease=settings.lease,
        )
        types = [entry.info() for entry in registry if entry.handler and entry.queue in queues]
        self._presence = Presence(
            broker,
            lambda: [each.consumer for each in self._partitions()],
            types,
            describe=self.info,
            on_quiet=self._set_quiet,
        )
        self._orders = Orders(
            broker,
            worker_id,
            partitions=self._partitions,
            keeper=self._keeper,
            presence=self._presence,
        )
        self._growth = Growth(
            broker,
            self._lines,
            join=partial(broker.consumer, worker_id=worker_id, lease=settings.lease),
            on_outdated=self._drain_outdated,
        )

    @classmethod
    async def open(
        cls,
        broker: Broker,
        registry: Registry,
        *,
        settings: WorkerSettings,
        limits: LimitSettings,
        contents: Contents,
        queues: Mapping[str, int],
        roles: Iterable[str],
        version: str,
    ) -> "Worker":
        """A worker that has introduced itself to its queues.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        await contents.prepare()
        worker_id = new_worker_id(settings.id)
        consumers = {
            queue: await broker.consumer(queue, worker_id=worker_id, lease=settings.lease)
            for queue in sorted(queues)
        }
        return cls(
            worker_id,
            consumers,
            broker=broker,
            registry=registry,
            settings=settings,
            limits=limits,
            contents=contents,
            queues=queues,
            roles=roles,
            version=version,
        )

    async def run(self) -> None:
        """Work until the drain is over; SchemaMismatch where a queue's new layout began it."""
        queues = {line.queue: line.slots.total for line in self._lines}
        _log.info("worker_started", worker=self.id, queues=queues)
        self._keeper.start()
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(helper) for helper in self._helpers()]
                await self._run_pools()
                for helper in helpers:
                    helper.cancel()
        finally:
            await self._keeper.close()
            self._deadlines.close()
            for line in self._lines:
                line.throttle.close()
        _log.info("worker_stopped", worker=self.id)
        if self._outdated and not self.stuck:
            raise self._outdated

    def drain(self) -> None:
        """Claim no more; `run` ends when the jobs have, or their time is up."""
        self.draining.set()

    def info(self) -> WorkerInfo:
        """The worker as it describes itself."""
        meters = [each.pool.meters for each in self._partitions()]
        return WorkerInfo(
            id=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            roles=self._roles,
            version=self._version,
            pools=tuple(line.info() for line in self._lines),
            processed=sum(meter.processed for meter in meters),
            failed=sum(meter.failed for meter in meters),
            started_at_ms=self._started_at_ms,
            quiet=self.quiet,
        )

    def problem(self) -> str | None:
        """A fetcher that hangs although Redis answers; never an idle queue or an outage."""
        if not self._presence.redis_reachable:
            return None
        fetchers = (each.fetcher for each in self._partitions())
        return next((hang for fetcher in fetchers if (hang := fetcher.overdue())), None)

    def _line(self, queue: str, slots: int) -> Line:
        return Line(
            queue,
            slots,
            rate=self._rates.get(queue),
            registry=self._registry,
            limits=self._limits,
            contents=self._contents,
            family=self._family,
            gate=self._gate,
            deadlines=self._deadlines,
            on_stuck=self._give_up_process,
            on_outdated=self._drain_outdated,
        )

    def _helpers(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs beside the pools and ends with them."""
        yield self._presence.beat()
        yield self._presence.publish_types()
        yield self._orders.heed()
        yield self._growth.run()
        yield pulse(self._lines)

    async def _run_pools(self) -> None:
        async with asyncio.TaskGroup() as group:
            lines = [group.create_task(line.run()) for line in self._lines]
            group.create_task(self._drain(lines))

    async def _drain(self, lines: Sequence[asyncio.Task[None]]) -> None:
        await self.draining.wait()
        _log.info("worker_draining", worker=self.id, running=self._gate.busy)
        end = monotonic() + self._drain_time
        for line in self._lines:
            line.close()
        if not await self._empty_within(self._drain_time):
            _log.warning("drain_over", worker=self.id, running=self._gate.busy)
            await self._hand_back()
        await self._flush(lines, max(end - monotonic(), 0) + FLUSH_GRACE)

    async def _empty_within(self, seconds: float) -> bool:
        """Whether all attempts end in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._gate.down_to(0)
        except TimeoutError:
            return False
        return True

    async def _hand_back(self) -> None:
        """Stop what still runs; it goes back unspent, whatever its handler does."""
        for attempt in self._running():
            attempt.stop(Stop.SHUTDOWN)
        if not await self._empty_within(STOP_GRACE):
            for attempt in self._running():
                attempt.give_up()

    async def _flush(self, lines: Sequence[asyncio.Task[None]], seconds: float) -> None:
        """Let the lines settle the last verdicts, and leave when Redis does not take them."""
        _, late = await asyncio.wait(lines, timeout=seconds)
        if late:
            unsettled = sum(len(each.pool.outbox) for each in self._partitions())
            _log.error("stopped_without_redis", worker=self.id, unsettled=unsettled)
        for line in late:
            line.cancel()

    def _set_quiet(self, quiet: bool) -> None:
        _log.info("worker_quiet" if quiet else "worker_goes_on", worker=self.id)
        self.quiet = quiet
        for line in self._lines:
            line.throttle.set_quiet(quiet)

    def _partitions(self) -> Iterator[Partition]:
        # copied in one step: the keeper's thread asks too
        return (each for line in self._lines for each in [*line.partitions.values()])

    def _running(self) -> list[Attempt]:
        return [attempt for line in self._lines for attempt in line.running()]

    def _give_up_process(self) -> None:
        self.stuck = True
        self.drain()

    def _drain_outdated(self, error: SchemaMismatch) -> None:
        if not self._outdated:
            _log.error("queue_outdates_worker", worker=self.id, error=str(error))
        self._outdated = error
        self.drain()
