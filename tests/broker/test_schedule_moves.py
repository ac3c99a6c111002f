"""Moving a schedule to another queue, and dying on the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from jobqueue.broker.broker import Broker, Connections
from jobqueue.broker.schedule_store import Places, ScheduleStore
from jobqueue.broker.schedules import Schedules
from jobqueue.schedule import Missed, ScheduleState, job_at
from jobqueue.settings import RetentionSettings

from .helpers import QUEUE, prefix_of
from .schedule_rig import NAME, Rig, info_of, schedule

OTHER = "other"
QUEUES = (QUEUE, OTHER, "third")
WRITES = 7
"""Writes of a move: list, new queue, list, old queue, new queue, old queue, list."""


class Killed(Exception):
    """The process is gone."""


class Dying(ScheduleStore):
    """A store whose process dies after some writes."""

    writes_left = 0

    @override
    async def place(self, *args: Any) -> Places | None:
        self._write()
        return await super().place(*args)

    @override
    async def change(self, *args: Any, **fields: Any) -> bool:
        self._write()
        return await super().change(*args, **fields)

    @override
    async def remove(self, *args: Any) -> bool:
        self._write()
        return await super().remove(*args)

    def _write(self) -> None:
        if self.writes_left == 0:
            raise Killed
        self.writes_left -= 1


async def die_moving(broker: Broker, writes: int, **fields: Any) -> None:
    """Put the schedule into the other queue, and die after so many writes."""
    store = Dying(broker._channel, broker._keys)
    store.writes_left = writes
    with pytest.raises(Killed):
        await Schedules(store).put(schedule(queue=OTHER, **fields))


def homes(rig: Rig) -> list[str]:
    """The queues that know of the schedule."""
    keys = {queue: f"{prefix_of(rig.namespace, queue)}schedules" for queue in QUEUES}
    return [queue for queue, key in keys.items() if rig.client.hexists(key, NAME)]


async def test_a_moved_schedule_fires_in_its_new_queue(rig: Rig) -> None:
    """The next slot, the counts and a pause come along; nothing stays behind."""
    await rig.put(missed=Missed.ALL)
    await rig.fire_latest()
    slot = rig.outage(1)
    info = await rig.put(queue=OTHER, missed=Missed.ALL)
    assert (info.next_slot_ms, info.fired, info.schedule.queue) == (slot, 1, OTHER)
    assert homes(rig) == [OTHER]
    assert (await rig.fire()).fired == []
    assert (await rig.broker.fire_due(OTHER)).fired == ["noop"]
    await rig.broker.schedules.pause(NAME)
    info = await rig.put(queue="third", missed=Missed.ALL)
    assert (info.state, info.fired) == (ScheduleState.PAUSED, 2)


async def test_a_move_keeps_the_limit(rig: Rig) -> None:
    """A schedule that made all its jobs makes none in another queue."""
    await rig.put(limit=1)
    await rig.fire_latest()
    assert (await rig.put(queue=OTHER, limit=1)).state is ScheduleState.FINISHED


@pytest.mark.parametrize("writes", range(WRITES))
async def test_a_move_that_was_broken_off_fires_each_slot_once(rig: Rig, writes: int) -> None:
    """Wherever the process dies, a due slot makes one job, in one of the two queues."""
    await rig.put()
    slot = rig.outage(1)
    await die_moving(rig.broker, writes)
    fired: list[str] = []
    for queue in (QUEUE, OTHER, QUEUE, OTHER):
        fired += (await rig.broker.fire_due(queue)).fired
    assert fired == ["noop"]
    info = await info_of(rig.broker)
    assert (info.fired, info.last_slot_ms, info.state) == (1, slot, ScheduleState.ACTIVE)
    jobs = [await rig.broker.get(job_at(schedule(queue=q), slot).id) for q in (QUEUE, OTHER)]
    assert sum(job is not None for job in jobs) == 1


@pytest.mark.parametrize("writes", range(WRITES))
async def test_a_move_that_was_broken_off_can_be_done_again(rig: Rig, writes: int) -> None:
    """The same call once more completes it; another one moves it back."""
    for queue in (OTHER, QUEUE):
        await rig.put()
        await die_moving(rig.broker, writes)
        info = await rig.put(queue=queue)
        assert (info.schedule.queue, info.state) == (queue, ScheduleState.ACTIVE)
        assert homes(rig) == [queue]
        assert [each.schedule.queue for each in await rig.broker.schedules.read_all()] == [queue]


@pytest.mark.parametrize("writes", range(WRITES))
async def test_a_move_that_was_broken_off_can_be_deleted(rig: Rig, writes: int) -> None:
    """A delete takes the schedule out of both queues, and no reaper brings it back."""
    await rig.put()
    await die_moving(rig.broker, writes)
    assert [each.schedule.name for each in await rig.broker.schedules.read_all()] == [NAME]
    assert await rig.broker.schedules.delete(NAME)
    for queue in (QUEUE, OTHER):
        await rig.broker.fire_due(queue)
    assert homes(rig) == []
    assert await rig.broker.schedules.read_all() == []


@pytest.mark.parametrize("writes", range(WRITES))
async def test_a_move_that_was_broken_off_can_be_paused(rig: Rig, writes: int) -> None:
    """A pause finds the schedule wherever it is, and holds in both queues."""
    await rig.put()
    await die_moving(rig.broker, writes)
    paused = await rig.broker.schedules.pause(NAME)
    assert paused is not None
    assert paused.state is ScheduleState.PAUSED
    for queue in (QUEUE, OTHER):
        assert (await rig.broker.fire_due(queue)).fired == []
    resumed = await rig.broker.schedules.resume(NAME)
    assert resumed is not None
    assert resumed.state is ScheduleState.ACTIVE


@pytest.fixture
async def brokers(redis_url: str, namespace: str) -> AsyncIterator[list[Broker]]:
    """Processes with connections of their own, so that their calls interleave."""
    several = [
        Broker(
            await Connections.open(redis_url), namespace=namespace, retention=RetentionSettings()
        )
        for _ in range(6)
    ]
    yield several
    for each in several:
        await each.close()


async def test_of_several_who_move_it_one_wins(rig: Rig, brokers: list[Broker]) -> None:
    """Puts into several queues, and reapers beside them, leave the schedule in one queue."""
    for number in range(15):
        puts = [
            each.schedules.put(schedule(queue=QUEUES[(index + number) % 3], payload=b"%d" % number))
            for index, each in enumerate(brokers)
        ]
        passes = [each.fire_due(queue) for each in brokers for queue in QUEUES]
        await asyncio.gather(*puts, *passes)
        for queue in QUEUES:
            await rig.broker.fire_due(queue)
        (home,) = homes(rig)
        info = await info_of(rig.broker)
        assert (info.schedule.queue, info.state) == (home, ScheduleState.ACTIVE)
        assert rig.client.hget(f"{rig.namespace}:schedules", NAME).split()[1:] == [home]


async def test_a_delete_beside_moves_leaves_one_or_none(rig: Rig, brokers: list[Broker]) -> None:
    """What the list of schedules says is what fires, also when some put and some delete."""
    for number in range(15):
        calls: list[Any] = [
            each.schedules.put(schedule(queue=QUEUES[(index + number) % 3]))
            for index, each in enumerate(brokers)
        ]
        calls += [each.schedules.delete(NAME) for each in brokers[:2]]
        calls += [each.fire_due(queue) for each in brokers for queue in QUEUES]
        await asyncio.gather(*calls)
        listed = await rig.broker.schedules.read_all()
        assert [info.schedule.queue for info in listed] == homes(rig)
        assert len(listed) <= 1
