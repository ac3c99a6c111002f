"""Schedules in their queue: put, read, pause, delete, move, and firing at their slots."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer, FireReport
from jobqueue.errors import RedisRefused
from jobqueue.model import JobOptions, Outcome, Priority, State
from jobqueue.schedule import (
    CATCH_UP,
    Missed,
    Overlap,
    Schedule,
    ScheduleInfo,
    ScheduleState,
    job_at,
)
from jobqueue.settings import RetentionSettings
from jobqueue.timing import Timing
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import QUEUE, claim_one, counts, fingerprint, prefix_of, settle, state_of

HOUR = 3_600_000
NAME = "nightly"


def schedule(**fields: Any) -> Schedule:
    """An hourly schedule, but for `fields`."""
    values = {"name": NAME, "queue": QUEUE, "type": "noop", "timing": Timing(every=3600)}
    return Schedule(**{**values, **fields})


async def info_of(broker: Broker) -> ScheduleInfo:
    """The schedule as it is now."""
    info = await broker.schedules.get(NAME)
    assert info is not None
    return info


def make_due(client: RedisClient, namespace: str, slot_ms: int, name: str = NAME) -> None:
    """Set a schedule's next slot, as if it had been put before that."""
    assert client.zadd(f"{prefix_of(namespace)}schedule_due", {name: slot_ms}, xx=True, ch=True)


class Rig:
    """One schedule whose slots the test lets come."""

    def __init__(self, broker: Broker, client: RedisClient, namespace: str) -> None:
        self.broker = broker
        self.client = client
        self.namespace = namespace

    async def put(self, **fields: Any) -> ScheduleInfo:
        """Put the schedule."""
        return await self.broker.schedules.put(schedule(**fields))

    def now(self) -> int:
        """Redis' time in milliseconds."""
        seconds, micros = self.client.time()
        return int(seconds * 1000 + micros // 1000)

    def latest_slot(self) -> int:
        """The latest slot of an hourly schedule."""
        return self.now() // HOUR * HOUR

    def outage(self, hours: int) -> int:
        """Let the last `hours` slots be undone; gives the first of them."""
        first = self.latest_slot() - (hours - 1) * HOUR
        make_due(self.client, self.namespace, first)
        return first

    async def fire(self) -> FireReport:
        """One pass of a reaper."""
        return await self.broker.fire_due(QUEUE)

    async def fire_latest(self) -> str:
        """Fire the latest slot; gives the id that its job has if it was made."""
        slot = self.outage(1)
        await self.fire()
        info = await info_of(self.broker)
        assert info.last_slot_ms == slot
        return job_at(info.schedule, slot).id

    async def fire_earlier(self) -> str:
        """Fire the slot before the latest, as a pass at its time did."""
        slot = self.latest_slot() - HOUR
        make_due(self.client, self.namespace, slot)
        info = await info_of(self.broker)
        await self.fire_one(info.schedule, slot)
        return job_at(info.schedule, slot).id

    async def fire_one(self, fired: Schedule, slot: int) -> None:
        """Make the job of one slot, whatever else is due."""
        policy = msgspec.structs.replace(fired, missed=Missed.ALL)
        await self.broker.schedules.put(policy)
        make_due(self.client, self.namespace, slot)
        end = msgspec.structs.replace(policy.timing, end_ms=slot)
        await self.broker.schedules.put(msgspec.structs.replace(policy, timing=end))
        await self.fire()
        await self.broker.schedules.put(fired)


@pytest.fixture
def rig(broker: Broker, client: RedisClient, namespace: str) -> Rig:
    """A schedule on the tests' Redis."""
    return Rig(broker, client, namespace)


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


async def test_what_is_put_is_read(rig: Rig) -> None:
    """A schedule comes back as it was put, with its next slot."""
    wanted = schedule(
        timing=Timing(cron="30 2 * * 1-5", timezone="Europe/Berlin", end_ms=4_000_000_000_000),
        payload=b'{"a":\n[12345678901234567890]}',
        priority=Priority.HIGH,
        options=JobOptions(timeout=5, tags=("a",), metadata={"b": 1}),
        limit=7,
        jitter=1.5,
        overlap=Overlap.SKIP,
        missed=Missed.ALL,
    )
    before = rig.now()
    info = await rig.broker.schedules.put(wanted)
    assert info == await info_of(rig.broker)
    assert (info.schedule, info.state) == (wanted, ScheduleState.ACTIVE)
    assert info.next_slot_ms == wanted.timing.next_after(before)
    assert (info.fired, info.skipped, info.last_job_id) == (0, 0, None)


async def test_the_same_again_changes_nothing(rig: Rig) -> None:
    """A program may put its schedules whenever it starts, also while one is due or paused."""
    await rig.put()
    rig.outage(1)
    before = fingerprint(rig.client, rig.namespace)
    await rig.put()
    assert fingerprint(rig.client, rig.namespace) == before
    await rig.broker.schedules.pause(NAME)
    assert (await rig.put()).state is ScheduleState.PAUSED


async def test_a_replacement_keeps_the_due_slot_and_the_counts(rig: Rig) -> None:
    """A deployment that changes the payload at the moment of a slot does not lose the slot."""
    await rig.put()
    await rig.fire_latest()
    slot = rig.outage(1)
    info = await rig.put(payload=b"2")
    assert (info.next_slot_ms, info.fired) == (slot, 1)
    info = await rig.put(timing=Timing(every=7200))
    assert info.next_slot_ms == Timing(every=7200).next_after(rig.now())


async def test_schedules_are_listed_by_name(rig: Rig) -> None:
    """The list has the schedules of all queues."""
    for name, queue in (("b", "q"), ("c", "other"), ("a", "q")):
        await rig.put(name=name, queue=queue)
    listed = await rig.broker.schedules.read_all()
    assert [(each.schedule.name, each.schedule.queue) for each in listed] == [
        ("a", "q"),
        ("b", "q"),
        ("c", "other"),
    ]


async def test_what_is_deleted_is_gone(rig: Rig) -> None:
    """Nothing of a deleted schedule is left, and it does not fire although it was due."""
    await rig.put()
    rig.outage(1)
    assert await rig.broker.schedules.delete(NAME)
    assert not await rig.broker.schedules.delete(NAME)
    assert await rig.broker.schedules.get(NAME) is None
    assert await rig.broker.schedules.read_all() == []
    assert (await rig.fire()).fired == []
    assert list(rig.client.scan_iter(f"{rig.namespace}*schedule*")) == []


async def test_what_is_paused_does_not_fire(rig: Rig) -> None:
    """Slots of a paused schedule pass for good; resumed it goes on with the next one."""
    await rig.put(missed=Missed.ALL)
    rig.outage(3)
    paused = await rig.broker.schedules.pause(NAME)
    assert paused is not None
    assert (paused.state, paused.next_slot_ms) == (ScheduleState.PAUSED, None)
    assert (await rig.fire()).fired == []
    resumed = await rig.broker.schedules.resume(NAME)
    assert resumed is not None
    assert resumed.state is ScheduleState.ACTIVE
    assert resumed.next_slot_ms == rig.latest_slot() + HOUR
    assert (await rig.fire()).fired == []
    assert await rig.broker.schedules.pause("nothing") is None
    assert await rig.broker.schedules.resume("nothing") is None


async def test_another_layout_is_refused(rig: Rig) -> None:
    """A queue that another version has written is left alone."""
    rig.client.hset(f"{prefix_of(rig.namespace)}meta", "version", 99)
    with pytest.raises(RedisRefused, match="SCHEMA"):
        await rig.put()


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
    await rig.put(missed=Missed(missed), timing=Timing(every=3600, start_ms=HOUR // 2))
    await rig.broker.schedules.put(schedule(missed=Missed(missed), timing=Timing(every=3600)))
    # slots of the past hours, none of them within the last minute
    shift = (rig.now() - 2 * 60_000) % HOUR
    timing = Timing(every=3600, start_ms=shift)
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
    await rig.put(jitter=7200.0, name=NAME)
    job_id = await rig.fire_latest()
    job = await rig.broker.get(job_id)
    assert job is not None
    if job.run_at_ms is None:
        assert job.state is State.QUEUED
    else:
        assert job.run_at_ms == job_at(schedule(jitter=7200.0), job.created_at_ms).run_at_ms


async def last_job(rig: Rig, consumer: Consumer, state: State) -> str:
    """The id of a job of an earlier slot, which is now in `state`."""
    job_id = await rig.fire_earlier()
    if state is State.CANCELLED:
        await rig.broker.cancel(job_id)
    elif state is not State.QUEUED:
        job = await claim_one(consumer)
        assert job.id == job_id
        if state is not State.ACTIVE:
            outcome = {
                State.COMPLETED: Outcome.COMPLETED,
                State.DEAD: Outcome.DEAD,
                State.SCHEDULED: Outcome.RETRY,
            }[state]
            await settle(
                consumer, [job], outcome, delay_ms=HOUR * (state is State.SCHEDULED), result=b"1"
            )
    assert await state_of(rig.broker, job_id) is state
    return job_id


STATES = [state for state in State if state is not State.BLOCKED]


@pytest.mark.parametrize("state", STATES)
async def test_allow_does_not_look_at_the_job_before(
    rig: Rig, consumer: Consumer, state: State
) -> None:
    """With `allow` every slot makes its job."""
    await rig.put(overlap=Overlap.ALLOW)
    before = await last_job(rig, consumer, state)
    assert await rig.broker.get(await rig.fire_latest())
    assert await state_of(rig.broker, before) is state


@pytest.mark.parametrize("state", STATES)
async def test_skip_waits_for_the_job_before(rig: Rig, consumer: Consumer, state: State) -> None:
    """With `skip` a slot makes a job only where the one before has ended."""
    await rig.put(overlap=Overlap.SKIP)
    before = await last_job(rig, consumer, state)
    job_id = await rig.fire_latest()
    made = await rig.broker.get(job_id) is not None
    info = await info_of(rig.broker)
    assert made is state.is_final
    assert (info.fired, info.skipped) == (1 + made, 1 - made)
    assert info.next_slot_ms == rig.latest_slot() + HOUR
    assert await state_of(rig.broker, before) is state


@pytest.mark.parametrize("state", STATES)
async def test_replace_cancels_the_job_before(rig: Rig, consumer: Consumer, state: State) -> None:
    """With `replace` a job that has not ended is cancelled, at once where it does not run."""
    await rig.put(overlap=Overlap.REPLACE)
    before = await last_job(rig, consumer, state)
    rig.outage(1)
    report = await rig.fire()
    assert len(report.fired) == 1
    assert report.cancelled == ["noop"] * (state in {State.QUEUED, State.SCHEDULED})
    job = await rig.broker.get(before)
    assert job is not None
    if state is State.ACTIVE:
        assert (job.state, job.cancel_requested) == (State.ACTIVE, True)
    else:
        assert job.state is (state if state.is_final else State.CANCELLED)
    info = await info_of(rig.broker)
    assert info.last_job_id is not None
    assert await state_of(rig.broker, info.last_job_id) is State.QUEUED


async def test_replace_tells_the_worker_at_once(rig: Rig, consumer: Consumer) -> None:
    """The worker that runs the job before hears of its cancellation as of any other."""
    await rig.put(overlap=Overlap.REPLACE)
    before = await last_job(rig, consumer, State.ACTIVE)
    subscribed = asyncio.Event()
    cancellations = rig.broker.cancellations(subscribed.set)
    heard = asyncio.create_task(anext(cancellations))
    await subscribed.wait()
    await rig.fire_latest()
    async with asyncio.timeout(10):
        assert await heard == before
    await cancellations.aclose()


async def test_a_job_that_was_forgotten_has_ended(rig: Rig) -> None:
    """A job before that retention has removed holds nothing up."""
    await rig.put(overlap=Overlap.SKIP)
    before = await rig.fire_earlier()
    await rig.broker.cancel(before)
    forgetful = Broker(
        rig.broker._connections,
        namespace=rig.namespace,
        retention=RetentionSettings(cancelled_count=0),
    )

    async def gone() -> bool:
        await forgetful.reap(QUEUE, lease=15)
        return await rig.broker.get(before) is None

    await eventually(gone)
    assert await rig.broker.get(await rig.fire_latest())


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
