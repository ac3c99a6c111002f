"""The log of a job: what its deliveries add to it, and how long it is kept."""

import time

import pytest
import redis

from jobqueue.broker.broker import Broker, Connections, Consumer, Lease
from jobqueue.job_log import MAX_LOG_LINES, NewLines
from jobqueue.model import ClaimedJob, Outcome, Progress
from jobqueue.settings import RetentionSettings
from tests.support.redis import RedisClient

from .helpers import QUEUE, claim_one, enqueue, prefix_of, settle


async def test_lines_are_kept_in_order(broker: Broker, consumer: Consumer) -> None:
    """A log is what was added, oldest first, each line with the time at which it was said."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    before = time.time() * 1000
    assert await _add(consumer, job, "one", "two", ages=(5000, 10)) == []
    assert await _add(consumer, job, "three", first=3) == []
    log = await broker.logs(job_id)
    assert [line.text for line in log] == ["one", "two", "three"]
    assert log[0].at_ms == pytest.approx(before - 5000, abs=1000)
    assert log[1].at_ms - log[0].at_ms == 4990


@pytest.mark.parametrize(
    "text", ["", " ", "7 8 9", "naïve ☃ 𝄞", "a\x00b", "tab\there", '{"a": [1, 2]}', "x" * 1000]
)
async def test_any_line_is_kept_as_it_is(broker: Broker, consumer: Consumer, text: str) -> None:
    """Whatever a line says, it is read as it was written, and so are those around it."""
    (job_id,) = await enqueue(broker)
    await _add(consumer, await claim_one(consumer), "before", text, "after")
    assert [line.text for line in await broker.logs(job_id)] == ["before", text, "after"]


async def test_text_that_is_no_utf8_is_kept_as_far_as_it_is(
    broker: Broker, consumer: Consumer
) -> None:
    """A lone surrogate, as names of files have them, does not lose the line."""
    (job_id,) = await enqueue(broker)
    await _add(consumer, await claim_one(consumer), "caf\udce9")
    assert [line.text for line in await broker.logs(job_id)] == ["caf?"]


async def test_a_log_keeps_the_newest_lines(broker: Broker, consumer: Consumer) -> None:
    """A job that logs without end keeps a bounded log."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    for part in range(3):
        texts = [f"line {part * 300 + number}" for number in range(300)]
        await _add(consumer, job, *texts, first=part * 300 + 1)
    log = await broker.logs(job_id)
    assert len(log) == MAX_LOG_LINES
    assert (log[0].text, log[-1].text) == ("line 400", "line 899")


async def test_lines_that_come_twice_are_kept_once(broker: Broker, consumer: Consumer) -> None:
    """A report whose answer was lost may be sent again, alone or with what came since."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    await _add(consumer, job, "one", "two")
    await _add(consumer, job, "one", "two")
    await _add(consumer, job, "two", "three", first=2)
    assert [line.text for line in await broker.logs(job_id)] == ["one", "two", "three"]


async def test_each_delivery_adds_to_the_log(broker: Broker, consumer: Consumer) -> None:
    """What an earlier attempt said stays, and the next one counts its lines anew."""
    (job_id,) = await enqueue(broker)
    first = await claim_one(consumer)
    await _add(consumer, first, "first attempt")
    await settle(consumer, [first], Outcome.RETRY, delay_ms=0)
    await _add(consumer, await claim_one(consumer), "second attempt")
    log = await broker.logs(job_id)
    assert [line.text for line in log] == ["first attempt", "second attempt"]


async def test_a_stale_delivery_adds_nothing(broker: Broker, consumer: Consumer) -> None:
    """A worker that lost its job to another one cannot write into its log."""
    (job_id,) = await enqueue(broker)
    lost = await claim_one(consumer)
    await settle(consumer, [lost], Outcome.RETURNED)
    await _add(consumer, lost, "still the latest")
    await claim_one(consumer)
    assert await _add(consumer, lost, "late", first=2) == [job_id]
    assert [line.text for line in await broker.logs(job_id)] == ["still the latest"]


async def test_a_job_that_was_taken_back_takes_no_lines(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Once the reaper took a job back its last worker's lines are dropped."""
    (job_id,) = await enqueue(broker)
    lost = await claim_one(consumer)
    await broker.reap(QUEUE, lease=0.001)
    client.zadd(f"{prefix_of(namespace)}leases", {job_id[-26:]: 1})
    while not (await broker.reap(QUEUE, lease=0.001)).recovered:
        client.zadd(f"{prefix_of(namespace)}leases", {job_id[-26:]: 1})
    assert await _add(consumer, lost, "late") == [job_id]
    assert await broker.logs(job_id) == []


async def test_what_was_said_before_the_end_is_kept_after_it(
    broker: Broker, consumer: Consumer
) -> None:
    """Lines that come after their delivery's verdict are kept, its progress is not."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    await settle(consumer, [job], Outcome.COMPLETED, result=b"1")
    lease = Lease(job.id, job.token)
    lines = NewLines(1, ((0, "last words"),))
    assert await consumer.report({lease: Progress(99)}, {lease: lines}) == [job_id]
    assert [line.text for line in await broker.logs(job_id)] == ["last words"]
    ended = await broker.get(job_id)
    assert ended is not None
    assert ended.progress is None


async def test_a_log_goes_with_its_job(redis_url: str, namespace: str) -> None:
    """When retention removes a job its log is removed, too."""
    connections = await Connections.open(redis_url)
    broker = Broker(
        connections, namespace=namespace, retention=RetentionSettings(completed_count=0)
    )
    consumer = await broker.consumer(QUEUE, worker_id="w1", lease=15)
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    await _add(consumer, job, "one")
    await settle(consumer, [job], Outcome.COMPLETED, result=b"1")
    await broker.close()
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(f"{prefix_of(namespace)}{job_id[-26:]}*")) == []


async def test_no_job_has_no_log(broker: Broker) -> None:
    """Asking for the log of anything else gives nothing."""
    assert await broker.logs("nonsense") == []


async def _add(
    consumer: Consumer, job: ClaimedJob, *texts: str, first: int = 1, ages: tuple[int, ...] = ()
) -> list[str]:
    """Report lines; gives the stale ids."""
    ages = ages or (0,) * len(texts)
    lines = NewLines(first, tuple(zip(ages, texts, strict=True)))
    return await consumer.report({}, {Lease(job.id, job.token): lines})
