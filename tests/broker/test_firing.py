"""Firing schedules: one job a slot, missed slots, limit and end, outages."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.broker.firing import Fired
from jobqueue.schedule import CATCH_UP, Missed, Overlap, ScheduleState, Step, job_at
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import Priority
from jobqueue.timing import Timing

from .helpers import QUEUE, claim_one, counts, fingerprint, prefix_of
from .schedule_rig import HOUR, NAME, Rig, info_of, make_due, schedule


@pytest.fixture
async def brokers(redis_url: str, namespace: str) -> AsyncIterator[list[Broker]]:
    """As many processes as may run a reaper."""
    several = [
        Broker(
            await Connections.open(redis_url), namespace=namespace, retention=RetentionSettings()
        )
        for _ in range(8)
    ]
    yield several
    for each in several:
        await each.close()


async def test_many_reapers_make_one_job_a_slot(rig: Rig, brokers: list[Broker]) -> None:
    """Reapers that pass at the same time make each job once."""
    await rig.put(missed=Missed.ALL)
    first = rig.outage(10)
    reports = await asyncio.gather(*(each.fire_due(QUEUE) for each in brokers for _ in range(3)))
    assert sum(len(report.fired) for report in reports) == 10
    assert await counts(rig.broker) == {State.QUEUED: 10}
    for number in range(10):
        job = await rig.broker.get(job_at(schedule(), first + number * HOUR).id)
        assert job is not None
        assert job.options.metadata["schedule"] == NAME
        assert job.created_at_ms == first + number * HOUR
    assert (await info_of(rig.broker)).fired == 10


async def test_a_slot_that_comes_again_makes_no_second_job(rig: Rig) -> None:
    """A clock that is put back, or a call that is sent again, finds the slot done."""
    await rig.put()
    job_id = await rig.fire_latest()
    before = fingerprint(rig.client, rig.namespace)
    assert (await rig.fire()).fired == []
    assert fingerprint(rig.client, rig.namespace) == before
    # even where all that the schedule knows of it were lost, the job's id is the slot's
    assert await rig.fire_latest() == job_id
    assert await counts(rig.broker) == {State.QUEUED: 1}
    assert (await info_of(rig.broker)).fired == 1


async def test_a_slot_that_comes_again_does_not_replace_its_own_job(rig: Rig) -> None:
    """The job of a slot is no earlier one: after a clock was put back it is not called off."""
    await rig.put(overlap=Overlap.REPLACE)
    job_id = await rig.fire_latest()
    assert await rig.fire_latest() == job_id
    assert await counts(rig.broker) == {State.QUEUED: 1}


async def test_a_slot_whose_job_was_moved_has_had_it(rig: Rig) -> None:
    """A job that an operator moved to another queue is not made again when its slot comes again."""
    await rig.put()
    job_id = await rig.fire_latest()
    await rig.broker.operator.move(job_id, "other")
    await rig.fire_latest()
    assert await counts(rig.broker) == {}


async def test_a_slot_in_the_future_is_not_due(rig: Rig) -> None:
    """After the clock went back nothing fires until it is where it was."""
    await rig.put()
    make_due(rig.client, rig.namespace, rig.now() + 5000)
    assert (await rig.fire()).fired == []
    assert await counts(rig.broker) == {}


@pytest.mark.parametrize(
    ("missed", "hours", "expected"), [("none", 5, 0), ("one", 5, 1), ("all", 5, 5)]
)
async def test_after_an_outage(rig: Rig, missed: str, hours: int, expected: int) -> None:
    """None, the latest, or each of the slots that passed fires; then it goes on as usual."""
    # slots of the past hours, none of them within the last minute
    timing = Timing(every=3600, start_ms=(rig.now() - 2 * 60_000) % HOUR)
    await rig.put(missed=Missed(missed), timing=timing)
    latest = timing.latest(0, rig.now())
    assert latest is not None
    make_due(rig.client, rig.namespace, latest - (hours - 1) * HOUR)
    report = await rig.fire()
    assert len(report.fired) == expected
    info = await info_of(rig.broker)
    assert (info.fired, info.next_slot_ms) == (expected, latest + HOUR)
    if expected:
        assert info.last_job_id == job_at(info.schedule, latest).id


async def test_a_long_backlog_is_worked_off_in_parts(rig: Rig) -> None:
    """With `all` a schedule that was away for long fires some at a time, and all in the end."""
    await rig.put(missed=Missed.ALL)
    rig.outage(CATCH_UP + 5)
    assert [len((await rig.fire()).fired) for _ in range(3)] == [CATCH_UP, 5, 0]


async def test_more_schedules_than_one_read(rig: Rig) -> None:
    """All that are due fire, however many they are."""
    slot = rig.latest_slot()
    await asyncio.gather(*(rig.put(name=f"s{number}") for number in range(130)))
    for number in range(130):
        make_due(rig.client, rig.namespace, slot, f"s{number}")
    reports = [await rig.fire() for _ in range(2)]
    assert [(len(report.fired), report.more) for report in reports] == [(100, True), (30, False)]
    assert len(await rig.broker.schedules.read_all()) == 130


async def test_a_limit_is_the_most_jobs_ever(rig: Rig) -> None:
    """After its last job a schedule is finished; a higher limit lets it go on."""
    await rig.put(missed=Missed.ALL, limit=3)
    rig.outage(5)
    assert len((await rig.fire()).fired) == 3
    info = await info_of(rig.broker)
    assert (info.state, info.fired, info.next_slot_ms) == (ScheduleState.FINISHED, 3, None)
    assert (await rig.fire()).fired == []
    assert (await rig.put(missed=Missed.ALL, limit=3)).state is ScheduleState.FINISHED
    assert (await rig.put(missed=Missed.ALL, limit=2)).state is ScheduleState.FINISHED
    info = await rig.put(missed=Missed.ALL, limit=4)
    assert (info.state, info.next_slot_ms) == (ScheduleState.ACTIVE, rig.latest_slot() + HOUR)


async def test_after_its_end_a_schedule_is_finished(rig: Rig) -> None:
    """The slot at the end is the last."""
    await rig.put(missed=Missed.ALL)
    slot = rig.outage(3)
    info = await rig.put(missed=Missed.ALL, timing=Timing(every=3600, end_ms=slot + HOUR))
    assert info.next_slot_ms == slot
    assert len((await rig.fire()).fired) == 2
    assert (await info_of(rig.broker)).state is ScheduleState.FINISHED


async def test_jitter_delays_the_job(rig: Rig) -> None:
    """The job of a slot is there at the slot, and starts up to the jitter later."""
    slot = rig.latest_slot()
    start, spread = max(
        (job_at(each, slot).run_at_ms, each)
        for each in (schedule(name=f"s{number}", jitter=86_400.0) for number in range(20))
    )
    await rig.broker.schedules.put(spread)
    make_due(rig.client, rig.namespace, slot, spread.name)
    await rig.fire()
    job = await rig.broker.get(job_at(spread, slot).id)
    assert job is not None
    assert (job.state, job.run_at_ms) == (State.SCHEDULED, start)


async def test_a_clock_that_goes_back_after_the_read_fires_nothing(rig: Rig) -> None:
    """The slot is checked at the moment it fires, with the time of that moment."""
    await rig.put()
    slot = rig.latest_slot() + HOUR
    make_due(rig.client, rig.namespace, slot)
    _, record = await rig.broker.schedules._store.read(QUEUE, NAME)
    assert record is not None
    step = Step(slot, fires=True, next_ms=slot + HOUR)
    taken = await rig.broker._firing._take(QUEUE, record.digest, record.schedule(), step)
    assert taken is Fired.CHANGED
    assert await counts(rig.broker) == {}


async def test_what_was_replaced_after_the_read_does_not_fire(rig: Rig) -> None:
    """A job is made of the definition that counts at its moment, never of an older one."""
    await rig.put(payload=b"1")
    slot = rig.outage(1)
    _, old = await rig.broker.schedules._store.read(QUEUE, NAME)
    assert old is not None
    await rig.put(payload=b"2")
    step = Step(slot, fires=True, next_ms=slot + HOUR)
    taken = await rig.broker._firing._take(QUEUE, old.digest, old.schedule(), step)
    assert taken is Fired.CHANGED
    await rig.fire()
    job = await rig.broker.get(job_at(schedule(), slot).id)
    assert job is not None
    assert job.payload == b"2"


async def test_an_idle_worker_gets_the_job_at_once(rig: Rig, consumer: Consumer) -> None:
    """A job of a schedule wakes a waiting worker as one that was submitted does."""
    await rig.put(payload=b'{"n":1}', priority=Priority.HIGH)
    waiting = asyncio.create_task(consumer.wait(10))
    job_id = await rig.fire_latest()
    async with asyncio.timeout(5):
        await waiting
    job = await claim_one(consumer)
    assert (job.id, job.payload) == (job_id, b'{"n":1}')


async def test_a_definition_that_cannot_be_read_holds_up_no_other(rig: Rig) -> None:
    """One broken schedule is left alone, the others of its queue fire."""
    await rig.put()
    await rig.put(name="broken")
    rig.client.hset(f"{prefix_of(rig.namespace)}schedules", "broken", "?\n1")
    for name in ("broken", NAME):
        make_due(rig.client, rig.namespace, rig.latest_slot(), name)
    assert (await rig.fire()).fired == ["noop"]
    await rig.broker.schedules.delete("broken")


async def test_a_full_redis_makes_the_job_later(rig: Rig) -> None:
    """While Redis takes no new jobs the slot stays due, and the pass goes on."""
    await rig.put(missed=Missed.ALL)
    rig.outage(2)
    before = fingerprint(rig.client, rig.namespace)
    rig.client.config_set("maxmemory", 1)
    try:
        assert (await rig.fire()).fired == []
        assert await rig.broker.schedules.pause("nothing") is None
    finally:
        rig.client.config_set("maxmemory", 0)
    assert fingerprint(rig.client, rig.namespace) == before
    assert len((await rig.fire()).fired) == 2
