"""What a claim and its settle cost Redis with few and with very many jobs waiting."""

import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from jobqueue.app.opening import open_broker
from jobqueue.broker.broker import Broker, Consumer
from jobqueue.model import ClaimedJob, Outcome, Verdict
from tests.benchmarks._jobs import QUEUE, fill, settings_for
from tests.benchmarks._server import fresh_redis
from tests.support.redis import RedisClient

BATCHES = (1, 10)
CALLS = 200
"""Claims, and settles, of one round: a few milliseconds of Redis in all."""


class Cost(NamedTuple):
    """Microseconds of Redis, claim and settle of a batch together, a value a round."""

    batch: int
    small: list[float]
    large: list[float]

    @property
    def ratio(self) -> float:
        """Large by small: the median of the rounds' own ratios."""
        return statistics.median(b / a for a, b in zip(self.small, self.large, strict=True))


class Backlog:
    """A queue whose backlog stays as it is, however much is claimed."""

    def __init__(self, client: RedisClient, broker: Broker, consumer: Consumer) -> None:
        self._client = client
        self._broker = broker
        self._consumer = consumer

    async def cost(self, batch: int) -> float:
        """Microseconds of Redis for one claim of `batch` jobs and their settle."""
        claimed: list[list[ClaimedJob]] = []

        async def claim() -> None:
            claimed.extend([(await self._consumer.claim(batch)).jobs for _ in range(CALLS)])

        async def settle() -> None:
            for jobs in claimed:
                await self._consumer.settle(
                    [Verdict(job.id, job.token, Outcome.COMPLETED, result=b"1") for job in jobs]
                )

        cost = await self._script_time(claim) + await self._script_time(settle)
        await fill(self._broker, batch * CALLS)
        return cost

    async def _script_time(self, calls: Callable[[], Awaitable[None]]) -> float:
        """Microseconds that a script call took, by INFO commandstats."""
        self._client.config_resetstat()
        await calls()
        return float(self._client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])


@asynccontextmanager
async def _backlog(count: int) -> AsyncIterator[Backlog]:
    async with AsyncExitStack() as stack:
        url, client = stack.enter_context(fresh_redis())
        broker = await stack.enter_async_context(open_broker(settings_for(url)))
        await fill(broker, count)
        consumer = await broker.consumer(QUEUE, worker_id="bench", lease=60)
        yield Backlog(client, broker, consumer)


async def measure_backlogs(small: int, large: int, *, rounds: int) -> list[Cost]:
    """Both backlogs in turn, after a round that warms up."""
    costs = [Cost(batch, [], []) for batch in BATCHES]
    async with _backlog(small) as few, _backlog(large) as many:
        for cost in costs:
            await few.cost(cost.batch)
            await many.cost(cost.batch)
        for _ in range(rounds):
            for cost in costs:
                cost.small.append(await few.cost(cost.batch))
                cost.large.append(await many.cost(cost.batch))
    return costs
