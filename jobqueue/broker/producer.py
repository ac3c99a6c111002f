"""Enqueue: single submits of one loop tick share a script call, large ones are staged."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from jobqueue.broker import refusals, scripts
from jobqueue.broker.codec import (
    decode_answer,
    encode_extras,
    enqueue_arguments,
    retention_argument,
    ulid_of,
)
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.ordering import parents_first
from jobqueue.broker.resend import resend
from jobqueue.errors import RedisUnavailable
from jobqueue.ids import created_at_ms, new_ulid, partition_of
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import DEFAULT_OPTIONS, Accepted, NewJob, Refusal

SCRIPT_JOBS = 500
"""Most jobs of one script call: about 2 ms of Redis, in which nobody else is served."""

COST = 3
"""Cost of a job that is delayed or asks for more than a place in its lane; a plain one costs 1."""

MOVED_JOBS = 150
"""Jobs of a staged batch that one call moves on, for the same reason: they may be costly ones."""

SCRIPT_BYTES = 4 * 1024 * 1024
"""Most payload of one script call with more than one job, for the same reason."""

CHECKED_GROUPS = 500
"""Groups of a staged batch whose size its acceptance looks at, those with most jobs: as many as one
script call has time for. Of each other a bulk has few jobs, and each part of it was checked."""

STAGED_MS = 600_000
"""How long a staged batch waits to be accepted: far more than its upload takes."""

INTRODUCE_EVERY = 10.0
"""Seconds after which a queue is entered into the list of queues again: a Redis that came back
empty has forgotten it, and the reaper passes over listed queues only."""

_Waiting = tuple[NewJob, asyncio.Future[Accepted]]


class Producer:
    """Puts jobs into queues."""

    def __init__(self, channel: Commands, keys: Keys, retention: RetentionSettings) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention_argument(retention)
        self._waiting: dict[str, list[_Waiting]] = defaultdict(list)
        self._alone: set[str] = set()
        """Queues to which a job is under way that shares its call with none."""
        self._sending: set[asyncio.Task[None]] = set()
        self._introduced: dict[str, float] = {}

    async def enqueue(self, job: NewJob) -> Accepted:
        """Enqueue one job: at once, or, while one is under way, with all others of this loop tick.

        Raises:
            Refused: it does not come in; see `refusals`.
        """
        queue = partition_of(job.id)
        if queue in self._alone:
            return await self._enqueue_together(queue, job)
        self._alone.add(queue)
        try:
            (answer,) = await self._enqueue_call(queue, [job], "each")
        finally:
            self._alone.discard(queue)
        if isinstance(answer, Refusal):
            raise refusals.error_of(job, answer)
        return answer

    async def _enqueue_together(self, queue: str, job: NewJob) -> Accepted:
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[Accepted] = loop.create_future()
        waiting = self._waiting[queue]
        if not waiting:
            loop.call_soon(self._send_soon, queue)
        waiting.append((job, accepted))
        return await accepted

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> list[Accepted]:
        """Enqueue jobs: all or nothing within each queue.

        Raises:
            Refused: none of one queue's jobs comes in; those of queues before it may be in, and
                sending the same call again completes it.
        """
        by_queue: dict[str, list[NewJob]] = defaultdict(list)
        for job in parents_first(jobs):
            by_queue[partition_of(job.id)].append(job)
        if len(by_queue) > 1:
            for queue, group in by_queue.items():
                await self._check(queue, list(_parts(group)), jobs)
        accepted: dict[str, Accepted] = {}
        for queue, group in by_queue.items():
            answers = await self._enqueue_group(queue, group, jobs)
            accepted |= {job.id: answer for job, answer in zip(group, answers, strict=True)}
        return [accepted[job.id] for job in jobs]

    async def foresee(self, jobs: Sequence[NewJob]) -> list[Accepted]:
        """What would become of each of `jobs` if it were enqueued now; nothing is.

        Raises:
            Refused: one of them would not come in.
        """
        by_queue: dict[str, list[NewJob]] = defaultdict(list)
        for job in jobs:
            by_queue[partition_of(job.id)].append(job)
        found: dict[str, Accepted] = {}
        for queue, group in by_queue.items():
            for part in _parts(group):
                answers = await self._enqueue_call(queue, part, "check")
                seen = refusals.check(jobs, part, answers)
                found |= {job.id: answer for job, answer in zip(part, seen, strict=True)}
        return [found[job.id] for job in jobs]

    async def close(self) -> None:
        """Wait for the calls in flight."""
        await asyncio.gather(*self._sending)

    def _send_soon(self, queue: str) -> None:
        waiting = self._waiting.pop(queue)
        for first in range(0, len(waiting), MOVED_JOBS):
            task = asyncio.create_task(self._send(queue, waiting[first : first + MOVED_JOBS]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, queue: str, waiting: list[_Waiting]) -> None:
        try:
            answers = await self._enqueue_call(queue, [job for job, _ in waiting], "each")
        except Exception as error:  # noqa: BLE001 - every caller gets it
            for _, accepted in waiting:
                if not accepted.done():
                    accepted.set_exception(error)
            return
        for (job, accepted), answer in zip(waiting, answers, strict=True):
            if accepted.done():
                continue
            if isinstance(answer, Refusal):
                accepted.set_exception(refusals.error_of(job, answer))
            else:
                accepted.set_result(answer)

    async def _enqueue_group(
        self, queue: str, jobs: Sequence[NewJob], call: Sequence[NewJob]
    ) -> list[Accepted]:
        parts = list(_parts(jobs))
        if len(parts) == 1:
            answers = await self._enqueue_call(queue, jobs, "atomic")
            return refusals.check(call, jobs, answers)
        coming = await self._check(queue, parts, call)
        return await self._enqueue_staged(queue, parts, coming)

    async def _check(
        self, queue: str, parts: Sequence[Sequence[NewJob]], call: Sequence[NewJob]
    ) -> list[NewJob]:
        """Raise what would refuse a call, before any part of it is accepted.

        Gives the jobs that no other will stand for.
        """
        refusals.check_keys(parts)
        standing: set[str] = set()
        for part in parts:
            some = [job for job in part if encode_extras(job)]
            if some:
                answers = await self._enqueue_call(queue, some, "check")
                refusals.check(call, some, answers, coming={job.id for job in call})
                standing.update(
                    job.id
                    for job, answer in zip(some, answers, strict=True)
                    if isinstance(answer, Accepted) and answer.stands_for
                )
        return [job for job in chain.from_iterable(parts) if job.id not in standing]

    async def _enqueue_call(
        self, queue: str, jobs: Sequence[NewJob], mode: str
    ) -> list[Accepted | Refusal]:
        await self._introduce(queue)
        call = scripts.enqueue(
            self._keys.meta(queue),
            self._retention,
            mode,
            chain.from_iterable(map(enqueue_arguments, jobs)),
        )
        answers = await self._insist(call)
        return [
            decode_answer(queue, job.id, answer) for job, answer in zip(jobs, answers, strict=True)
        ]

    async def _enqueue_staged(
        self, queue: str, parts: Sequence[Sequence[NewJob]], coming: Sequence[NewJob]
    ) -> list[Accepted]:
        """Stage the jobs invisibly, accept them with one push, and move them on.

        Once the push is done, claims and the reaper finish the move if this process dies.
        """
        await self._introduce(queue)
        meta, batch, staged = self._keys.meta(queue), new_ulid(), 0
        for part in parts:
            arguments = chain.from_iterable(map(enqueue_arguments, part))
            await self._insist(scripts.stage(meta, batch, staged, STAGED_MS, arguments))
            staged += len(part)
        groups = Counter(job.group for job in coming if job.group is not None)
        counts = [each for pair in groups.most_common(CHECKED_GROUPS) for each in pair]
        accepted = await self._insist(
            scripts.accept_batch(meta, batch, staged, len(coming), counts)
        )
        if isinstance(accepted, list):
            raise refusals.full(queue, *accepted)
        if not accepted:
            raise RedisUnavailable("Redis lost the staged jobs before they were accepted")
        move = scripts.move_intake(meta, MOVED_JOBS, self._retention)
        while await self._insist(move):
            pass
        notes = await self._notes(queue, batch)
        return [
            notes.get(job.id) or Accepted(job.id, _first_state(job))
            for part in parts
            for job in part
        ]

    async def _notes(self, queue: str, batch: str) -> dict[str, Accepted]:
        """What stands for jobs of a staged batch that did not simply come in."""
        name = self._keys.of(queue, f"answers:{batch}")
        fields = await resend(lambda: self._channel.execute("HGETALL", name))
        notes = {}
        for ulid, answer in zip(fields[::2], fields[1::2], strict=True):
            job_id = f"{queue}-{ulid.decode()}"
            decoded = decode_answer(queue, job_id, answer)
            if isinstance(decoded, Accepted):
                notes[job_id] = decoded
        return notes

    async def _insist(self, call: scripts.ScriptCall) -> Any:
        return await resend(lambda: self._channel.call(call))

    async def _introduce(self, queue: str) -> None:
        """Enter the queue into the list of queues, again from time to time."""
        now = asyncio.get_running_loop().time()
        if now > self._introduced.get(queue, -INTRODUCE_EVERY) + INTRODUCE_EVERY:
            await resend(lambda: self._channel.execute("SADD", self._keys.queues, queue))
            self._introduced[queue] = now


def _parts(jobs: Sequence[NewJob]) -> Iterator[Sequence[NewJob]]:
    """`jobs` in slices that one script call may take."""
    first, size, cost = 0, 0, 0
    for index, job in enumerate(jobs):
        size += len(job.payload)
        cost += _cost(job)
        if index > first and (cost > SCRIPT_JOBS or size > SCRIPT_BYTES):
            yield jobs[first:index]
            first, size, cost = index, len(job.payload), _cost(job)
    yield jobs[first:]


def _cost(job: NewJob) -> int:
    """How many plain jobs it costs as much as."""
    plain = not (job.delay_ms or job.run_at_ms or job.group) and job.options is DEFAULT_OPTIONS
    return 1 if plain else COST


def _first_state(job: NewJob) -> State:
    """The state in which a job of a staged batch was accepted."""
    if job.options.depends_on:
        return State.BLOCKED
    delayed = job.delay_ms > 0 or job.run_at_ms > created_at_ms(ulid_of(job.id))
    return State.SCHEDULED if delayed else State.QUEUED
