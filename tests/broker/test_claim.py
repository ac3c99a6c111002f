"""Taking jobs out: order, hand-off to idle workers, lost answers, the alarm."""

import asyncio
import time

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.broker.consumer import STRANDS
from jobqueue.model import Outcome, Settled
from jobqueue.state import State
from jobqueue.submission import Priority
from tests.support.redis import RedisClient

from .helpers import QUEUE, claim, claim_one, counts, enqueue, new_job, prefix_of, settle, state_of


async def test_priorities_are_strict_and_fifo_inside(broker: Broker, consumer: Consumer) -> None:
    """Critical before high before normal before low, and first in first out within each."""
    by_priority = {}
    for priority in (Priority.LOW, Priority.NORMAL, Priority.CRITICAL, Priority.HIGH):
        by_priority[priority] = await enqueue(broker, 2, priority=priority)
    idle_worker_was_offered = by_priority[Priority.LOW][0]
    order = [job.id for job in await claim(consumer, 8)]
    assert order[0] == idle_worker_was_offered
    assert order[1:] == [
        *by_priority[Priority.CRITICAL],
        *by_priority[Priority.HIGH],
        *by_priority[Priority.NORMAL],
        by_priority[Priority.LOW][1],
    ]


async def test_a_claim_never_exceeds_its_slots(broker: Broker, consumer: Consumer) -> None:
    """What a worker cannot run stays for others."""
    await enqueue(broker, 10)
    assert len(await claim(consumer, 3)) == 3
    assert await counts(broker) == {State.QUEUED: 7, State.ACTIVE: 3}


async def test_a_blocked_worker_is_handed_the_job(broker: Broker, consumer: Consumer) -> None:
    """An idle worker is woken by the job itself, at once."""
    waiting = asyncio.create_task(consumer.wait(2))
    await asyncio.sleep(0)
    start = time.monotonic()
    (job_id,) = await enqueue(broker)
    await waiting
    assert time.monotonic() - start < 1
    assert (await claim_one(consumer)).id == job_id


async def test_a_job_in_the_inbox_of_a_dead_worker_is_not_lost(
    broker: Broker, consumer: Consumer
) -> None:
    """Delivered and not started, then the worker dies: another one gets it."""
    (job_id,) = await enqueue(broker)
    await consumer.wait(1)
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    assert await claim(other) == []
    await other.leave()
    assert await state_of(broker, job_id) is State.QUEUED


async def test_a_wait_that_was_sent_twice(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Two jobs are in the inbox of a worker with one slot: it starts one, the other is free."""
    (first,) = await enqueue(broker)
    await consumer.wait(1)
    (second,) = await enqueue(broker)
    await consumer.wait(1)
    assert client.llen(f"{prefix_of(namespace)}inbox:w1") == 2
    assert (await claim_one(consumer)).id == first
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    assert (await claim_one(other)).id == second


async def test_claiming_nothing_hands_the_inbox_back(broker: Broker, consumer: Consumer) -> None:
    """A worker that is full or stopping when a job reaches it gives it back at once."""
    (job_id,) = await enqueue(broker)
    await consumer.wait(1)
    assert await claim(consumer, 0) == []
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    assert (await claim_one(other)).id == job_id


async def test_leaving_hands_the_inbox_back(broker: Broker, consumer: Consumer) -> None:
    """A worker that signs off keeps nothing."""
    (job_id,) = await enqueue(broker)
    await consumer.wait(1)
    await consumer.leave()
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    assert (await claim_one(other)).id == job_id


async def test_a_claim_whose_answer_was_lost_is_answered_again(
    broker: Broker, consumer: Consumer
) -> None:
    """The same nonce gets the same jobs, three times over, and no job starts twice."""
    await enqueue(broker, 3)
    nonce = "n" * 32
    answers = []
    for _ in range(3):
        consumer._strands[0].nonce = nonce
        answers.append([(job.id, job.token) for job in await claim(consumer, 2)])
    assert answers[0] == answers[1] == answers[2]
    assert await counts(broker) == {State.QUEUED: 1, State.ACTIVE: 2}


async def test_two_claims_under_way_are_answered_again_each(
    broker: Broker, consumer: Consumer
) -> None:
    """Under load a worker has two claims under way; both answers may be lost."""
    await enqueue(broker, 4)
    first = [(await consumer.claim(2, strand=strand)).jobs for strand in range(STRANDS)]
    for strand, jobs in enumerate(first):
        consumer._strands[strand].nonce = jobs[0].token
    owing = consumer.unanswered
    assert owing == 0
    for strand, jobs in enumerate(first):
        again = (await consumer.claim(2, strand=strand)).jobs
        assert [job.id for job in again] == [job.id for job in jobs]
    owing = consumer.unanswered
    assert owing is None
    assert await counts(broker) == {State.ACTIVE: 4}


async def test_every_claim_has_a_token_of_its_own(broker: Broker, consumer: Consumer) -> None:
    """A job that runs again is fenced from its earlier run."""
    await enqueue(broker)
    first = await claim_one(consumer)
    await settle(consumer, [first], Outcome.RETURNED)
    second = await claim_one(consumer)
    assert second.id == first.id
    assert second.token != first.token
    assert await settle(consumer, [first], Outcome.COMPLETED, result=b"1") == [Settled.STALE]


async def test_a_due_job_starts_to_the_millisecond(broker: Broker, consumer: Consumer) -> None:
    """The worker that holds the alarm is told exactly when to ask again."""
    (job_id,) = await enqueue(broker, delay_ms=150)
    answer = await consumer.claim(1)
    assert answer.jobs == []
    assert answer.due_in is not None
    assert 0 < answer.due_in <= 0.15
    await asyncio.sleep(answer.due_in)
    assert (await claim_one(consumer)).id == job_id


async def test_one_worker_holds_the_alarm(broker: Broker, consumer: Consumer) -> None:
    """A hundred idle workers do not all wake for the same delayed job."""
    await enqueue(broker, delay_ms=60_000)
    others = [await broker.consumer(QUEUE, worker_id=f"o{n}", lease=15) for n in range(3)]
    held = [(await worker.claim(1)).due_in for worker in (consumer, *others)]
    assert [due is not None for due in held] == [True, False, False, False]


async def test_an_earlier_delayed_job_wakes_a_sleeping_worker(
    broker: Broker, consumer: Consumer
) -> None:
    """A short delay is not late because everybody sleeps until a longer one."""
    await enqueue(broker, delay_ms=60_000)
    await consumer.claim(1)
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    waiting = asyncio.create_task(other.wait(2))
    await asyncio.sleep(0)
    start = time.monotonic()
    await enqueue(broker, delay_ms=100)
    await waiting
    assert time.monotonic() - start < 1
    assert 0 < ((await other.claim(1)).due_in or 0) <= 0.1


async def test_a_full_worker_passes_the_alarm_on(broker: Broker, consumer: Consumer) -> None:
    """Who has no free slot does not keep others from watching the next due job."""
    await enqueue(broker, delay_ms=60_000)
    assert (await consumer.claim(1)).due_in is not None
    await enqueue(broker)
    assert (await consumer.claim(1)).due_in is None
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    assert (await other.claim(1)).due_in is not None


@pytest.mark.parametrize("cancelled", [10, 2000])
async def test_cancelled_entries_do_not_hide_a_live_job(
    broker: Broker, consumer: Consumer, cancelled: int
) -> None:
    """However many cancelled jobs are ahead, a bounded number of claims reaches the live one."""
    for job_id in await enqueue(broker, cancelled):
        await broker.cancel(job_id)
    (live,) = await enqueue(broker)
    claims = 1
    while not (answer := await consumer.claim(1)).jobs:
        assert answer.more
        claims += 1
    assert [job.id for job in answer.jobs] == [live]
    assert claims <= 1 + cancelled // 400


async def test_many_due_jobs_are_promoted_in_bounded_steps(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A thousand jobs due at one moment reach the workers claim by claim."""
    await enqueue(broker, 1000, delay_ms=1)
    await asyncio.sleep(0.002)
    answer = await consumer.claim(10)
    assert len(answer.jobs) == 10
    assert client.zcard(f"{prefix_of(namespace)}scheduled") == 950


async def test_a_critical_job_passes_a_mass_of_due_ones(broker: Broker, consumer: Consumer) -> None:
    """Due jobs go through their lanes, so a later critical job still starts first."""
    await enqueue(broker, 400, delay_ms=1, priority=Priority.LOW)
    await asyncio.sleep(0.002)
    await claim(consumer, 1)
    urgent = new_job(priority=Priority.CRITICAL)
    await broker.enqueue(urgent)
    assert urgent.id in [job.id for job in await claim(consumer, 2)]


async def test_scripts_survive_a_flush(
    broker: Broker, consumer: Consumer, client: RedisClient
) -> None:
    """A server that forgot its scripts (restart, failover) is given them again."""
    await enqueue(broker)
    client.script_flush()
    job = await claim_one(consumer)
    client.script_flush()
    assert await settle(consumer, [job], Outcome.COMPLETED, result=b"1") == [Settled.OK]
