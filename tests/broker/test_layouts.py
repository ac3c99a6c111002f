"""Queues that other versions of the program have written."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from jobqueue.broker import scripts
from jobqueue.broker.broker import Broker, Consumer, Lease
from jobqueue.broker.codec import enqueue_arguments
from jobqueue.errors import SchemaMismatch
from jobqueue.limits import GroupLimits, QueueLimits
from jobqueue.model import ClaimedJob, Failure, Outcome, Progress, Settled, Verdict, WorkerInfo
from jobqueue.state import State
from jobqueue.submission import JobOptions
from tests.support.redis import RedisClient

from .helpers import QUEUE, claim_one, counts, enqueue, fingerprint, new_job, prefix_of, state_of
from .recorded_layout import Recording

LEASE = 15.0


@pytest.fixture
def recorded(client: RedisClient, namespace: str) -> Recording:
    """A queue of layout 1 in Redis."""
    recording = Recording.load()
    recording.play(client, prefix_of(namespace))
    client.sadd(f"{namespace}:queues", QUEUE)
    return recording


def layout(client: RedisClient, namespace: str) -> str | None:
    """The layout that the queue says it has."""
    found: str | None = client.hget(f"{prefix_of(namespace)}meta", "version")
    return found


async def run_all(consumer: Consumer) -> list[ClaimedJob]:
    """Claim and complete until nothing is left to start."""
    ran: list[ClaimedJob] = []
    claim = await consumer.claim(3)
    while claim.jobs or claim.more:
        verdicts = [
            Verdict(job.id, job.token, Outcome.COMPLETED, result=b"1") for job in claim.jobs
        ]
        assert set(await consumer.settle(verdicts)) <= {Settled.OK}
        ran += claim.jobs
        claim = await consumer.claim(3)
    return ran


async def test_jobs_of_layout_1_are_as_they_were(broker: Broker, recorded: Recording) -> None:
    """What older programs stored is read as they meant it."""
    found = {name: await broker.get(job_id) for name, job_id in recorded.jobs.items()}
    jobs = {name: job for name, job in found.items() if job}
    states = {name: job.state for name, job in jobs.items()}
    assert states == {
        "completed": State.COMPLETED,
        "completed-long": State.COMPLETED,
        "dead": State.DEAD,
        "retried": State.SCHEDULED,
        "cancelled": State.CANCELLED,
        "running": State.ACTIVE,
        "cancelling": State.ACTIVE,
        "crashed": State.ACTIVE,
        "delivered": State.QUEUED,
        "high": State.QUEUED,
        "normal": State.QUEUED,
        "scheduled": State.SCHEDULED,
        "batch0": State.QUEUED,
        "batch1": State.QUEUED,
    }
    assert jobs["completed"].result == b'"short"'
    assert jobs["completed-long"].result == b'"%b"' % (b"long" * 40)
    assert jobs["dead"].reason == "exhausted"
    assert jobs["dead"].failure == Failure("Boom", "it broke", attempt=1)


async def test_jobs_of_layout_1_run_once_each(
    broker: Broker, recorded: Recording, client: RedisClient, namespace: str
) -> None:
    """A worker of this version takes an older queue up where it stands, its batches too."""
    consumer = await broker.consumer(QUEUE, worker_id="new", lease=LEASE)
    ran = await run_all(consumer)
    assert ran[0].id == recorded.jobs["high"]
    ids = [job.id for job in ran]
    waiting = recorded.names("batch") - {recorded.jobs["batch3"]}
    assert sorted(ids) == sorted({recorded.jobs["high"], recorded.jobs["normal"], *waiting})
    assert await state_of(broker, recorded.jobs["batch3"]) is State.SCHEDULED
    assert layout(client, namespace) == "1"


async def test_runs_that_layout_1_began_are_ended(
    broker: Broker, recorded: Recording, client: RedisClient, namespace: str
) -> None:
    """A job that an older worker runs is settled, cancelled or taken back as any other."""
    jobs = recorded.jobs
    older = await broker.consumer(QUEUE, worker_id="w1", lease=LEASE)
    verdicts = [
        Verdict(jobs["running"], jobs["running.token"], Outcome.COMPLETED, result=b"1"),
        Verdict(jobs["cancelling"], jobs["cancelling.token"], Outcome.CANCELLED),
    ]
    assert await older.settle(verdicts) == [Settled.OK, Settled.OK]
    client.zadd(f"{prefix_of(namespace)}leases", {jobs["crashed"][-26:]: 1})
    client.hset(f"{prefix_of(namespace)}meta", "reaped_at", client.time()[0] * 1000)
    assert (await broker.reap(QUEUE, lease=LEASE)).recovered == 1
    ended = [await state_of(broker, jobs[name]) for name in ("running", "cancelling", "crashed")]
    assert ended == [State.COMPLETED, State.CANCELLED, State.QUEUED]


async def test_a_cancel_that_layout_1_noted_has_a_reason(
    broker: Broker, recorded: Recording
) -> None:
    """A running job that an older process cancelled ends with the reason that it would have had."""
    jobs = recorded.jobs
    older = await broker.consumer(QUEUE, worker_id="w1", lease=LEASE)
    verdict = Verdict(jobs["cancelling"], jobs["cancelling.token"], Outcome.SNOOZE)
    assert await older.settle([verdict]) == [Settled.CANCELLED]
    job = await broker.get(jobs["cancelling"])
    assert job is not None
    assert (job.state, job.reason) == (State.CANCELLED, "cancelled")


@pytest.mark.usefixtures("recorded")
async def test_plain_jobs_leave_a_queue_to_older_programs(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """While versions are exchanged, older ones go on: nothing is written that they misread."""
    consumer = await broker.consumer(QUEUE, worker_id="new", lease=LEASE)
    await enqueue(broker, 3)
    await run_all(consumer)
    assert layout(client, namespace) == "1"
    bulk = await enqueue(broker, 1100)
    assert {job.id for job in await run_all(consumer)} == set(bulk)
    assert layout(client, namespace) == "1"


@pytest.mark.usefixtures("recorded")
async def test_older_programs_do_not_meet_new_bulks(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """A large bulk waits where only programs that understand it move it on."""
    prefix, job = prefix_of(namespace), new_job()
    consumer = await broker.consumer(QUEUE, worker_id="new", lease=LEASE)
    meta = f"{prefix}meta"
    await broker._channel.call(scripts.stage(meta, "NEW", 0, 60_000, enqueue_arguments(job)))
    assert await broker._channel.call(scripts.accept_batch(meta, "NEW", 1, 1, ())) == 1
    assert client.lrange(f"{prefix}intake", 0, -1) == ["BATCH"]
    await run_all(consumer)
    assert await state_of(broker, job.id) is State.COMPLETED
    assert client.hmget(meta, "intake", "batches") == [None, None]


async def test_a_message_waits_for_a_queue_of_an_unknown_layout(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """What one queue sends to another arrives once that is understood again."""
    (job_id,) = await enqueue(broker)
    other = f"{prefix_of(namespace, 'other')}meta"
    client.hset(other, "version", "999")
    assert await broker.operator.move(job_id, "other") == "moved"
    moved = f"other-{job_id[-26:]}"
    await broker.reap(QUEUE, lease=LEASE)
    assert await state_of(broker, moved) is None
    client.hset(other, "version", "2")
    await broker.reap(QUEUE, lease=LEASE)
    assert await state_of(broker, moved) is State.QUEUED


Act = Callable[[Broker], Awaitable[object]]


ACTS: dict[str, Act] = {
    "tenant": lambda broker: broker.enqueue(new_job(group="t")),
    "key": lambda broker: broker.enqueue(new_job(options=JobOptions(key="k"), digest="d")),
    "bulk": lambda broker: broker.enqueue_many([new_job(group="t") for _ in range(600)]),
    "pause": lambda broker: broker.operator.pause(QUEUE),
    "limit": lambda broker: broker.operator.set_limits(QUEUE, QueueLimits(concurrency=1)),
    "group": lambda broker: broker.operator.set_group_limits(QUEUE, "t", GroupLimits(weight=2)),
    "archive": lambda broker: broker.archive.set_limit(QUEUE, 10),
}
"""What older programs would not heed."""


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.usefixtures("recorded")
async def test_what_older_programs_would_misread_shuts_them_out(
    broker: Broker, client: RedisClient, namespace: str, act: Act
) -> None:
    """Once a queue has what only this version heeds, older processes refuse it at their start."""
    await act(broker)
    assert layout(client, namespace) == "2"


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.usefixtures("recorded")
async def test_nothing_is_given_to_older_workers_that_they_would_misread(
    broker: Broker, client: RedisClient, namespace: str, act: Act
) -> None:
    """While one of them may claim, what only this version heeds is refused; plain jobs are not."""
    prefix = prefix_of(namespace)
    client.set(f"{prefix}worker:w1", f'{client.time()[0]}000 {{"id":"w1","host":"old"}}', px=60_000)
    newer = await broker.consumer(QUEUE, worker_id="new", lease=LEASE)
    await newer.beat(WorkerInfo("new", "host", 1, ("worker",), "1", (), 0, 0, 0))
    with pytest.raises(SchemaMismatch, match="worker w1 of queue q is of an older version"):
        await act(broker)
    await broker.enqueue(new_job())
    await enqueue(broker, 600)
    assert layout(client, namespace) == "1"
    client.delete(f"{prefix}worker:w1")  # as it does when it signs off
    await act(broker)
    assert layout(client, namespace) == "2"


def _change_everything(
    broker: Broker, job_id: str, consumer: Consumer
) -> Sequence[Awaitable[object]]:
    return (
        broker.enqueue(new_job()),
        broker.enqueue_many([new_job() for _ in range(1100)]),
        broker.consumer(QUEUE, worker_id="w2", lease=LEASE),
        consumer.claim(1),
        consumer.claim(0),
        broker.cancel(job_id),
        broker.retry(job_id),
        broker.operator.promote(job_id),
        broker.operator.move(job_id, "other"),
        broker.operator.pause(QUEUE),
        broker.operator.set_limits(QUEUE, QueueLimits()),
        anext(broker.operator.clear(QUEUE, State.QUEUED)),
        broker.fire_due(QUEUE),
        broker.reap(QUEUE, lease=LEASE),
    )


async def test_an_unknown_layout_is_left_alone(
    broker: Broker, client: RedisClient, namespace: str, consumer: Consumer
) -> None:
    """A process refuses a queue that a newer version has written, and changes nothing in it."""
    (job_id,) = await enqueue(broker)
    client.hset(f"{prefix_of(namespace)}meta", "version", "999")
    before = fingerprint(client, f"{prefix_of(namespace)}")
    for change in _change_everything(broker, job_id, consumer):
        with pytest.raises(SchemaMismatch, match="layout 999, this program writes 2"):
            await change
    assert fingerprint(client, f"{prefix_of(namespace)}") == before


async def test_what_runs_ends_under_an_unknown_layout(
    broker: Broker, client: RedisClient, namespace: str, consumer: Consumer
) -> None:
    """A worker under which the layout changes can keep and settle what it has, and sign off."""
    await enqueue(broker)
    job = await claim_one(consumer)
    client.hset(f"{prefix_of(namespace)}meta", "version", "999")
    assert await consumer.report({Lease(job.id, job.token): Progress(50.0)}) == []
    await consumer.beat(WorkerInfo("w1", "host", 1, ("worker",), "1", (), 0, 0, 0))
    done = Verdict(job.id, job.token, Outcome.COMPLETED, result=b"1")
    assert await consumer.settle([done]) == [Settled.OK]
    await consumer.leave()
    assert await counts(broker) == {State.COMPLETED: 1}
