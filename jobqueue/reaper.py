"""The reaper: takes back what workers lost, wakes what is due, fires schedules, removes old jobs.

A pass a second over every queue, and every partition of one. Any number of reapers may run: every
step is an atomic script of the broker, so none of them leads.
"""

import asyncio
import random
from collections.abc import Iterable
from time import monotonic

import structlog
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from jobqueue.broker.broker import Broker, ReapReport
from jobqueue.errors import SchemaMismatch, Unavailable
from jobqueue.ids import queue_of
from jobqueue.metrics import (
    JOBS_ENQUEUED,
    JOBS_FINISHED,
    LEASES_RECOVERED,
    OTHER,
    queue_label,
)
from jobqueue.model import QueueStats
from jobqueue.outage import Outage
from jobqueue.state import State

PASS_INTERVAL = 1.0
"""Seconds between two passes: bounds how late a lost job is noticed."""

SPREAD = 0.2
"""Share by which passes differ, so that several reapers do not pass in step."""

MAX_STEPS = 20
"""Steps on one queue in a pass: a large backlog of one does not keep others waiting."""

QUEUES_AT_ONCE = 16
"""Queues that are passed over side by side: their round trips share the connection."""

STATS_INTERVAL = 5.0
"""Seconds between two readings of the gauges, well below the usual scrape interval."""

STATS_VALID_FOR = 30.0
"""Seconds after which gauges that could not be read are not shown: an autoscaler should
rather see nothing than a number of before the outage."""

_log = structlog.get_logger(__name__)


class QueueGauges(Collector):
    """Jobs by queue and state, as of the latest reading."""

    def __init__(self) -> None:
        self._stats: list[QueueStats] = []
        self._read_at = -STATS_VALID_FOR

    def update(self, stats: list[QueueStats]) -> None:
        """Show these from now on."""
        self._stats = stats
        self._read_at = monotonic()

    @override
    def collect(self) -> Iterable[GaugeMetricFamily]:
        jobs = GaugeMetricFamily(
            "jobqueue_queue_jobs", "Jobs of a queue by state.", labels=["queue", "state"]
        )
        oldest = GaugeMetricFamily(
            "jobqueue_queue_oldest_job_seconds",
            "How long the job that starts next has waited.",
            labels=["queue"],
        )
        counts: dict[tuple[str, State], int] = {}
        ages: dict[str, float] = {}
        if monotonic() - self._read_at < STATS_VALID_FOR:
            for each in self._stats:
                label = queue_label(each.queue)
                ages[label] = max(ages.get(label, 0.0), each.oldest_queued_seconds)
                for state in State:
                    key = label, state
                    counts[key] = counts.get(key, 0) + each.counts.get(state, 0)
        for (label, state), count in counts.items():
            jobs.add_metric([label, state.value], count)
        for label, age in ages.items():
            oldest.add_metric([label], age)
        return [jobs, oldest]


class Reaper:
    """Passes over all queues for ever.

    Args:
        lease: the workers' lease in seconds.
        registry: where the gauges of the queues are shown while it runs.
    """

    def __init__(
        self, broker: Broker, *, lease: float, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._broker = broker
        self._lease = lease
        self._registry = registry
        self._gauges = QueueGauges()
        self._outdating: set[str] = set()
        """Queues whose layout this program does not know."""

    async def run(self) -> None:
        """Reap, through every outage, until cancelled."""
        self._registry.register(self._gauges)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reap())
                group.create_task(self._read_stats())
        finally:
            self._registry.unregister(self._gauges)

    async def _reap(self) -> None:
        outage = Outage("reaper")
        while True:
            try:
                await self._pass()
            except Unavailable as error:
                await outage.pause(error)
                continue
            outage.over()
            await asyncio.sleep(PASS_INTERVAL * random.uniform(1 - SPREAD, 1 + SPREAD))

    async def _pass(self) -> None:
        queues = await self._broker.partitions()
        for first in range(0, len(queues), QUEUES_AT_ONCE):
            some = queues[first : first + QUEUES_AT_ONCE]
            ends = await asyncio.gather(*map(self._pass_over, some), return_exceptions=True)
            for end in ends:
                if end:
                    raise end

    async def _pass_over(self, queue: str) -> None:
        try:
            await self._fire(queue)
            await self._reap_queue(queue)
        except SchemaMismatch as error:
            if queue not in self._outdating:
                _log.error("queue_outdates_reaper", queue=queue_of(queue), error=str(error))
            self._outdating.add(queue)
        else:
            self._outdating.discard(queue)

    async def _fire(self, queue: str) -> None:
        label = queue_label(queue_of(queue))
        for _ in range(MAX_STEPS):
            report = await self._broker.fire_due(queue)
            for job_type in report.fired:
                JOBS_ENQUEUED.labels(label, job_type).inc()
            for job_type in report.cancelled:
                JOBS_FINISHED.labels(label, job_type, State.CANCELLED.value).inc()
            if not report.more:
                return

    async def _reap_queue(self, queue: str) -> None:
        for _ in range(MAX_STEPS):
            report = await self._broker.reap(queue, lease=self._lease)
            await self._count(queue, report)
            if not report.more:
                return

    async def _count(self, queue: str, report: ReapReport) -> None:
        if not report.recovered:
            return
        name = queue_of(queue)
        label = queue_label(name)
        LEASES_RECOVERED.labels(label).inc(report.recovered)
        _log.warning("leases_recovered", queue=name, jobs=report.recovered, dead=report.dead)
        for outcome, ids in (("dead", report.dead), ("cancelled", report.cancelled)):
            for job_id in ids:
                job_type = await self._type_of(job_id)
                JOBS_FINISHED.labels(label, job_type, outcome).inc()

    async def _type_of(self, job_id: str) -> str:
        try:
            job = await self._broker.get(job_id)
        except Unavailable:
            return OTHER
        return job.type if job else OTHER

    async def _read_stats(self) -> None:
        outage = Outage("queue gauges")
        while True:
            try:
                self._gauges.update(await self._broker.stats())
            except Unavailable as error:
                await outage.pause(error)
                continue
            outage.over()
            await asyncio.sleep(STATS_INTERVAL * random.uniform(1 - SPREAD, 1 + SPREAD))
