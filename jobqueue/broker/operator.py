"""What operators do: to one job, to many, to a whole queue."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from jobqueue.broker import queue_list, scripts
from jobqueue.broker.codec import LETTERS, retention_argument, ulid_of
from jobqueue.broker.commands import Commands
from jobqueue.broker.forwards import Forwards
from jobqueue.broker.keys import Keys
from jobqueue.broker.outbox import Outbox
from jobqueue.broker.resend import resend
from jobqueue.ids import partition_of, queue_of, split_job_id
from jobqueue.limits import GroupLimits, QueueLimits, Rate
from jobqueue.model import CancelResult, RetryResult
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import Priority

STEP = 128
"""Jobs of one step of an operation on many: about 2 ms of Redis, in which nobody else is served."""


class Operator:
    """Changes what waits; calls are re-sent until answered."""

    def __init__(
        self,
        channel: Commands,
        keys: Keys,
        retention: RetentionSettings,
        outbox: Outbox,
        forwards: Forwards,
    ) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention_argument(retention)
        self._dead_ms = round(retention.dead * 1000)
        self._outbox = outbox
        self._forwards = forwards

    async def cancel(self, job_id: str, reason: str) -> CancelResult:
        """Cancel a job: at once when it has not started, else its worker is told."""
        answer = await self._on_one(
            job_id, scripts.cancel, self._keys.control, reason, self._retention
        )
        return CancelResult(answer)

    async def replay(self, job_ids: Sequence[str]) -> list[RetryResult]:
        """Queue dead or cancelled jobs again, with all their attempts; answers in their order."""
        answers = await self._replay(job_ids)
        missing = [job for job, answer in answers.items() if answer is RetryResult.NOT_FOUND]
        found = zip(missing, await asyncio.gather(*map(self._now_at, missing)), strict=True)
        moved = {job_id: now_at for job_id, now_at in found if now_at}
        there = await self._replay(list(moved.values()))
        answers |= {job_id: there[now_at] for job_id, now_at in moved.items()}
        return [answers[job_id] for job_id in job_ids]

    async def _replay(self, job_ids: Sequence[str]) -> dict[str, RetryResult]:
        by_queue: dict[str, list[str]] = {}
        answers = dict.fromkeys(job_ids, RetryResult.NOT_FOUND)
        for job_id in job_ids:
            if names := split_job_id(job_id):
                by_queue.setdefault(names[0], []).append(job_id)
        for queue, ids in by_queue.items():
            for first in range(0, len(ids), STEP):
                some = ids[first : first + STEP]
                found = await self._call(scripts.replay(self._keys.meta(queue), map(ulid_of, some)))
                answers |= {
                    job_id: RetryResult(answer.decode())
                    for job_id, answer in zip(some, found, strict=True)
                }
        return answers

    async def _now_at(self, job_id: str) -> str | None:
        """The id that a job has now."""

        async def look(queue: str, ulid: str) -> str | None:
            exists = ("EXISTS", self._keys.of(queue, ulid))
            there = await resend(lambda: self._channel.execute(*exists))
            return f"{queue}-{ulid}" if there else None

        return await self._forwards.follow(job_id, look)

    async def promote(self, job_id: str) -> str:
        """Let a scheduled job start now; `queued`, its other state, or `not_found`."""
        return await self._on_one(job_id, scripts.promote_one)

    async def reschedule(self, job_id: str, run_at_ms: int) -> str:
        """Let a job that waits start then; `scheduled`, its other state, or `not_found`."""
        return await self._on_one(job_id, scripts.reschedule, run_at_ms)

    async def prioritize(self, job_id: str, priority: Priority) -> str:
        """Give a job that has not started another priority; its state, or `not_found`."""
        return await self._on_one(job_id, scripts.prioritize, LETTERS[priority])

    async def move(self, job_id: str, queue: str) -> str:
        """Move a job that waits to another queue, under a new id.

        What it has behind it, its log and its timeline go along. The new id is `<queue>-<the same
        ULID>`; every id that the job had finds it until its forwarding record expires.

        Returns:
            `moved` (or it had been before), `here` (it has this id already), its state where that
            does not allow it, what keeps it: `awaited` (by other jobs), `inputs` (what its
            parents made) or `unique` (the key that it holds), or `not_found`.
        """

        async def send(at: str, ulid: str) -> tuple[str, str] | None:
            target = at if queue_of(at) == queue else queue
            call = scripts.move_out(self._keys.meta(at), ulid, target, keep_ms, retention)
            answer = (await self._call(call)).decode()
            return None if answer == "not_found" else (answer, at)

        keep_ms, retention = self._dead_ms, self._retention
        answer, at = await self._forwards.follow(job_id, send) or ("not_found", "")
        if answer == "moved":
            await self._outbox.relay(at)
        moved_before = answer == "here" and queue_of(partition_of(job_id)) != queue
        return "moved" if moved_before else answer

    async def pause(self, queue: str) -> bool:
        """Start no more jobs of a queue; what runs goes on. Whether that changed anything."""
        await self._introduce(queue)
        return bool(await self._call(scripts.pause(self._keys.meta(queue), 1)))

    async def resume(self, queue: str) -> bool:
        """Start jobs of a queue again. Whether that changed anything."""
        return bool(await self._call(scripts.pause(self._keys.meta(queue), 0)))

    async def clear(
        self, queue: str, state: State, *, reason: str = "cleared"
    ) -> AsyncIterator[int]:
        """Empty one state in bounded steps; the number of jobs of each step.

        What has ended is forgotten, what waits is cancelled with `reason`. Jobs that come in
        meanwhile are taken too.
        """
        call = scripts.clear(self._keys.meta(queue), state, STEP, reason, self._retention)
        while (count := await self._call(call)) >= 0:
            yield count
            await asyncio.sleep(0)

    async def purge(self, state: State, job_ids: Sequence[str]) -> int:
        """Forget those of some jobs that are in this final state; how many those were."""
        by_queue: dict[str, list[str]] = {}
        for job_id in job_ids:
            if names := split_job_id(job_id):
                by_queue.setdefault(names[0], []).append(names[1])
        count = 0
        for queue, ids in by_queue.items():
            for first in range(0, len(ids), STEP):
                some = ids[first : first + STEP]
                count += await self._call(scripts.purge(self._keys.meta(queue), state, some))
        return count

    async def set_limits(self, queue: str, limits: QueueLimits) -> None:
        """Set all limits of a queue; those that are None are lifted."""
        fields: dict[str, Any] = {
            "cap": limits.concurrency,
            "rate": _rate(limits.rate),
            "size": limits.size,
            "group_cap": limits.group_concurrency,
            "group_rate": _rate(limits.group_rate),
            "group_size": limits.group_size,
            "starvation": _ms(limits.starvation_after),
        }
        flat = [part for name, value in fields.items() for part in (name, _text(value))]
        meta = self._keys.meta(queue)
        await self._introduce(queue)
        await self._call(scripts.configure(meta, flat))
        cursor = b"0"
        while (cursor := await self._call(scripts.place_groups(meta, cursor))) != b"0":
            pass

    async def limits(self, queue: str) -> QueueLimits:
        """The limits of a queue."""
        names = ("cap", "rate", "size", "group_cap", "group_rate", "group_size", "starvation")
        found = await self._channel.execute("HMGET", self._keys.meta(queue), *names)
        cap, rate, size, group_cap, group_rate, group_size, starvation = found
        return QueueLimits(
            concurrency=_number(cap),
            rate=_read_rate(rate),
            size=_number(size),
            group_concurrency=_number(group_cap),
            group_rate=_read_rate(group_rate),
            group_size=_number(group_size),
            starvation_after=int(starvation) / 1000 if starvation else None,
        )

    async def set_group_limits(self, queue: str, group: str, limits: GroupLimits) -> None:
        """Set what one tenant, or value of the limit key, may do; the default lifts all."""
        packed = b"" if limits == GroupLimits() else _pack_group(limits)
        await self._call(scripts.limit_group(self._keys.meta(queue), group, packed))

    async def group_limits(self, queue: str) -> dict[str, GroupLimits]:
        """Groups with limits of their own."""
        fields = await self._channel.execute("HGETALL", self._keys.of(queue, "limits"))
        return {
            name.decode(): _unpack_group(packed)
            for name, packed in zip(fields[::2], fields[1::2], strict=True)
        }

    async def _introduce(self, queue: str) -> None:
        """Enter a queue, which may not have been used yet, into the list of queues."""
        await resend(lambda: queue_list.enter(self._channel, self._keys.queues, queue))

    async def _on_one(self, job_id: str, script: Any, *arguments: Any) -> str:
        """The answer of a script about one job, in the queue in which that is now."""

        async def ask(queue: str, ulid: str) -> str | None:
            answer = await self._call(script(self._keys.meta(queue), ulid, *arguments))
            return None if answer == b"not_found" else str(answer.decode())

        return await self._forwards.follow(job_id, ask) or "not_found"

    async def _call(self, call: scripts.ScriptCall) -> Any:
        return await resend(lambda: self._channel.call(call))


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _rate(rate: Rate | None) -> str | None:
    return None if rate is None else f"{rate.count} {_ms(rate.period)}"


def _read_rate(text: bytes | None) -> Rate | None:
    if not text:
        return None
    count, _, period = text.partition(b" ")
    return Rate(int(count), int(period) / 1000)


def _number(text: bytes | None) -> int | None:
    return int(text) if text else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


class _PackedLimits(msgspec.Struct, omit_defaults=True):
    """`GroupLimits` as groups.lua reads them."""

    weight: int = 1
    paused: bool = False
    cap: int | None = None
    rate: str | None = None
    size: int | None = None


def _pack_group(limits: GroupLimits) -> bytes:
    return msgspec.msgpack.encode(
        _PackedLimits(
            limits.weight, limits.paused, limits.concurrency, _rate(limits.rate), limits.size
        )
    )


def _unpack_group(packed: bytes) -> GroupLimits:
    kept = msgspec.msgpack.decode(packed, type=_PackedLimits)
    rate = _read_rate(kept.rate.encode()) if kept.rate else None
    return GroupLimits(kept.weight, kept.paused, kept.cap, rate, kept.size)
