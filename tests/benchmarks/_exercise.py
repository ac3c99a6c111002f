"""Every verb of the broker, in turn, on a queue in whatever state it is."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from jobqueue.broker.broker import Broker, Consumer, Lease
from jobqueue.broker.consumer import MAX_CLAIM
from jobqueue.model import ClaimedJob, Failure, Outcome, Progress, Verdict, WorkerInfo
from jobqueue.state import State
from tests.benchmarks._jobs import QUEUE, new_jobs
from tests.benchmarks._slowlog import SlowLog

HOUR_MS = 3_600_000
LEASE = 60.0
REAPER_LEASE = 0.01
"""Seconds of lease that the reaper is told: short, so that its grace is over at once."""

STAGED = 2_000
"""Jobs of a submit that is staged and moved in bounded steps."""

CLAIMS = (1, 100, MAX_CLAIM)
PAGES = 10
"""Pages that are listed of each state in one turn; the next turn goes on behind them."""

CONTROLS = 20
"""Runs a turn of the script whose work is always the same: as long as all others of a turn."""

LIST_SECONDS = 1.0
"""For the pages of one state in one turn: where a page takes many calls, the first of them tell
as much as all."""

OUTCOMES = (
    Outcome.COMPLETED,
    Outcome.DEAD,
    Outcome.RETRY,
    Outcome.SNOOZE,
    Outcome.RETURNED,
    Outcome.CANCELLED,
)
FAILURE = Failure("Boom", "it broke", attempt=1, traceback="Traceback\n" + "line\n" * 40)
RESULT = b'{"ok":true,"note":"' + b"r" * 100 + b'"}'
"""Longer than what fits into the status of a job."""


class Exercise:
    """Uses a queue as all its users at once would, a turn after the other.

    Args:
        consumer: of a worker named `worker_id`.
    """

    def __init__(self, broker: Broker, consumer: Consumer, slow_log: SlowLog) -> None:
        self._broker = broker
        self._consumer = consumer
        self._slow_log = slow_log
        self._cursors: dict[State, str | None] = {}
        self._renewer = broker.lease_renewer(lease=LEASE)

    async def run(self, turns: int) -> None:
        """So many turns, each of every verb."""
        try:
            for number in range(turns):
                for _ in range(CONTROLS):
                    self._slow_log.control()
                await self._submit()
                await self._work(OUTCOMES[number % len(OUTCOMES)])
                await self._read()
                await self._operate()
                await self._broker.reap(QUEUE, lease=REAPER_LEASE)
        finally:
            await asyncio.to_thread(self._renewer.close)

    async def _submit(self) -> None:
        await self._broker.enqueue(new_jobs(1)[0])
        await self._broker.enqueue_many(new_jobs(500))
        await self._broker.enqueue_many(new_jobs(500, delay_ms=HOUR_MS))
        await self._broker.enqueue_many(new_jobs(STAGED))

    async def _work(self, outcome: Outcome) -> None:
        await self._consumer.beat(_INFO)
        for slots in CLAIMS:
            jobs = (await self._consumer.claim(slots)).jobs
            leases = [Lease(job.id, job.token) for job in jobs]
            await asyncio.to_thread(self._renewer.renew, leases)
            for lease in leases[:10]:
                await self._consumer.report({lease: Progress(50.0, "half of it")})
            await self._consumer.settle([_verdict(job, outcome) for job in jobs])

    async def _read(self) -> None:
        await self._broker.stats([QUEUE])
        await self._broker.workers()
        for state in State:
            with suppress(TimeoutError):
                async with asyncio.timeout(LIST_SECONDS):
                    await self._list(state)

    async def _list(self, state: State) -> None:
        for _ in range(PAGES):
            page = await self._broker.list_jobs(
                state, queue=QUEUE, limit=100, cursor=self._cursors.get(state)
            )
            self._cursors[state] = page.cursor
            await self._broker.standings(job.id for job in page.jobs)

    async def _operate(self) -> None:
        for accepted in await self._broker.enqueue_many(new_jobs(10)):
            await self._broker.cancel(accepted.id)
        for state in (State.SCHEDULED, State.ACTIVE):
            for job_id in await self._some(state):
                await self._broker.cancel(job_id)
        for state in (State.DEAD, State.CANCELLED):
            for job_id in await self._some(state):
                await self._broker.retry(job_id)

    async def _some(self, state: State) -> Sequence[str]:
        page = await self._broker.list_jobs(state, queue=QUEUE, limit=10)
        return [job.id for job in page.jobs]


_INFO = WorkerInfo(
    id="exercise",
    host="bench",
    pid=1,
    roles=("worker",),
    version="bench",
    pools=(),
    processed=0,
    failed=0,
    started_at_ms=0,
)


def _verdict(job: ClaimedJob, outcome: Outcome) -> Verdict:
    return Verdict(
        job.id,
        job.token,
        outcome,
        delay_ms=HOUR_MS,
        result=RESULT if outcome is Outcome.COMPLETED else None,
        failure=FAILURE if outcome in {Outcome.DEAD, Outcome.RETRY} else None,
    )
