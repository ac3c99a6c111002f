"""Power that fails: Redis is killed, and the end of its append-only file was never written."""

import os
import random
import shutil
import signal
from pathlib import Path

import pytest
import redis

from jobqueue.broker.broker import Broker, Connections
from jobqueue.limits import QueueLimits
from jobqueue.model import Outcome
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import Durability, JobOptions, NewJob, Parent, Priority, Unique
from tests.support.redis import has_waitaof, redis_server, server_binary

from .helpers import QUEUE, claim, counts, enqueue, new_job, prefix_of, settle, state_of
from .invariants import violations

EVERYSEC = (
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--auto-aof-rewrite-percentage",
    "0",
)

CUTS = 25
"""Places at which the file ends, each of which is a start of Redis: about 5 s in all."""


async def test_the_file_ends_in_the_middle_of_a_record(socket_folder: Path, namespace: str) -> None:
    """Wherever it was cut: Redis starts, what it has holds together, and can be worked off."""
    disk = socket_folder / "disk"
    disk.mkdir()
    with redis_server(disk, *EVERYSEC) as url:
        broker = await _broker(url, namespace)
        await _live(broker)
        await broker.close()
        _kill(url)
    size = _file(disk).stat().st_size
    seen: set[int] = set()
    for cut in (0, *random.sample(range(1, size), CUTS), size):
        with redis_server(_copy(disk, socket_folder, cut), *EVERYSEC) as url:
            broker = await _broker(url, namespace)
            with redis.Redis.from_url(url, decode_responses=True, encoding="latin-1") as client:
                assert violations(client, prefix_of(namespace)) == [], f"cut at {cut} of {size}"
                seen.add(sum((await counts(broker)).values()) if client.dbsize() else 0)
                await _work_off(broker)
                assert violations(client, prefix_of(namespace)) == [], f"cut at {cut} of {size}"
            await broker.close()
    assert len(seen) > 5, "all cuts were at the same place"


@pytest.mark.skipif(not has_waitaof(server_binary()), reason="the server is older than Redis 7.2")
async def test_what_was_said_to_be_on_the_disk_is_there(
    socket_folder: Path, namespace: str
) -> None:
    """A job that was accepted with `fsync` survives when nothing after its confirmation does."""
    disk = socket_folder / "disk"
    disk.mkdir()
    confirmed: list[tuple[int, list[str]]] = []
    ids: list[str] = []
    with redis_server(disk, *EVERYSEC) as url:
        broker = await _broker(url, namespace)
        for number in range(4):
            await enqueue(broker, 20)  # nobody has asked for these
            jobs = [new_job() for _ in range(number * 200 + 1)]
            await broker.enqueue_many(jobs, durability=Durability.FSYNC)
            ids += [job.id for job in jobs]
            confirmed.append((_file(disk).stat().st_size, [*ids]))
        await enqueue(broker, 20)
        await broker.close()
        _kill(url)
    for cut, safe in confirmed:
        with redis_server(_copy(disk, socket_folder, cut), *EVERYSEC) as url:
            broker = await _broker(url, namespace)
            assert {await state_of(broker, job_id) for job_id in safe} == {State.QUEUED}
            with redis.Redis.from_url(url, decode_responses=True, encoding="latin-1") as client:
                assert violations(client, prefix_of(namespace)) == []
            await broker.close()


async def _broker(url: str, namespace: str) -> Broker:
    return Broker(
        await Connections.open(url), namespace=namespace, retention=RetentionSettings(dead_count=3)
    )


async def _live(broker: Broker) -> None:
    """Something of everything: what a power cut may hit."""
    await broker.operator.set_limits(QUEUE, QueueLimits(concurrency=50, group_concurrency=3))
    consumer = await broker.consumer(QUEUE, worker_id="w1", lease=30)
    outcomes = [each for each in Outcome if each is not Outcome.WAIT]
    for number in range(12):
        parent = new_job(b"{}", priority=random.choice(list(Priority)))
        await broker.enqueue_many(_family(parent, number))
        await enqueue(broker, 3, delay_ms=random.choice((1, 60_000)))
        jobs = await claim(consumer, 6)
        for job in jobs[:-1]:
            await settle(consumer, [job], random.choice(outcomes), reason="x", result=b"1" * 100)
        await broker.cancel(random.choice([parent.id, *(job.id for job in jobs)]))
        await broker.reap(QUEUE, lease=30)
    await enqueue(broker, 1200)  # staged, accepted and moved on in steps


def _family(parent: NewJob, number: int) -> list[NewJob]:
    child = new_job(options=JobOptions(depends_on=(Parent(parent.id, "ignore"),)))
    grouped = new_job(group=f"t{number % 3}", options=JobOptions(tenant=f"t{number % 3}"))
    unique = new_job(options=JobOptions(unique=Unique(f"u{number}"), retention=60))
    keyed = new_job(digest="d", options=JobOptions(key=f"k{number}", expires_in=60))
    return [parent, child, grouped, unique, keyed]


async def _work_off(broker: Broker) -> None:
    """Run what may run, also what a lost worker held, until no job waits for a worker."""
    consumer = await broker.consumer(QUEUE, worker_id="w2", lease=30)
    for _ in range(200):
        found = await consumer.claim(100)
        await settle(consumer, found.jobs, Outcome.COMPLETED, result=b"1")
        await broker.reap(QUEUE, lease=30)
        if not found.jobs and not found.more:
            break
    assert State.QUEUED not in await counts(broker)


def _file(disk: Path) -> Path:
    """The append-only file that is written to: in a folder of its own since Redis 7."""
    (found,) = [*disk.glob("appendonlydir/*.incr.aof"), *disk.glob("appendonly.aof")]
    return found


def _kill(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)


def _copy(disk: Path, folder: Path, cut: int) -> Path:
    """The disk of the server as it is when only the first `cut` bytes were written."""
    target = folder / f"{cut}"
    shutil.copytree(disk, target, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    os.truncate(_file(target), cut)
    return target
