"""What a moved job takes with it, and who finds it by the ids that it had."""

import pytest

from jobqueue.broker.arrivals import LOG_STEP
from jobqueue.broker.broker import Broker, Consumer, Lease
from jobqueue.errors import RedisFull
from jobqueue.job_log import MAX_LOG_LINES, NewLines
from jobqueue.model import CancelResult, Outcome, Progress, RetryResult
from jobqueue.state import State
from jobqueue.submission import NewJob, Priority
from tests.support.redis import RedisClient

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    crash,
    enqueue,
    fingerprint,
    new_job,
    prefix_of,
    read,
    settle,
    state_of,
)
from .test_moving import OTHER, there

LINES = LOG_STEP * 2 + 7
"""Of a log that is copied in several steps, the last of them not full."""


@pytest.fixture
async def other(broker: Broker) -> Consumer:
    """A worker's hold on the other queue."""
    return await broker.consumer(OTHER, worker_id="w2", lease=15)


async def failed(broker: Broker, consumer: Consumer, *, lines: int = LINES) -> str:
    """A job whose first attempt has failed after it logged."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    new = NewLines(1, tuple((0, f"line {number}") for number in range(lines)))
    await consumer.report({}, {Lease(job.id, job.token): new})
    await settle(consumer, [job], Outcome.RETRY)
    return job_id


async def test_a_job_keeps_what_it_has_behind_it(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """Its spent attempt, last error, log and timeline are those of before, and one entry more."""
    job_id = await failed(broker, consumer)
    before, log = await read(broker, job_id), await broker.logs(job_id)
    (attempt,) = await broker.timeline(job_id)
    assert await broker.operator.move(job_id, OTHER) == "moved"
    after = await read(broker, there(job_id))
    assert (after.attempt, after.failure) == (before.attempt, before.failure) != (0, None)
    assert (after.worker_id, after.started_at_ms) == (before.worker_id, before.started_at_ms)
    assert len(log) == LINES
    for each in (job_id, there(job_id)):
        assert await broker.logs(each) == log
        first, moved = await broker.timeline(each)
        assert (first, moved.outcome, moved.moved_from) == (attempt, "moved", job_id)
    job = await claim_one(other)
    assert job.attempt == 2
    await settle(other, [job], Outcome.RETRY)
    assert [each.outcome for each in await broker.timeline(job_id)] == ["retry", "moved", "retry"]


async def test_lines_go_on_behind_those_from_before(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """The log is as bounded as if the job had never moved, and stays as long as the job."""
    job_id = await failed(broker, consumer, lines=MAX_LOG_LINES)
    await broker.operator.move(job_id, OTHER)
    job = await claim_one(other)
    await other.report({}, {Lease(job.id, job.token): NewLines(1, ((0, "there"),))})
    log = await broker.logs(job_id)
    assert (len(log), log[0].text, log[-1].text) == (MAX_LOG_LINES, "line 1", "there")


async def test_crashes_count_on(broker: Broker, consumer: Consumer) -> None:
    """A job that kills its workers does not start anew by being moved, and keeps its progress."""
    (job_id,) = await enqueue(broker)
    await crash(broker)
    job = await claim_one(consumer)
    await consumer.report({Lease(job.id, job.token): Progress(50)}, {})
    await settle(consumer, [job], Outcome.RETURNED)
    await crash(broker)
    before = await read(broker, job_id)
    await broker.operator.move(job_id, OTHER)
    after = await read(broker, job_id)
    assert (after.crashes, after.deliveries) == (before.crashes, before.deliveries)
    assert after.crashes == 2


async def test_nothing_is_left_where_it_was(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Only the record of where it went, and that ends."""
    job_id = await failed(broker, consumer)
    await broker.operator.move(job_id, OTHER)
    own = [key for key in client.scan_iter(f"{prefix_of(namespace)}*") if job_id[-26:] in key]
    assert own == [f"{prefix_of(namespace)}moved:{job_id[-26:]}"]
    assert client.ttl(own[0]) > 0


@pytest.mark.parametrize("route", [(OTHER,), (OTHER, QUEUE), (OTHER, QUEUE, OTHER), (OTHER, "c")])
async def test_an_old_message_brings_nothing_back(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str, route: tuple[str, ...]
) -> None:
    """Whatever relay died where: a move that is carried over again changes nothing.

    Not even when the job has gone on to other queues since, or has ended and was removed.
    """
    job_id = await failed(broker, consumer)
    outbox, log = f"{prefix_of(namespace)}outbox", await broker.logs(job_id)
    client.config_set("maxmemory", 1)
    await broker.operator.move(job_id, route[0])
    client.config_set("maxmemory", 0)
    (message,) = client.zrange(outbox, 0, -1)
    where = there(job_id, route[0])
    await broker.reap(QUEUE, lease=15)
    for queue in route[1:]:
        assert await broker.operator.move(where, queue) == "moved"
        where = there(where, queue)
    assert await broker.logs(job_id) == log
    await _carry_again(broker, client, namespace, message)
    assert await broker.cancel(where) is CancelResult.CANCELLED
    assert await broker.operator.purge(State.CANCELLED, [where]) == 1
    await _carry_again(broker, client, namespace, message)
    assert await broker.get(job_id) is None


async def _carry_again(broker: Broker, client: RedisClient, namespace: str, message: str) -> None:
    """A reaper meets a message that arrived long ago: nothing changes but the reaper's stamp."""
    meta = f"{prefix_of(namespace)}meta"
    before = fingerprint(client, namespace)
    client.zadd(f"{prefix_of(namespace)}outbox", {message.encode("latin-1"): 1})
    await broker.reap(QUEUE, lease=15)
    assert {**fingerprint(client, namespace), meta: ""} == {**before, meta: ""}


async def test_a_relay_that_dies_while_it_copies_the_log(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Another goes on, and the log is whole and once there."""
    job_id = await failed(broker, consumer)
    log = await broker.logs(job_id)
    client.config_set("maxmemory", 1)
    await broker.operator.move(job_id, OTHER)
    client.config_set("maxmemory", 0)
    name = f"moved:{job_id[-26:]}:1:log"
    start = client.lrange(prefix_of(namespace) + name, 0, LOG_STEP - 1)
    client.rpush(prefix_of(namespace, OTHER) + name, *start)
    assert await broker.logs(job_id) == log
    assert client.ttl(f"{prefix_of(namespace, OTHER)}{job_id[-26:]}:log") == -1


async def test_a_log_that_cannot_be_completed_loses_no_job(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Where something else is in the place of its log the job waits until that has expired."""
    job_id = await failed(broker, consumer)
    name = f"{prefix_of(namespace, OTHER)}moved:{job_id[-26:]}:1:log"
    client.rpush(name, *("x" for _ in range(LINES + 1)))
    client.expire(name, 600)
    await broker.operator.move(job_id, OTHER)
    with pytest.raises(RedisFull, match="on its way"):
        await broker.get(job_id)
    client.delete(name)
    assert (await read(broker, job_id)).id == there(job_id)
    assert len(await broker.logs(job_id)) == LINES


async def test_a_log_that_is_gone_holds_nothing_up(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A job that waited for its new queue longer than its log is kept comes without it."""
    job_id = await failed(broker, consumer)
    client.config_set("maxmemory", 1)
    await broker.operator.move(job_id, OTHER)
    client.config_set("maxmemory", 0)
    client.delete(f"{prefix_of(namespace)}moved:{job_id[-26:]}:1:log")
    assert (await read(broker, job_id)).id == there(job_id)
    assert await broker.logs(job_id) == []


async def test_an_enqueue_that_is_sent_again_after_a_move(broker: Broker) -> None:
    """The job is known, although it is elsewhere: there is still only one."""
    job = new_job()
    await broker.enqueue(job)
    await broker.operator.move(job.id, OTHER)
    assert (await broker.enqueue(job)).state is State.QUEUED
    assert await counts(broker) == {}
    await broker.operator.move(there(job.id), QUEUE)
    assert (await broker.enqueue(job)).state is State.QUEUED
    assert await counts(broker) == {State.QUEUED: 1}


async def test_every_verb_follows(broker: Broker, other: Consumer) -> None:
    """Who knows a job by an id that it had can do all with it, wherever it is, and back again."""
    first, second = await enqueue(broker, 2, delay_ms=600_000)
    operator = broker.operator
    for job_id in (first, second):
        await operator.move(job_id, "between")
        await operator.move(job_id, OTHER)
    assert await operator.promote(first) == "queued"
    job = await claim_one(other)
    await settle(other, [job], Outcome.DEAD, reason="x")
    unknown = new_job().id
    assert await operator.replay([unknown, first, there(second)]) == [
        *(RetryResult.NOT_FOUND, RetryResult.QUEUED, RetryResult.NOT_RETRYABLE)
    ]
    await complete(other, await claim_one(other), b"7")
    assert (await read(broker, first)).result == b"7"
    assert (await broker.standings([first]))[first].result == b"7"
    assert await operator.reschedule(second, 1) == "scheduled"
    assert await operator.prioritize(there(second, "between"), Priority.HIGH) == "scheduled"
    assert await operator.move(second, QUEUE) == "moved"
    assert (await read(broker, there(second))).id == second
    assert await operator.move(second, QUEUE) == "here"
    assert await broker.cancel(there(second)) is CancelResult.CANCELLED


async def test_an_old_id_ends_with_its_record(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """When the record has expired the old id is unknown, and the job is where it was moved."""
    (job_id,) = await enqueue(broker)
    await broker.operator.move(job_id, OTHER)
    client.delete(f"{prefix_of(namespace)}moved:{job_id[-26:]}")
    assert await broker.get(job_id) is None
    assert await broker.cancel(job_id) is CancelResult.NOT_FOUND
    assert await broker.timeline(job_id) == []
    assert await state_of(broker, there(job_id)) is State.QUEUED


async def test_a_record_lasts_until_a_late_job_starts(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """A job of next year is found by its old id until it has run."""
    (job_id,) = await enqueue(broker, delay_ms=365 * 86_400_000)
    await broker.operator.move(job_id, OTHER)
    assert client.ttl(f"{prefix_of(namespace)}moved:{job_id[-26:]}") > 390 * 86_400


async def test_a_stale_lane_entry_starts_nothing_twice(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """A job that comes back meets the entry that it left behind, and starts once."""
    job = NewJob(new_job().id, "noop", b"{}")
    await broker.enqueue(job)
    await broker.operator.move(job.id, OTHER)
    await broker.operator.move(job.id, QUEUE)
    assert await claim(other) == []
    assert [each.id for each in await claim(consumer, 5)] == [job.id]
