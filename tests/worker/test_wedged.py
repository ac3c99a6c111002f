"""A process that stands still: what was on its way to it runs elsewhere, and only there."""

import asyncio
import time

import redis

from jobqueue.broker.consumer import STRANDS
from jobqueue.ids import new_job_id
from jobqueue.metrics import STALE_SETTLES
from jobqueue.state import State
from jobqueue.submission import NewJob
from jobqueue.worker.worker import Worker
from tests.broker.helpers import prefix_of
from tests.support.redis import RedisClient

from .harness import QUEUE, Harness, until
from .reaping import reaping
from .stages import Crowd

LEASE = 1.0
"""Seconds; short, so that tests need not wait for long."""

JOBS = 20_000


async def test_claims_that_a_wedged_worker_had_under_way(harness: Harness) -> None:
    """Jobs of two claims whose answers nobody reads go back, and no late reader starts them."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    stale = STALE_SETTLES._value.get()
    jobs = [NewJob(new_job_id(QUEUE), "crowd", b"%d" % number) for number in range(JOBS)]
    await harness.broker.enqueue_many(jobs)
    with (
        reaping(harness, lease=LEASE) as reports,
        redis.Redis.from_url(harness.url, decode_responses=True) as client,
    ):
        async with harness.worker(slots=128, lease=LEASE) as worker:
            unread = await _two_unread(harness, worker, client)
            time.sleep(4 * LEASE)  # noqa: ASYNC251 - a wedged loop is what is tested
            await until(lambda: _completed(harness), within=30)
    assert sum(report.recovered for report in reports) >= len(unread)
    assert STALE_SETTLES._value.get() >= stale + len(unread)
    assert sorted(crowd.seen) == list(range(JOBS))


async def _two_unread(harness: Harness, worker: Worker, client: RedisClient) -> set[str]:
    """Jobs that Redis has given out in two claims while the worker has read neither answer."""
    line = worker._lines[0].partitions[QUEUE]
    while True:
        assert not await _completed(harness), "two claims were never under way"
        for _ in range(20):
            await asyncio.sleep(0)
            if len(line.fetcher._calls) == STRANDS:
                time.sleep(0.02)  # noqa: ASYNC251 - Redis answers, and this loop does not read
                prefix = prefix_of(harness.namespace)
                last = f"{prefix}last:{worker.id}:"
                claims = [client.get(f"{last}{strand}") or "" for strand in range(STRANDS)]
                held = {job_id[-26:] for job_id in line.pool.held}
                new = set(client.zrange(prefix + "leases", 0, -1)) - held
                unread = [new.intersection(claim.split()) for claim in claims]
                if all(unread):
                    return set().union(*unread)


async def _completed(harness: Harness) -> bool:
    (stats,) = await harness.broker.stats([QUEUE])
    return stats.counts.get(State.COMPLETED) == JOBS
