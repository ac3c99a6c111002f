"""What operators look at: counts, queues, workers."""

from collections import Counter
from collections.abc import Iterable

import msgspec
from aiohttp import web

from jobqueue.app.operations import is_healthy
from jobqueue.http.answers import json_response
from jobqueue.http.documents import timestamp
from jobqueue.http.queries import no_query
from jobqueue.http.state import operations_of
from jobqueue.model import PoolInfo, QueueStats, WorkerInfo
from jobqueue.state import STATE_ALIASES, State


class QueueDocument(msgspec.Struct):
    """One queue: its jobs by state, and how long the next one has waited."""

    name: str
    counts: dict[str, int]
    oldest_queued_seconds: float
    paused: bool
    partitions: int


class QueueList(msgspec.Struct):
    """All queues, by name."""

    queues: list[QueueDocument]


class WorkerDocument(msgspec.Struct):
    """A worker process; `jobs` are those it runs now, over all its pools."""

    id: str
    host: str
    pid: int
    roles: tuple[str, ...]
    version: str
    pools: tuple[PoolInfo, ...]
    jobs: list[str]
    processed: int
    failed: int
    started_at: str
    last_beat_at: str
    healthy: bool
    quiet: bool


class WorkerList(msgspec.Struct):
    """All workers that beat lately, by id."""

    workers: list[WorkerDocument]


async def stats(request: web.Request) -> web.Response:
    """Jobs by state, in all and by queue."""
    no_query(request)
    queues = await operations_of(request).stats()
    return json_response(stats_document(queues, words=()))


async def stats_in_both_vocabularies(request: web.Request) -> web.Response:
    """Jobs by state, under our words and those of other systems."""
    no_query(request)
    queues = await operations_of(request).stats()
    return json_response(stats_document(queues, words=STATE_ALIASES))


async def queues(request: web.Request) -> web.Response:
    """All queues ever used."""
    no_query(request)
    operations = operations_of(request)
    partitions = await operations.queues.splitting.counts()
    documents = [
        QueueDocument(
            name=each.queue,
            counts=_counts([each], ()),
            oldest_queued_seconds=each.oldest_queued_seconds,
            paused=each.paused,
            partitions=partitions.get(each.queue, 1),
        )
        for each in await operations.stats()
    ]
    return json_response(QueueList(documents))


async def workers(request: web.Request) -> web.Response:
    """All workers that beat lately."""
    no_query(request)
    found = await operations_of(request).workers()
    return json_response(WorkerList([_worker_document(worker) for worker in found]))


async def quiet(request: web.Request) -> web.Response:
    """Let a worker claim nothing; what it runs goes on."""
    no_query(request)
    await operations_of(request).quiet(request.match_info["id"])
    return web.Response(status=204)


async def resume(request: web.Request) -> web.Response:
    """Let a quiet worker claim again."""
    no_query(request)
    await operations_of(request).unquiet(request.match_info["id"])
    return web.Response(status=204)


def stats_document(queues: list[QueueStats], *, words: Iterable[str]) -> dict[str, object]:
    """Counts by state and by each of the further `words`, in all and by queue."""
    by_queue = {
        each.queue: {
            **_counts([each], words),
            "oldest_queued_seconds": each.oldest_queued_seconds,
            "paused": each.paused,
        }
        for each in queues
    }
    return {**_counts(queues, words), "queues": by_queue}


def _counts(queues: Iterable[QueueStats], words: Iterable[str]) -> dict[str, int]:
    total: Counter[State] = Counter()
    for each in queues:
        total.update(each.counts)
    counts = {state.value: total[state] for state in State}
    return counts | {word: total[STATE_ALIASES[word]] for word in words}


def _worker_document(worker: WorkerInfo) -> WorkerDocument:
    return WorkerDocument(
        id=worker.id,
        host=worker.host,
        pid=worker.pid,
        roles=worker.roles,
        version=worker.version,
        pools=worker.pools,
        jobs=[job for pool in worker.pools for job in pool.jobs],
        processed=worker.processed,
        failed=worker.failed,
        started_at=timestamp(worker.started_at_ms),
        last_beat_at=timestamp(worker.last_beat_at_ms),
        healthy=is_healthy(worker),
        quiet=worker.quiet,
    )
