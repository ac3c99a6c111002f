"""Schedules in their queue: put, read, pause, delete."""

import pytest

from jobqueue.errors import SchemaMismatch
from jobqueue.schedule import Missed, Overlap, ScheduleState
from jobqueue.submission import JobOptions, Priority
from jobqueue.timing import Timing

from .helpers import fingerprint, prefix_of
from .schedule_rig import HOUR, NAME, Rig, info_of, schedule


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
    assert (info.fired, info.skipped, info.last_slot_ms, info.last_job_id) == (0, 0, None, None)


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
    with pytest.raises(SchemaMismatch, match="layout 99"):
        await rig.put()
