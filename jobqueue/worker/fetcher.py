"""The one conversation of a pool with its queue: verdicts out, jobs in.

    while there is something to say: settle and claim in one call
    else: wait, blocked in Redis if a slot is free

What finishes while a call is in flight goes with the next one: no delay when idle, large
batches under load.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from jobqueue.broker.consumer import Claim, Consumer
from jobqueue.errors import SchemaMismatch, Unavailable
from jobqueue.model import Settled, Verdict
from jobqueue.outage import Outage
from jobqueue.worker.pool import Pool
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.waiter import BLOCK, SPREAD, Waiter

OVERDUE = 10.0
"""Seconds past a block or call after which a fetcher counts as hung: past every timeout
below it, so only a fault of ours gets there."""

SPLIT_FROM = 32
"""Jobs of one claim from which its halves are started one after the other, so that Redis
settles one half while the handlers of the other run; smaller halves cost more calls than
they save."""


class Fetcher:
    """Keeps one pool busy, through every outage, until it is told to stop.

    Args:
        on_outdated: told when the queue has a layout that this program does not know; nothing is
            claimed any more, and what runs is settled.
    """

    def __init__(
        self,
        pool: Pool,
        consumer: Consumer,
        reporter: Reporter,
        on_outdated: Callable[[SchemaMismatch], None],
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._reporter = reporter
        self._on_outdated = on_outdated
        self._loop = asyncio.get_running_loop()
        self._outage = Outage(f"fetch:{pool.queue}")
        self._waiter = Waiter(pool.queue, consumer, self._must_claim)
        self._ask = True
        """Jobs may be ready: claim as soon as a slot is free."""
        self._must = False
        """Claim even with no slot free: what was delivered here must start or go back."""
        self._alarm: asyncio.TimerHandle | None = None
        self._calling_since: float | None = None
        self._last_claim_at = monotonic()

    @property
    def claim_age(self) -> float:
        """Seconds since the queue last answered a claim."""
        return monotonic() - self._last_claim_at

    @property
    def calling(self) -> bool:
        """Whether a call is under way that may bring jobs."""
        return self._calling_since is not None

    async def run(self) -> None:
        """Fetch until the pool is closed and empty, then sign off."""
        async with asyncio.TaskGroup() as tasks:
            while not self._finished():
                if self._has_business():
                    await self._exchange()
                else:
                    await self._rest(tasks)
            self._set_alarm(None)
        await self._sign_off()

    def close(self) -> None:
        """Claim no more; verdicts are settled to the last."""
        self._pool.close()

    def reopened(self) -> None:
        """Slots that were barred may be filled again."""
        self._ask = True
        self._pool.changed.set()

    def hand_back(self) -> None:
        """Nothing may start here from now on: what was delivered goes back, and the alarm."""
        self._must_claim()

    def overdue(self) -> str | None:
        """What hangs, if something does."""
        now = monotonic()
        waiting, calling = self._waiter.since, self._calling_since
        if waiting is not None and now > waiting + BLOCK * (1 + SPREAD) + OVERDUE:
            return f"the wait of queue {self._pool.queue} hangs for {now - waiting:.0f} s"
        if calling is not None and now > calling + OVERDUE:
            return f"the claim of queue {self._pool.queue} hangs for {now - calling:.0f} s"
        return None

    def _finished(self) -> bool:
        pool = self._pool
        return pool.closed and pool.idle and not self._must and not self._waiter.outstanding

    def _has_business(self) -> bool:
        return bool(self._pool.outbox) or self._must or (self._ask and self._pool.free > 0)

    async def _exchange(self) -> None:
        pool = self._pool
        sent = pool.outbox.take()
        if sent and self._reporter.has_lines:  # first: a job that has ended has its whole log
            await self._reporter.flush(pool)
        free = pool.free
        must, self._must, self._ask = self._must, False, False  # a wait may return meanwhile
        self._calling_since = monotonic()
        try:
            answers, claim = await self._call(sent, free, must=must)
        except Unavailable as error:
            self._calling_since = None
            pool.outbox.put_back(sent)
            self._must = True
            await self._outage.pause(error)
            return
        except SchemaMismatch as error:
            self._calling_since = None
            pool.outbox.put_back(sent)
            self.close()  # what was delivered goes back with the sign-off
            self._on_outdated(error)
            return
        self._calling_since = None
        self._outage.over()
        pool.settled(sent, answers)
        if claim:
            await self._took(claim)

    async def _call(
        self, sent: list[Verdict], free: int, *, must: bool
    ) -> tuple[list[Settled], Claim | None]:
        if not free and not must:
            return await self._consumer.settle(sent), None
        if not sent:
            return [], await self._consumer.claim(free)
        return await self._consumer.settle_and_claim(sent, free)

    async def _took(self, claim: Claim) -> None:
        self._last_claim_at = monotonic()
        self._ask = self._ask or claim.more
        self._set_alarm(claim.due_in)
        attempts = self._pool.take(claim.jobs)
        if len(attempts) >= SPLIT_FROM and not self._pool.outbox:
            half = len(attempts) // 2
            self._pool.launch(attempts[:half])
            await asyncio.sleep(0)
            attempts = attempts[half:]
        # they start after the next call has left: two turns of the loop, one for its tasks to
        # write it, one for the connection to send it
        self._loop.call_soon(self._loop.call_soon, self._pool.launch, attempts)

    async def _rest(self, tasks: asyncio.TaskGroup) -> None:
        pool = self._pool
        if pool.closed:
            await self._waiter.interrupt()
        elif pool.free > 0:
            self._waiter.begin(tasks)
        await pool.changed.wait()
        pool.changed.clear()

    def _must_claim(self) -> None:
        self._must = True
        self._pool.changed.set()

    def _set_alarm(self, due_in: float | None) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = None if due_in is None else self._loop.call_later(due_in, self._must_claim)

    async def _sign_off(self) -> None:
        if self._reporter.has_lines:
            await self._reporter.flush(self._pool)
        while True:
            try:
                await self._consumer.leave()
            except Unavailable as error:
                await self._outage.pause(error)
            else:
                return
