"""Reading: jobs by id and by state, counts, workers, job types."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from jobqueue.broker import scripts
from jobqueue.broker.codec import decode_job, decode_log, ulid_of
from jobqueue.broker.commands import Commands
from jobqueue.broker.forwards import Forwards
from jobqueue.broker.keys import Keys
from jobqueue.broker.partitions import merged
from jobqueue.ids import created_at_ms, queue_of, split_job_id
from jobqueue.job_log import LogLine
from jobqueue.model import Job, QueueStats, TypeInfo, WorkerInfo
from jobqueue.state import State

READ_JOBS = 100
"""Jobs of one read: whole jobs, and even results alone, may be large."""

MAX_WORKERS = 500
"""Workers that are listed of one queue."""

TYPE_DAYS = 30
"""How long a type that no worker publishes any more is known."""


class Standing(msgspec.Struct, frozen=True):
    """How a job stands: its state, and its result where it has one."""

    state: State
    result: bytes | None


class Reader:
    """Looks things up; changes nothing but its own list of types."""

    def __init__(self, channel: Commands, keys: Keys, forwards: Forwards) -> None:
        self._channel = channel
        self._keys = keys
        self._forwards = forwards

    async def get(self, job_id: str) -> Job | None:
        """The job of this id, in whichever queue it is now; None when there is none."""
        return await self._forwards.follow(job_id, self._get)

    async def _get(self, queue: str, ulid: str) -> Job | None:
        (job,) = await self.read(queue, [f"{queue}-{ulid}"])
        return job

    async def read(self, queue: str, job_ids: Sequence[str]) -> list[Job | None]:
        """Jobs of one queue by id, at most 100; one that was moved away is not there."""
        call = scripts.read(self._keys.meta(queue), map(ulid_of, job_ids))
        return [
            decode_job(job_id, record) if record else None
            for job_id, record in zip(job_ids, await self._channel.call(call), strict=True)
        ]

    async def logs(self, job_id: str) -> list[LogLine]:
        """The newest lines of a job's log, oldest first; none where there is no such job."""
        return decode_log(await self._forwards.follow(job_id, self._log) or [])

    async def _log(self, queue: str, ulid: str) -> list[bytes] | None:
        key = self._keys.of(queue, f"{ulid}:log")
        return await self._channel.execute("LRANGE", key, 0, -1) or None

    async def standings(self, job_ids: Iterable[str]) -> dict[str, Standing]:
        """How each of these jobs stands, without its payload; unknown ones are left out.

        One that was moved to another queue is found by its old id.
        """
        found: dict[str, Standing] = {}
        for job_id, answer in (await self._standings(job_ids)).items():
            standing = _standing(answer)
            if answer == b"moved":
                standing = await self._forwards.follow(job_id, self._standing)
            if standing:
                found[job_id] = standing
        return found

    async def _standing(self, queue: str, ulid: str) -> Standing | None:
        (answer,) = (await self._standings([f"{queue}-{ulid}"])).values()
        return _standing(answer)

    async def _standings(self, job_ids: Iterable[str]) -> dict[str, Any]:
        """The answers of `standings.lua`, by id."""
        by_queue: dict[str, list[str]] = {}
        for job_id in job_ids:
            if names := split_job_id(job_id):
                by_queue.setdefault(names[0], []).append(job_id)
        answers: dict[str, Any] = {}
        for queue, ids in by_queue.items():
            for first in range(0, len(ids), READ_JOBS):
                some = ids[first : first + READ_JOBS]
                call = scripts.standings(self._keys.meta(queue), map(ulid_of, some))
                answers |= zip(some, await self._channel.call(call), strict=True)
        return answers

    async def queues(self) -> list[str]:
        """All queues ever used, by name."""
        return sorted({queue_of(name) for name in await self.partitions()})

    async def partitions(self, queue: str | None = None) -> list[str]:
        """All partitions ever used, of one queue or of all, by name; a queue has one at least."""
        listed = await self._channel.execute("SMEMBERS", self._keys.queues)
        names = {name.decode() for name in listed}
        if queue is not None:
            names = {name for name in {queue, *names} if queue_of(name) == queue}
        return sorted(names)

    async def stats(self, queues: Iterable[str] | None = None) -> list[QueueStats]:
        """The counts of each of these queues, by default of all."""
        if queues is None:
            names = await self.partitions()
        else:
            names = [name for queue in queues for name in await self.partitions(queue)]
        return merged(await asyncio.gather(*map(self._stats_of, names)))

    async def partition_stats(self, queue: str) -> list[QueueStats]:
        """As `stats`, for each partition of a queue, under its name."""
        return await asyncio.gather(*map(self._stats_of, await self.partitions(queue)))

    async def _stats_of(self, partition: str) -> QueueStats:
        answer = await self._channel.call(scripts.stats(self._keys.meta(partition)))
        now, paused, queued, scheduled, blocked, active, completed, dead, cancelled, *oldest = (
            answer
        )
        since = [
            max(created_at_ms(ulid.decode()), int(run_at))
            for ulid, run_at in zip(oldest[::2], oldest[1::2], strict=True)
        ]
        return QueueStats(
            queue=partition,
            counts={
                State.SCHEDULED: scheduled,
                State.BLOCKED: blocked,
                State.QUEUED: queued,
                State.ACTIVE: active,
                State.COMPLETED: completed,
                State.DEAD: dead,
                State.CANCELLED: cancelled,
            },
            oldest_queued_seconds=max(now - min(since), 0) / 1000 if since else 0.0,
            paused=bool(paused),
        )

    async def workers(self) -> list[WorkerInfo]:
        """Workers of all queues that beat within the last minute, by id."""
        calls = [
            self._channel.call(scripts.presence(self._keys.meta(queue), MAX_WORKERS))
            for queue in await self.queues()
        ]
        newest: dict[str, WorkerInfo] = {}
        for texts in await asyncio.gather(*calls):
            for text in texts:
                info = _decode_worker(text)
                known = newest.get(info.id)
                if known is None or known.last_beat_at_ms < info.last_beat_at_ms:
                    newest[info.id] = info
        return [newest[worker_id] for worker_id in sorted(newest)]

    async def types(self) -> dict[str, TypeInfo]:
        """The job types that workers published within the last 30 days."""
        fields: list[bytes] = await self._channel.execute("HGETALL", self._keys.types)
        oldest = await self._now() - TYPE_DAYS * 86_400
        known: dict[str, TypeInfo] = {}
        for name, text in zip(fields[::2], fields[1::2], strict=True):
            published_at, _, info = text.partition(b" ")
            if int(published_at) >= oldest:
                known[name.decode()] = msgspec.json.decode(info, type=TypeInfo)
        return known

    async def publish_types(self, types: Iterable[TypeInfo]) -> None:
        """Tell producers in other processes which types run here."""
        now = await self._now()
        fields: list[str | bytes] = []
        for info in types:
            fields += [info.name, b"%d %s" % (now, msgspec.json.encode(info))]
        if fields:
            await self._channel.execute("HSET", self._keys.types, *fields)

    async def _now(self) -> int:
        seconds: Any = (await self._channel.execute("TIME"))[0]
        return int(seconds)


def _standing(answer: Any) -> Standing | None:
    """What `standings.lua` says of a job that it knows."""
    return Standing(State(answer[0].decode()), answer[1]) if isinstance(answer, list) else None


def _decode_worker(text: bytes) -> WorkerInfo:
    beat_at, _, info = text.partition(b" ")
    worker = msgspec.json.decode(info, type=WorkerInfo)
    return msgspec.structs.replace(worker, last_beat_at_ms=int(beat_at))
