"""Ending deliveries: every outcome, fencing, idempotence, events, retention by count."""

import asyncio

import msgspec
import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer, Lease
from jobqueue.model import Failure, Job, Outcome, Progress, Settled, Verdict
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.support.redis import RedisClient

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    counts,
    enqueue,
    fingerprint,
    new_job,
    prefix_of,
    settle,
    state_of,
)


async def read(broker: Broker, job_id: str) -> Job:
    """A job that must exist."""
    job = await broker.get(job_id)
    assert job is not None
    return job


@pytest.mark.parametrize(
    "result", [b"null", b'{"n":1234567890123456789}', b"[]", b'"' + b"x" * 9999 + b'"']
)
async def test_results_are_kept_as_they_are(
    broker: Broker, consumer: Consumer, result: bytes
) -> None:
    """A short or a long result is read back byte by byte."""
    (job_id,) = await enqueue(broker)
    assert await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=result) == ["ok"]
    job = await read(broker, job_id)
    assert (job.state, job.result, job.attempt) == (State.COMPLETED, result, 1)
    assert job.finished_at_ms is not None


async def test_a_failed_attempt_is_scheduled_with_its_error(
    broker: Broker, consumer: Consumer
) -> None:
    """A retry waits for its delay, and says why it is needed."""
    (job_id,) = await enqueue(broker)
    failure = Failure("ValueError", 'it "broke"; früh', attempt=1, traceback="line 1")
    await settle(consumer, await claim(consumer), Outcome.RETRY, delay_ms=60_000, failure=failure)
    job = await read(broker, job_id)
    assert (job.state, job.failure, job.attempt) == (State.SCHEDULED, failure, 1)
    assert job.deliveries == 0


async def test_attempts_count_up(broker: Broker, consumer: Consumer) -> None:
    """Each run after a failure knows its number."""
    await enqueue(broker)
    for attempt in (1, 2, 3):
        job = await claim_one(consumer)
        assert job.attempt == attempt
        await settle(consumer, [job], Outcome.RETRY, delay_ms=0)


async def test_a_dead_job_keeps_reason_and_error(broker: Broker, consumer: Consumer) -> None:
    """A dead letter says why it is one."""
    (job_id,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="template_error")
    job = await read(broker, job_id)
    assert (job.state, job.reason) == (State.DEAD, "template_error")
    assert job.failure is not None


async def test_a_snoozed_job_spends_no_attempt(broker: Broker, consumer: Consumer) -> None:
    """A handler that asks to be called later is called with the same attempt."""
    await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.SNOOZE, delay_ms=0)
    assert (await claim_one(consumer)).attempt == 1


async def test_a_returned_job_is_next_and_unspent(broker: Broker, consumer: Consumer) -> None:
    """A worker that shuts down gives its job back to the head of the queue."""
    first, second = await enqueue(broker, 2)
    await settle(consumer, await claim(consumer), Outcome.RETURNED)
    jobs = await claim(consumer, 2)
    assert {job.id for job in jobs} == {first, second}
    assert [(job.attempt, job.deliveries) for job in jobs] == [(1, 1), (1, 1)]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_a_verdict_that_is_sent_again_changes_nothing(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str, outcome: Outcome
) -> None:
    """A worker may send a verdict until it is answered."""
    await enqueue(broker)
    jobs = await claim(consumer)
    arguments = {"delay_ms": 50_000, "result": b"1"}
    assert await settle(consumer, jobs, outcome, **arguments) == [Settled.OK]
    before = fingerprint(client, namespace)
    assert await settle(consumer, jobs, outcome, **arguments) == [Settled.DONE]
    assert fingerprint(client, namespace) == before


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_a_stale_token_changes_nothing(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str, outcome: Outcome
) -> None:
    """A late worker cannot touch a job that another one runs by now."""
    await enqueue(broker)
    late = await claim(consumer)
    await settle(consumer, late, Outcome.RETURNED)
    current = await claim(consumer)
    before = fingerprint(client, namespace)
    assert await settle(consumer, late, outcome, result=b"0") == [Settled.STALE]
    assert await consumer.report({Lease(late[0].id, late[0].token): Progress(50)}) == [late[0].id]
    renewer = broker.lease_renewer(lease=15)
    assert (await asyncio.to_thread(renewer.renew, [Lease(late[0].id, late[0].token)])).lost == [
        late[0].id
    ]
    await asyncio.to_thread(renewer.close)
    assert fingerprint(client, namespace) == before
    assert await settle(consumer, current, Outcome.COMPLETED, result=b"1") == [Settled.OK]


async def test_one_batch_may_mix_everything(broker: Broker, consumer: Consumer) -> None:
    """Verdicts of one call are independent of each other."""
    await enqueue(broker, 4)
    one, two, three, four = await claim(consumer, 4)
    verdicts = [
        Verdict(one.id, one.token, Outcome.COMPLETED, result=b"1"),
        Verdict(two.id, "0" * 32, Outcome.COMPLETED, result=b"2"),
        Verdict(three.id, three.token, Outcome.DEAD, failure=Failure("X", "y"), reason="X"),
        Verdict(one.id, one.token, Outcome.COMPLETED, result=b"1"),
        Verdict(four.id, four.token, Outcome.RETRY, delay_ms=9_000, failure=Failure("X", "y")),
    ]
    assert await consumer.settle(verdicts) == ["ok", "stale", "ok", "done", "ok"]
    assert await counts(broker) == {
        State.COMPLETED: 1,
        State.ACTIVE: 1,
        State.DEAD: 1,
        State.SCHEDULED: 1,
    }


async def test_settle_and_claim_share_a_round_trip(broker: Broker, consumer: Consumer) -> None:
    """A busy worker ends one batch and starts the next in one call."""
    await enqueue(broker, 2)
    job = await claim_one(consumer)
    settled, answer = await consumer.settle_and_claim(
        [Verdict(job.id, job.token, Outcome.COMPLETED, result=b"1")], 1
    )
    assert settled == [Settled.OK]
    assert len(answer.jobs) == 1


async def test_progress_is_kept_and_shown(broker: Broker, consumer: Consumer) -> None:
    """The newest progress of a running job is read with it."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    assert await consumer.report({Lease(job.id, job.token): Progress(40, "printing")}) == []
    progress = (await read(broker, job_id)).progress
    assert progress is not None
    assert (progress.percent, progress.message) == (40, "printing")
    assert progress.updated_at_ms > 0


async def test_finished_jobs_are_kept_by_count(
    redis_url: str, namespace: str, client: RedisClient
) -> None:
    """Retention by count holds while jobs finish, not only when the reaper comes by."""
    retention = RetentionSettings(completed_count=10)
    broker = Broker(await Connections.open(redis_url), namespace=namespace, retention=retention)
    consumer = await broker.consumer(QUEUE, worker_id="w1", lease=15)
    await enqueue(broker, 60)
    for _ in range(3):
        await settle(consumer, await claim(consumer, 20), Outcome.COMPLETED, result=b"1" * 100)
    assert await counts(broker) == {State.COMPLETED: 10}
    per_job = list(client.scan_iter(f"{prefix_of(namespace)}0*"))
    assert len(per_job) == 10 * 3
    await broker.close()


async def test_every_transition_is_published(broker: Broker, consumer: Consumer) -> None:
    """One who listens to a job hears each step of its life, in order."""
    job = new_job()
    async with broker.events(job.id) as events, broker.events() as all_events:
        await broker.enqueue(job)
        first = await claim_one(consumer)
        await settle(consumer, [first], Outcome.RETRY, delay_ms=0)
        second = await claim_one(consumer)
        await settle(consumer, [second], Outcome.COMPLETED, result=b"1")
        heard = [await asyncio.wait_for(anext(events), 5) for _ in range(6)]
        heard_by_all = await asyncio.wait_for(anext(all_events), 5)
    assert [event.status for event in heard] == [
        State.QUEUED,
        State.ACTIVE,
        State.SCHEDULED,
        State.QUEUED,
        State.ACTIVE,
        State.COMPLETED,
    ]
    assert heard[2].error == "it broke"
    assert heard[1].worker_id == "w1"
    assert heard_by_all.job_id == job.id


async def test_events_have_the_documented_form(
    broker: Broker, consumer: Consumer, client: RedisClient
) -> None:
    """Anybody may subscribe to `job_status` and finds the fields that are promised."""
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("job_status")
    listener.get_message(timeout=1)
    (job_id,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    texts: list[str] = []
    while len(texts) < 3:
        message = listener.get_message(timeout=5)
        assert message is not None
        texts.append(message["data"])
    listener.close()
    event = msgspec.json.decode(texts[2])
    assert event.pop("timestamp") > 1_700_000_000_000
    assert event == {"jobId": job_id, "status": "dead", "workerId": "w1", "error": "it broke"}


async def test_an_unknown_job_is_none(broker: Broker) -> None:
    """Ids that are unknown or malformed are simply not there."""
    assert await broker.get(new_job().id) is None
    assert await broker.get("../etc/passwd") is None
    assert await state_of(broker, "q-1") is None
