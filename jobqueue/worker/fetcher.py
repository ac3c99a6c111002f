"""The one conversation of a pool with its partition: verdicts out, jobs in.

    while there is something to say: settle and claim in one call
    else: wait, blocked in Redis if a slot is free

What finishes while a call is under way goes with the next one: no delay when idle, large
batches under load. Where much finishes, a second call leaves before the first is answered, so that
Redis works on one while this process reads the answer to the other.
"""

import asyncio
import random
from collections.abc import Callable
from time import monotonic

from jobqueue.broker.consumer import STRANDS, Claim, Consumer
from jobqueue.errors import SchemaMismatch, Unavailable
from jobqueue.model import Settled, Verdict
from jobqueue.outage import Outage
from jobqueue.worker.attempt import NEVER, Attempt
from jobqueue.worker.pool import Pool
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.waiter import BLOCK, SPREAD, Waiter

OVERDUE = 10.0
"""Seconds past a block or call after which a fetcher counts as hung: past every timeout
below it, so only a fault of ours gets there."""

MIN_SHARE = 16
"""Jobs of one call from which it pays to have two under way: smaller calls cost more than they
gain by not waiting."""

SPLIT_FROM = 32
"""Jobs of one claim from which its halves are started one after the other, so that Redis
settles one half while the handlers of the other run; smaller halves cost more calls than
they save."""

LATE = 0.5
"""Share of a lease after which the answer to a claim comes too late: its jobs may be another
worker's by now, or be so before their leases are renewed for the first time."""

TURNS_OF_A_CALL = 4
"""Turns of the loop until a call that is begun now has left."""


class _Call:
    """A call under way.

    Attributes:
        strand: which of the consumer's claims it makes.
        slots: those that are kept for what its claim may bring.
        since: when it left, in `time.monotonic()`; never, while it pauses in an outage.
    """

    __slots__ = ("must", "sent", "since", "slots", "strand")

    def __init__(self, strand: int, sent: list[Verdict], slots: int, *, must: bool) -> None:
        self.strand = strand
        self.sent = sent
        self.slots = slots
        self.must = must
        self.since = monotonic()


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
        self._look: asyncio.TimerHandle | None = None
        """Runs while the slots are full of jobs of other partitions."""
        self._calls: dict[int, _Call] = {}
        """Calls under way by their strand."""
        self._last_claim_at = monotonic()

    @property
    def claim_age(self) -> float:
        """Seconds since the queue last answered a claim."""
        return monotonic() - self._last_claim_at

    @property
    def calling(self) -> bool:
        """Whether a call is under way that may bring jobs."""
        return bool(self._calls)

    async def run(self) -> None:
        """Fetch until the pool is closed and empty, then sign off."""
        async with asyncio.TaskGroup() as tasks:
            while not self._finished():
                if self._has_business():
                    await self._start_exchange(tasks)
                else:
                    await self._rest(tasks)
            self._set_alarm(None)
            self._stop_looking()
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
        waiting = self._waiter.since
        calling = min((call.since for call in self._calls.values()), default=None)
        if waiting is not None and now > waiting + BLOCK * (1 + SPREAD) + OVERDUE:
            return f"the wait of queue {self._pool.queue} hangs for {now - waiting:.0f} s"
        if calling is not None and now > calling + OVERDUE:
            return f"the claim of queue {self._pool.queue} hangs for {now - calling:.0f} s"
        return None

    def _finished(self) -> bool:
        pool = self._pool
        done = pool.closed and pool.idle and not self._must
        return done and not self._calls and not self._waiter.outstanding

    def _has_business(self) -> bool:
        if self._calls:
            return len(self._calls) < STRANDS and len(self._pool.outbox) >= self._share
        owed = self._must or self._consumer.unanswered is not None
        return bool(self._pool.outbox) or owed or (self._ask and self._pool.free > 0)

    @property
    def _share(self) -> int:
        """What one call carries at most, and a second one at least while one is under way.

        With half the slots each, Redis works on one half while this process runs the other.
        """
        slots = self._pool.slots.total
        half = slots // STRANDS
        return half if half >= MIN_SHARE else slots

    async def _start_exchange(self, tasks: asyncio.TaskGroup) -> None:
        owing = None if self._calls else self._consumer.unanswered
        free_strands = (number for number in range(STRANDS) if number not in self._calls)
        strand = next(free_strands) if owing is None else owing
        share = self._share
        sent = self._pool.outbox.take(share)
        must = self._must or owing is not None
        # slots that were kept for a queue which does not answer would be nobody's
        slots = 0 if self._outage.lasts else min(self._pool.free, share)
        call = _Call(strand, sent, slots, must=must)
        self._pool.share.keep(slots)
        self._must, self._ask = False, not slots  # a wait may return meanwhile
        self._calls[strand] = call
        if sent:
            tasks.create_task(self._exchange(call))
        else:
            await self._exchange(call)  # idle: at once, and nothing else could be begun meanwhile

    async def _exchange(self, call: "_Call") -> None:
        pool = self._pool
        try:
            if call.sent and self._reporter.has_lines:  # a job that has ended has its whole log
                await self._reporter.flush(pool)
            answers, claim = await self._call(call)
        except Unavailable as error:
            pool.outbox.put_back(call.sent)
            self._must = True
            self._give_back(call)
            pool.slots.pass_on()
            call.since = NEVER
            await self._outage.pause(error)
        except SchemaMismatch as error:
            pool.outbox.put_back(call.sent)
            self.close()  # what was delivered goes back with the sign-off
            self._on_outdated(error)
        else:
            self._outage.over()
            pool.settled(call.sent, answers)
            if claim:
                await self._took(claim, call)
        finally:
            del self._calls[call.strand]
            self._give_back(call)
            pool.slots.pass_on()
            pool.changed.set()

    def _give_back(self, call: "_Call") -> None:
        slots, call.slots = call.slots, 0
        self._pool.share.give_back(slots)

    async def _call(self, call: "_Call") -> tuple[list[Settled], Claim | None]:
        consumer = self._consumer
        if not call.slots and not call.must:
            return await consumer.settle(call.sent), None
        if not call.sent:
            return [], await consumer.claim(call.slots, strand=call.strand)
        return await consumer.settle_and_claim(call.sent, call.slots, strand=call.strand)

    async def _took(self, claim: Claim, call: "_Call") -> None:
        self._last_claim_at = monotonic()
        self._ask = self._ask or claim.more or 0 < call.slots == len(claim.jobs)
        self._set_alarm(claim.due_in)
        self._give_back(call)  # what it brought is counted by the pool from now on
        if monotonic() - claim.asked_at > LATE * self._consumer.lease:
            self._pool.refuse(claim.jobs)
            return
        attempts = self._pool.take(claim.jobs)
        call_follows = self._pool.outbox or self._must or (self._ask and self._pool.free > 0)
        if len(self._calls) > 1 or not (call_follows or len(attempts) >= SPLIT_FROM):
            self._pool.launch(attempts)
            return
        if len(attempts) >= SPLIT_FROM and not self._pool.outbox:
            half = len(attempts) // 2
            self._pool.launch(attempts[:half])
            await asyncio.sleep(0)
            attempts = attempts[half:]
        # they start after the next call has left: for its task, for those that it is made of, and
        # for the connection the loop turns once each
        self._launch_after(TURNS_OF_A_CALL, attempts)

    def _launch_after(self, turns: int, attempts: list[Attempt]) -> None:
        if turns:
            self._loop.call_soon(self._launch_after, turns - 1, attempts)
        else:
            self._pool.launch(attempts)

    async def _rest(self, tasks: asyncio.TaskGroup) -> None:
        pool = self._pool
        if pool.closed:
            await self._waiter.interrupt()
        elif not self._calls and pool.free > 0:
            self._stop_looking()
            self._waiter.begin(tasks)
        elif not self._calls and (self._ask or not self._waiter.outstanding):
            self._queue_up()
        await pool.changed.wait()
        pool.changed.clear()

    def _queue_up(self) -> None:
        """Be told when there are slots, and look for jobs as often as a wait would.

        A partition whose slots others have does not wait in Redis.
        """
        self._pool.share.wait(eager=self._ask)
        if not self._ask and self._look is None:
            pause = BLOCK * random.uniform(1 - SPREAD, 1 + SPREAD)
            self._look = self._loop.call_later(pause, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self.reopened()

    def _stop_looking(self) -> None:
        if self._look:
            self._look.cancel()
            self._look = None

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
