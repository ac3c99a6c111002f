"""The cases of the comparison: each runs one participant once, on a Redis of its own."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from jobqueue.app.opening import open_broker
from jobqueue.settings import RedisSettings, Settings
from tests.benchmarks._driving import DriverFailed, WorkerProcess, run_driver, working
from tests.benchmarks._figures import Row, Values, percentile
from tests.benchmarks._listener import listening
from tests.benchmarks._participants import COMPLETED, CONCURRENCIES, QUEUE, Participant
from tests.benchmarks._server import fresh_redis, work_done
from tests.benchmarks.peers._driver import RESULT
from tests.support.redis import RedisClient

PACED_A_SECOND = 50
PATIENCE = 2
"""Times as long as another case: a p99 wants a hundred jobs at least."""

MEMORY_JOBS = 20_000

SINGLE = Row("enqueue, each awaited", "jobs/s", is_rate=True)
BULK = Row("enqueue, in bulk", "jobs/s", is_rate=True)
PROCESS = {slots: Row(f"process, C={slots}", "jobs/s", is_rate=True) for slots in CONCURRENCIES}
P50, P99 = Row("idle pick-up, p50", "ms"), Row("idle pick-up, p99", "ms")
COMMANDS = {slots: Row(f"Redis commands a job, C={slots}") for slots in CONCURRENCIES}
TRIPS = {slots: Row(f"round trips a job, C={slots}") for slots in CONCURRENCIES}
MEMORY = Row("Redis memory of a queued job", "bytes")


class Case(NamedTuple):
    """Something to measure; `run` takes a participant and the seconds that it may take."""

    name: str
    run: Callable[[Participant, float], Values]
    is_steady: bool = False
    """Whether the moment does not matter, so that once is enough."""


@contextmanager
def _events(participant: Participant, url: str, client: RedisClient) -> Iterator[dict[str, int]]:
    """Ours has a subscriber; its counts are filled in at the end."""
    counts: dict[str, int] = {}
    if not participant.is_ours:
        yield counts
        return
    with listening(url) as listener:
        yield counts
        counts.update(listener.counts(client))


def _expect(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise DriverFailed(f"{found} {what} instead of {expected}")


def _enqueue(verb: str, row: Row) -> Callable[[Participant, float], Values]:
    def run(participant: Participant, seconds: float) -> Values:
        with fresh_redis(*participant.redis_options) as (url, client):
            with _events(participant, url, client) as events:
                count, passed = run_driver(participant, verb, url, seconds)
            if participant.is_ours:
                _expect(events.get("queued", 0), int(count), "events queued")
        return {row: int(count) / float(passed)}

    return run


def _process(slots: int) -> Callable[[Participant, float], Values]:
    def run(participant: Participant, seconds: float) -> Values:
        count = max(round(participant.per_second[slots] * seconds), 10)
        with (
            fresh_redis(*participant.redis_options) as (url, client),
            tempfile.TemporaryDirectory() as folder,
        ):
            run_driver(participant, "fill", url, count)
            with _events(participant, url, client) as events:
                before = work_done(client)
                with working(participant, url, slots, Path(folder)) as worker:
                    polls = _wait(worker, participant, client, count)
                    end = time.monotonic()
                    start = worker.first_start()
                after = work_done(client)
            if participant.is_ours:
                _check_ours(url, client, count, events)
        own = polls + 2  # what the looks themselves cost, `after` aside
        return {
            PROCESS[slots]: count / (end - start),
            COMMANDS[slots]: (after.commands - before.commands - own) / count,
            TRIPS[slots]: (after.reads - before.reads - own) / count,
        }

    return run


def _wait(worker: WorkerProcess, participant: Participant, client: RedisClient, count: int) -> int:
    return worker.wait_for(lambda: participant.finished(client, count))


def _check_ours(url: str, client: RedisClient, count: int, events: dict[str, int]) -> None:
    """Every job was announced twice and has its result."""
    _expect(events.get("active", 0), count, "events active")
    _expect(events.get("completed", 0), count, "events completed")
    ids = client.zrange(COMPLETED, 0, -1)
    _expect(uvloop.run(_results(url, ids)), count, "results")


async def _results(url: str, ids: list[str]) -> int:
    """How many of these jobs have the handler's result, as a client reads it."""
    settings = Settings(redis=RedisSettings(url=url))
    async with open_broker(settings) as broker:
        standings = await broker.standings(f"{QUEUE}-{ulid}" for ulid in ids)
    results = [msgspec.json.decode(each.result or b"null") for each in standings.values()]
    return results.count(RESULT)


def _latency(participant: Participant, seconds: float) -> Values:
    count = max(round(PACED_A_SECOND * seconds * PATIENCE), 5)
    with (
        fresh_redis(*participant.redis_options) as (url, client),
        tempfile.TemporaryDirectory() as folder,
    ):
        run_driver(participant, "fill", url, 1)  # by its end the worker is up and idle
        with (
            _events(participant, url, client) as events,
            working(participant, url, 10, Path(folder)) as worker,
        ):
            _wait(worker, participant, client, 1)
            run_driver(participant, "pace", url, count)
            _wait(worker, participant, client, count + 1)
            latencies = worker.latencies()
        _expect(len(latencies), count, "paced jobs started")
        if participant.is_ours:
            _check_ours(url, client, count + 1, events)
    return {P50: 1000 * percentile(latencies, 0.5), P99: 1000 * percentile(latencies, 0.99)}


def _memory(participant: Participant, _seconds: float) -> Values:
    with fresh_redis(*participant.redis_options) as (url, client):
        empty = client.info("memory")["used_memory"]
        run_driver(participant, "fill", url, MEMORY_JOBS)
        return {MEMORY: (client.info("memory")["used_memory"] - empty) / MEMORY_JOBS}


CASES = [
    Case("enqueue, each awaited", _enqueue("single", SINGLE)),
    Case("enqueue, in bulk", _enqueue("bulk", BULK)),
    *(Case(f"process, concurrency {slots}", _process(slots)) for slots in CONCURRENCIES),
    Case("idle pick-up", _latency),
    Case("memory", _memory, is_steady=True),
]
ROWS = [
    *(SINGLE, BULK, *PROCESS.values(), P50, P99),
    *(*COMMANDS.values(), *TRIPS.values(), MEMORY),
]
