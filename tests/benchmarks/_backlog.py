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
CLAIM, SETTLE, BOTH = "claim", "settle", "claim and settle"
CALLS = 200
"""Claims, and settles, of one round: a few milliseconds of Redis in all."""


class Cost(NamedTuple):
    """Microseconds of Redis for a batch of jobs at two backlogs, a value a round.

    Attributes:
        verb: `claim`, `settle`, or BOTH together.
    """

    batch: int
    verb: str
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

    async def cost(self, batch: int) -> dict[str, float]:
        """Microseconds of Redis for one claim of `batch` jobs, and for their settle."""
        claimed: list[list[ClaimedJob]] = []

        async def claim() -> None:
            claimed.extend([(await self._consumer.claim(batch)).jobs for _ in range(CALLS)])

        async def settle() -> None:
            for jobs in claimed:
                await self._consumer.settle(
                    [Verdict(job.id, job.token, Outcome.COMPLETED, result=b"1") for job in jobs]
                )

        cost = {CLAIM: await self._script_time(claim), SETTLE: await self._script_time(settle)}
        await fill(self._broker, batch * CALLS)
        return cost | {BOTH: sum(cost.values())}

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
    costs = {
        (batch, verb): Cost(batch, verb, [], [])
        for batch in BATCHES
        for verb in (CLAIM, SETTLE, BOTH)
    }
    async with _backlog(small) as few, _backlog(large) as many:
        for number in range(rounds + 1):
            for batch in BATCHES:
                of_few, of_many = await few.cost(batch), await many.cost(batch)
                for verb in of_few if number else ():
                    costs[batch, verb].small.append(of_few[verb])
                    costs[batch, verb].large.append(of_many[verb])
    return list(costs.values())
