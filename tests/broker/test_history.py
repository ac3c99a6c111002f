"""What a job keeps of its parents and of its earlier deliveries."""

from jobqueue.broker.broker import Broker, Consumer, Input
from jobqueue.model import Outcome
from jobqueue.submission import JobOptions, Parent
from tests.support.redis import RedisClient

from .helpers import claim, claim_one, enqueue, new_job, prefix_of, settle


async def test_a_child_reads_what_its_parents_made(broker: Broker, consumer: Consumer) -> None:
    """Each parent's final state and whole result are there by its full id, byte for byte."""
    short, long, failed = await enqueue(broker, 3)
    large = b'"%s\xff"' % (b"x" * 1000)
    await settle(consumer, [await claim_one(consumer)], Outcome.COMPLETED, result=b"[] 1")
    await settle(consumer, [await claim_one(consumer)], Outcome.COMPLETED, result=large)
    child = new_job(
        options=JobOptions(depends_on=(Parent(short), Parent(long), Parent(failed, "ignore")))
    )
    await broker.enqueue(child)
    assert await broker.inputs(child.id) == {
        short: Input("completed", b"[] 1"),
        long: Input("completed", large),
    }
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    assert (await broker.inputs(child.id))[failed] == ("dead", b"")
    assert (await claim_one(consumer)).id == child.id


async def test_a_job_without_parents_has_no_inputs(broker: Broker) -> None:
    """Nothing is there for a plain job, for an unknown one, and for what is no id."""
    (plain,) = await enqueue(broker)
    for job_id in (plain, new_job().id, "nonsense"):
        assert await broker.inputs(job_id) == {}
        assert await broker.timeline(job_id) == []


async def test_a_timeline_tells_each_delivery(broker: Broker, consumer: Consumer) -> None:
    """Who had the job, from when to when, and how it ended: oldest first, errors included."""
    (job_id,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.RETRY)
    await settle(consumer, await claim(consumer), Outcome.SNOOZE)
    await settle(consumer, await claim(consumer), Outcome.RETURNED)
    await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=b"1")
    entries = await broker.timeline(job_id)
    assert [(each.outcome, each.error, each.worker_id) for each in entries] == [
        ("retry", "it broke", "w1"),
        ("snooze", None, "w1"),
        ("returned", None, "w1"),
    ]
    times = [time for each in entries for time in (each.started_at_ms or 0, each.ended_at_ms)]
    assert times == sorted(times)
    assert times[0] > 0


async def test_a_timeline_is_bounded(broker: Broker, consumer: Consumer) -> None:
    """A job that never ends keeps its newest 50 deliveries."""
    (job_id,) = await enqueue(broker)
    for number in range(60):
        outcome = Outcome.RETRY if number < 10 else Outcome.SNOOZE
        await settle(consumer, await claim(consumer), outcome)
    entries = await broker.timeline(job_id)
    assert [entry.outcome for entry in entries] == ["snooze"] * 50


async def test_a_replay_keeps_how_the_earlier_life_ended(
    broker: Broker, consumer: Consumer
) -> None:
    """A dead letter that runs again still tells what killed it, and who, and when."""
    (job_id,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    before = await broker.get(job_id)
    await broker.retry(job_id)
    (entry,) = await broker.timeline(job_id)
    assert before is not None
    assert (entry.outcome, entry.error, entry.worker_id) == ("dead", "it broke", "w1")
    assert entry.started_at_ms == before.started_at_ms
    assert entry.ended_at_ms == before.finished_at_ms
    await broker.cancel(job_id)
    await broker.retry(job_id)
    last = (await broker.timeline(job_id))[-1]
    assert (last.outcome, last.error, last.started_at_ms) == ("cancelled", None, None)


async def test_a_history_goes_with_its_job(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Nothing of a forgotten job stays behind."""
    (parent,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=b"1")
    child = new_job(options=JobOptions(depends_on=(Parent(parent),), retention=0))
    await broker.enqueue(child)
    await settle(consumer, await claim(consumer), Outcome.RETRY)
    await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=b"1")
    await broker.reap("q", lease=15)
    assert list(client.scan_iter(f"{prefix_of(namespace)}{child.id[-26:]}*")) == []
