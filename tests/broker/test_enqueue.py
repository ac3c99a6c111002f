"""Putting jobs in."""

import asyncio

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.errors import RedisFull
from jobqueue.ids import new_job_id
from jobqueue.limits import QueueLimits
from jobqueue.model import Outcome
from jobqueue.retry import Backoff
from jobqueue.state import State
from jobqueue.submission import Accepted, JobOptions, NewJob, Priority
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import QUEUE, claim, claim_one, counts, enqueue, new_job, prefix_of, settle, state_of


async def test_an_accepted_job_is_read_back_as_it_was_sent(broker: Broker) -> None:
    """Whatever a producer says about a job is kept with it."""
    options = JobOptions(
        timeout=3.5, max_attempts=7, backoff=Backoff(kind="fixed"), tags=("a",), metadata={"k": [1]}
    )
    job = new_job(b'{"n":1}', priority=Priority.HIGH, options=options)
    assert await broker.enqueue(job) == Accepted(job.id, State.QUEUED)
    read = await broker.get(job.id)
    assert read is not None
    assert (read.type, read.payload, read.priority) == ("noop", b'{"n":1}', Priority.HIGH)
    assert read.options == options


@pytest.mark.parametrize(
    "payload",
    [
        b'{"n":1234567890123456789}',
        b"[]",
        b'{"a":[],"b":{}}',
        b"\xff\xfe\x00not utf-8\n",
        b"line\nline",
        b"",
    ],
)
async def test_payloads_are_opaque(broker: Broker, consumer: Consumer, payload: bytes) -> None:
    """Big integers, empty arrays, newlines and bytes that are no text arrive unchanged."""
    await broker.enqueue(new_job(payload))
    assert (await claim_one(consumer)).payload == payload


async def test_a_resent_job_is_accepted_once(broker: Broker) -> None:
    """A producer that does not know whether its call arrived may send it again."""
    job = new_job()
    await broker.enqueue(job)
    assert (await broker.enqueue(job)).state is State.QUEUED
    assert await counts(broker) == {State.QUEUED: 1}


async def test_a_resent_job_that_runs_is_not_queued_again(
    broker: Broker, consumer: Consumer
) -> None:
    """A late re-send neither doubles nor resets a job."""
    job = new_job()
    await broker.enqueue(job)
    await claim_one(consumer)
    assert (await broker.enqueue(job)).state is State.ACTIVE
    assert await counts(broker) == {State.ACTIVE: 1}


async def test_concurrent_submits_share_script_calls(broker: Broker, client: RedisClient) -> None:
    """Of a hundred callers of one moment the first goes alone, and the others in one call."""
    await broker.enqueue(new_job())

    def calls() -> int:
        return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])

    before = calls()
    accepted = await asyncio.gather(*(broker.enqueue(new_job()) for _ in range(100)))
    assert calls() - before == 2
    assert len({answer.id for answer in accepted}) == 100


async def test_a_large_bulk_is_accepted_whole_and_in_order(
    broker: Broker, consumer: Consumer
) -> None:
    """More jobs than a script may take still start in the order in which they were given."""
    ids = await enqueue(broker, 1201)
    assert await counts(broker) == {State.QUEUED: 1201}
    started: list[str] = []
    while jobs := await claim(consumer, 500):
        started += [job.id for job in jobs]
    assert started == ids


async def test_a_bulk_of_large_payloads_is_sent_in_parts(
    broker: Broker, consumer: Consumer, client: RedisClient
) -> None:
    """No script call holds Redis for long because its jobs are large."""
    client.config_resetstat()
    payload = b'"' + b"x" * 1_000_000 + b'"'
    jobs = [new_job(payload) for _ in range(10)]
    await broker.enqueue_many(jobs)
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] >= 5
    assert [job.id for job in await claim(consumer, 10)] == [job.id for job in jobs]


async def test_a_staged_bulk_that_is_never_accepted_is_invisible(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """A producer that dies while it uploads a bulk leaves nothing but keys that expire."""
    producer = asyncio.create_task(enqueue(broker, 20_000))
    staged = await eventually(lambda: list(client.scan_iter(f"{prefix_of(namespace)}batch:*")))
    producer.cancel()
    await asyncio.gather(producer, return_exceptions=True)
    assert 0 < client.ttl(staged[0]) <= 600
    assert await counts(broker) == {}


async def test_an_accepted_bulk_is_finished_by_others(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Once a bulk is accepted it is complete, even if its producer dies before it is moved on."""
    await broker.enqueue(new_job())
    prefix = prefix_of(namespace)
    for number in range(700):
        client.rpush(f"{prefix}batch:B", new_job_id(QUEUE)[-26:], f"nnoop\n{number}", 0, 0, "")
    client.hset(f"{prefix}meta", mapping={"batches": 1, "features": 1})
    client.lpush(f"{prefix}batches", "B")
    claimed = 0
    while (answer := await consumer.claim(100)).jobs or answer.more:
        claimed += len(answer.jobs)
    assert claimed == 701


async def test_a_bulk_over_several_queues_is_answered_in_order(broker: Broker) -> None:
    """Answers are in the order of the jobs, whatever queue each goes to."""
    jobs = [NewJob(new_job_id(f"q{n % 3}"), "noop", b"1") for n in range(9)]
    assert [answer.id for answer in await broker.enqueue_many(jobs)] == [job.id for job in jobs]
    assert await broker.queues() == ["q0", "q1", "q2"]


async def test_delayed_jobs_are_scheduled(broker: Broker, consumer: Consumer) -> None:
    """A job with a delay or a later run_at does not start before its time."""
    (delayed,) = await enqueue(broker, delay_ms=60_000)
    later = new_job(run_at_ms=4_000_000_000_000)
    assert (await broker.enqueue(later)).state is State.SCHEDULED
    assert await claim(consumer, 5) == []
    assert await state_of(broker, delayed) is State.SCHEDULED


async def test_a_run_at_in_the_past_starts_at_once(broker: Broker, consumer: Consumer) -> None:
    """A time that is over means now."""
    job = new_job(run_at_ms=1_000)
    assert (await broker.enqueue(job)).state is State.QUEUED
    assert (await claim_one(consumer)).id == job.id


async def test_a_full_redis_refuses_and_keeps_nothing_half_written(
    broker: Broker, client: RedisClient, consumer: Consumer
) -> None:
    """Out of memory, a submit is refused whole, and what runs can still be finished."""
    await enqueue(broker)
    running = await claim(consumer)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisFull):
            await broker.enqueue(new_job())
        await settle(consumer, running, Outcome.COMPLETED, result=b"1")
        assert await broker.operator.pause(QUEUE)
        await broker.operator.set_limits(QUEUE, QueueLimits(concurrency=1))
        assert await broker.operator.resume(QUEUE)
    finally:
        client.config_set("maxmemory", 0)
    assert await counts(broker) == {State.COMPLETED: 1}


async def test_a_queue_is_listed_again_after_redis_lost_everything(
    broker: Broker, client: RedisClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis that came back empty learns of the queue with the next submits."""
    monkeypatch.setattr("jobqueue.broker.producer.INTRODUCE_EVERY", 0)
    await broker.enqueue(new_job())
    client.delete(f"{namespace}:queues")
    await broker.enqueue(new_job())
    assert await broker.queues() == [QUEUE]
