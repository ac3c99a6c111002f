"""A worker's side of one queue: wait, claim, settle, progress, presence."""

import asyncio
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from time import monotonic
from types import MappingProxyType
from typing import Any

import msgspec

from jobqueue.broker import queue_list, scripts
from jobqueue.broker.channel import Channel
from jobqueue.broker.codec import (
    decode_claimed,
    report_arguments,
    retention_argument,
    verdict_arguments,
)
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend
from jobqueue.broker.scripts import Argument, ScriptCall
from jobqueue.errors import JobqueueError, RedisUnavailable
from jobqueue.job_log import MAX_LOG_LINES, NewLines
from jobqueue.model import ClaimedJob, Progress, Settled, Verdict, WorkerInfo
from jobqueue.settings import RetentionSettings

MAX_CLAIM = 128
"""Most jobs of one claim: about 2 ms of Redis, in which nobody else is served."""

MAX_SETTLE = 128
"""Most verdicts of one settle: about 2 ms of Redis."""

STRANDS = 2
"""Claims that a consumer may have under way: each strand's answers are kept apart, so that each can
be asked for again."""

BLOCK_SLACK = 2.0
"""Seconds past its block after which a waiting connection counts as dead and is replaced: soon,
because nothing is lost when a Redis that only stood still delivers to the old one."""

MIN_BLOCK = 0.002
"""Shortest block in seconds: one of zero has no end, and Redis 6.2 takes a millisecond for zero."""

PRESENCE_MS = 60_000
"""How long a worker's own description outlives its last beat."""

QUIET_MS = 86_400_000
"""How long an operator's word to a worker outlives its last beat: a day, so that a worker that is
cut off from Redis for hours is as quiet as before when it comes back."""


class Claim(msgspec.Struct, frozen=True):
    """What a claim brought.

    Attributes:
        more: ask again at once: the call's budget ended before the queue did.
        due_in: this worker holds the alarm: call `claim` again after so many seconds;
            None: somebody else does.
        asked_at: in `time.monotonic()`: the leases of its jobs began no sooner.
    """

    jobs: list[ClaimedJob]
    more: bool
    due_in: float | None
    asked_at: float


class Lease(msgspec.Struct, frozen=True):
    """One delivery to keep alive."""

    job_id: str
    token: str


class _Strand:
    """One of the claims that may be under way: its nonce, and an answer that nobody has read."""

    __slots__ = ("nonce", "unread")

    def __init__(self) -> None:
        self.nonce: str | None = None
        self.unread: Claim | None = None


class Consumer:
    """One pool's hold on one queue.

    Calls are re-sent until answered, for about 2 s; then they raise `RedisUnavailable` and
    the caller's loop decides to go on. A claim whose fate is unknown keeps its nonce: the
    next `claim` returns what it had taken. A settle that raised must be called again with
    the same verdicts.

    Attributes:
        lease: seconds for which a claimed job is this worker's, unless it is renewed.
    """

    def __init__(
        self,
        *,
        commands: Commands,
        waiting: Channel,
        keys: Keys,
        queue: str,
        worker_id: str,
        lease: float,
        retention: RetentionSettings,
    ) -> None:
        self._commands = commands
        self._waiting = waiting
        self._queue = queue
        self._worker = worker_id
        self.lease = lease
        self._lease_ms = round(lease * 1000)
        self._retention = retention_argument(retention)
        self._queues = keys.queues
        self._meta = keys.meta(queue)
        self._handoff = keys.of(queue, "handoff")
        self._inbox = keys.of(queue, f"inbox:{worker_id}")
        self._strands = [_Strand() for _ in range(STRANDS)]
        self._left = False

    async def wait(self, seconds: float) -> None:
        """Block until a job may be ready, at most `seconds`. Never cancel this call."""
        block = f"{max(seconds, MIN_BLOCK):.3f}"
        await self._waiting.execute("BLMOVE", self._handoff, self._inbox, "RIGHT", "LEFT", block)

    async def stop_waiting(self) -> None:
        """End an outstanding `wait` as if its time were over; it may have brought a job."""
        await self._commands.unblock(self._waiting)

    async def claim(self, slots: int, *, strand: int = 0) -> Claim:
        """Take up to `slots` jobs; 0 hands back what was delivered and not started.

        After a claim whose answer was lost, this one answers what that one took.

        Args:
            slots: jobs wanted.
            strand: one claim of each may be under way at a time.
        """
        claims = self._strands[strand]
        if claims.unread is not None:
            unread, claims.unread = claims.unread, None
            return unread
        nonce = claims.nonce = claims.nonce or f"{secrets.token_hex(16)[:-1]}{strand}"
        call = self._claim_call(nonce, slots)
        asked_at = monotonic()
        try:
            reply = await resend(lambda: self._commands.call(call))
        except RedisUnavailable:
            raise  # it may have taken jobs
        except JobqueueError:
            claims.nonce = None
            raise
        claims.nonce = None
        return self._read_claim(nonce, reply, asked_at)

    @property
    def unanswered(self) -> int | None:
        """A strand whose last claim may have taken jobs that nobody knows of; None: no strand."""
        owing = (
            number
            for number, claims in enumerate(self._strands)
            if claims.nonce is not None or claims.unread is not None
        )
        return next(owing, None)

    async def settle(self, verdicts: Sequence[Verdict]) -> list[Settled]:
        """End deliveries; the answers are in the order of the verdicts."""
        answers: list[Settled] = []
        for call in self._settle_calls(verdicts):
            reply = await resend(lambda call=call: self._commands.call(call))  # type: ignore[misc]  # bound now
            answers += _read_settled(reply)
        return answers

    async def settle_and_claim(
        self, verdicts: Sequence[Verdict], slots: int, *, strand: int = 0
    ) -> tuple[list[Settled], Claim]:
        """Both in one round trip; when either raises, call both again."""
        settled, claim = await asyncio.gather(
            self.settle(verdicts), self.claim(slots, strand=strand), return_exceptions=True
        )
        if isinstance(settled, BaseException):
            if isinstance(claim, Claim):
                self._strands[strand].unread = claim
            raise settled
        if isinstance(claim, BaseException):
            raise claim
        return settled, claim

    async def report(
        self,
        progress: Mapping[Lease, Progress],
        lines: Mapping[Lease, NewLines] = MappingProxyType({}),
    ) -> list[str]:
        """Publish progress and keep log lines; a call that raised may be made again.

        Returns:
            The ids whose lease is no longer this worker's.
        """
        leases = dict.fromkeys((*progress, *lines))
        arguments: Iterator[Argument] = chain.from_iterable(
            report_arguments(lease.job_id, lease.token, progress.get(lease), lines.get(lease))
            for lease in leases
        )
        call = scripts.report(self._meta, self._worker, MAX_LOG_LINES, arguments)
        stale = await self._commands.call(call)
        return [f"{self._queue}-{ulid.decode()}" for ulid in stale]

    async def beat(self, info: WorkerInfo) -> bool:
        """Say that this worker lives; every 5 s. `info` holds all pools of the process.

        After `leave` it says nothing: a worker that signed off is not listed again.

        Returns:
            Whether an operator wants the worker to be quiet.
        """
        if self._left:
            return False
        text = msgspec.json.encode(info)
        _, quiet = await asyncio.gather(
            queue_list.enter(self._commands, self._queues, self._queue),
            self._commands.call(
                scripts.beat(self._meta, self._worker, text, PRESENCE_MS, QUIET_MS)
            ),
        )
        return bool(quiet)

    async def leave(self) -> None:
        """Hand back the inbox and sign off; after the last settle."""
        self._left = True
        call = scripts.leave(self._meta, self._worker)
        await resend(lambda: self._commands.call(call))

    def _claim_call(self, nonce: str, slots: int) -> ScriptCall:
        return scripts.claim(
            self._meta,
            self._worker,
            nonce,
            min(slots, MAX_CLAIM),
            self._lease_ms,
            self._retention,
        )

    def _settle_calls(self, verdicts: Sequence[Verdict]) -> list[ScriptCall]:
        calls = math.ceil(len(verdicts) / MAX_SETTLE)
        return [
            scripts.settle(
                self._meta,
                self._worker,
                self._retention,
                chain.from_iterable(
                    map(verdict_arguments, verdicts[part * MAX_SETTLE : (part + 1) * MAX_SETTLE])
                ),
            )
            for part in range(calls)
        ]

    def _read_claim(self, nonce: str, reply: list[Any], asked_at: float) -> Claim:
        now, more, due_in, *values = reply
        return Claim(
            jobs=decode_claimed(self._queue, nonce, now, values),
            more=bool(more),
            due_in=due_in / 1000 if due_in >= 0 else None,
            asked_at=asked_at,
        )


def quiet_key(keys: Keys, queue: str, worker_id: str) -> str:
    """The flag that keeps a worker from claiming in a queue; see beat.lua."""
    return keys.of(queue, f"quiet:{worker_id}")


_SETTLED = {answer.encode(): answer for answer in Settled}


def _read_settled(reply: list[bytes]) -> list[Settled]:
    return [_SETTLED[answer] for answer in reply]
