"""A million jobs in each state, and in the states between: what every script must bear."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from jobqueue.app.opening import open_broker
from jobqueue.broker.broker import Broker
from jobqueue.model import Outcome, Verdict
from jobqueue.settings import RetentionSettings
from tests.benchmarks._exercise import HOUR_MS, LEASE, Exercise
from tests.benchmarks._jobs import PREFIX, QUEUE, fill, settings_for
from tests.benchmarks._server import fresh_redis
from tests.benchmarks._slowlog import ScriptTime, SlowLog
from tests.support.redis import RedisClient

LIVE = 1_000
"""Jobs that are queued behind those that were cancelled."""

AT_ONCE = 500
"""Cancels under way at once."""

ALL = 1_000_000_000
KEEP_ALL = RetentionSettings(completed_count=ALL, dead_count=ALL, cancelled_count=ALL)
KEEP_FEW = RetentionSettings(completed_count=LIVE, dead_count=LIVE, cancelled_count=LIVE)
KEEP_SHORT = KEEP_ALL.model_copy(update={"completed": 0.001, "dead": 0.001, "cancelled": 0.001})
"""Seconds: all that has ended is too old."""


class StateTimes(NamedTuple):
    """What scripts took while a queue was in one state."""

    state: str
    times: list[ScriptTime]


class Queue:
    """A queue on a Redis of its own, on its way from state to state.

    Attributes:
        count: jobs that it holds in the state in question.
        broker: keeps all that has ended.
    """

    def __init__(
        self, url: str, client: RedisClient, broker: Broker, *, count: int, turns: int
    ) -> None:
        self.count = count
        self.broker = broker
        self._url = url
        self._client = client
        self._turns = turns
        self._slow_log = SlowLog(client)
        self.found: list[StateTimes] = []

    async def exercise(self, state: str, retention: RetentionSettings = KEEP_ALL) -> None:
        """Use the queue as it is now, and note what the scripts took."""
        async with open_broker(settings_for(self._url, retention)) as broker:
            consumer = await broker.consumer(QUEUE, worker_id="exercise", lease=LEASE)
            with self._slow_log.watching() as times:
                await Exercise(broker, consumer, self._slow_log).run(self._turns)
        self.found.append(StateTimes(state, times))

    async def retain(self, state: str) -> None:
        """Use the queue with what has ended beyond its count, and beyond its age."""
        await self.exercise(f"{state} beyond the count", KEEP_FEW)
        await self.exercise(f"{state} beyond the age", KEEP_SHORT)

    async def take_all(self) -> list[tuple[str, str]]:
        """Claim every job, for an hour; ids with their tokens."""
        consumer = await self.broker.consumer(QUEUE, worker_id="taker", lease=HOUR_MS / 1000)
        taken: list[tuple[str, str]] = []
        while jobs := (await consumer.claim(500)).jobs:
            taken += [(job.id, job.token) for job in jobs]
        return taken

    async def end(self, taken: list[tuple[str, str]], outcome: Outcome) -> None:
        """Settle claimed jobs, all the same."""
        consumer = await self.broker.consumer(QUEUE, worker_id="taker", lease=HOUR_MS / 1000)
        for first in range(0, len(taken), 1_000):
            some = taken[first : first + 1_000]
            await consumer.settle([Verdict(job_id, token, outcome) for job_id, token in some])

    def now_is_the_time(self, name: str) -> None:
        """Make everything in `scheduled`, or every lease in `leases`, due at once."""
        self._client.zunionstore(PREFIX + name, {PREFIX + name: 0})


async def _queued(queue: Queue) -> None:
    await fill(queue.broker, queue.count)
    await queue.exercise("queued")


async def _scheduled(queue: Queue) -> None:
    await fill(queue.broker, queue.count, run_at_ms=round(time.time() * 1000) + HOUR_MS)
    await queue.exercise("scheduled for one moment")
    queue.now_is_the_time("scheduled")
    await queue.exercise("scheduled, all due now")


async def _cancelled(queue: Queue) -> None:
    ids = await fill(queue.broker, queue.count)
    await fill(queue.broker, LIVE)
    for first in range(0, len(ids), AT_ONCE):
        await asyncio.gather(*map(queue.broker.cancel, ids[first : first + AT_ONCE]))
    await queue.exercise("cancelled, ahead of live jobs")
    await queue.retain("cancelled")


async def _active(queue: Queue) -> None:
    await fill(queue.broker, queue.count)
    await queue.take_all()
    await queue.exercise("active")
    queue.now_is_the_time("leases")
    await queue.exercise("active, all leases lost")


def _ended(outcome: Outcome) -> Callable[[Queue], Awaitable[None]]:
    async def run(queue: Queue) -> None:
        await fill(queue.broker, queue.count)
        await queue.end(await queue.take_all(), outcome)
        await queue.exercise(outcome.value)
        await queue.retain(outcome.value)

    return run


SCENARIOS: Mapping[str, Callable[[Queue], Awaitable[None]]] = {
    "queued": _queued,
    "scheduled": _scheduled,
    "cancelled": _cancelled,
    "active": _active,
    "completed": _ended(Outcome.COMPLETED),
    "dead": _ended(Outcome.DEAD),
}


@asynccontextmanager
async def _fresh_queue(count: int, turns: int) -> AsyncIterator[Queue]:
    async with AsyncExitStack() as stack:
        url, client = stack.enter_context(fresh_redis())
        broker = await stack.enter_async_context(open_broker(settings_for(url, KEEP_ALL)))
        yield Queue(url, client, broker, count=count, turns=turns)


async def measure_states(name: str, *, count: int, turns: int) -> list[StateTimes]:
    """What scripts take in the states of one scenario, with `count` jobs."""
    async with _fresh_queue(count, turns) as queue:
        await SCENARIOS[name](queue)
        return queue.found
