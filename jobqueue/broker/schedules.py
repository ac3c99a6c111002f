"""Schedules of a namespace by name: put, read, pause, resume, delete.

A schedule lives in the queue of its jobs, so that one script can fire it. The namespace's list
says which queue that is. Putting a schedule into another queue takes steps, and a process may die
between any two of them, so:

1. the list names the new queue before the old one;
2. the new queue has it as `moving`, which does not fire;
3. the old queue has it as `retired`, which never fires again;
4. the new queue has it as active, with what the old one knew of it;
5. it is removed from the old queue, and the list names the new one alone.

Every change carries a revision and is made only where nobody else made one since. Between 2 and 3
the list is written again if it still names this queue first: whoever had read it before, to move or
to delete the schedule, has to look again, and finds it here. So of several who move a schedule one
wins, and at no moment does it fire in two queues. A reaper that meets one that is moving goes on
from step 3.
"""

from collections import defaultdict

from jobqueue.broker.schedule_records import (
    NEW,
    Phase,
    Record,
    digest_of,
    encode_schedule,
    info_of,
)
from jobqueue.broker.schedule_store import READ_SCHEDULES, Places, ScheduleStore
from jobqueue.schedule import (
    Schedule,
    ScheduleInfo,
    ScheduleState,
    next_slot_of_replacement,
)


class Schedules:
    """What can be done with schedules. All of it may be done again after a lost answer."""

    def __init__(self, store: ScheduleStore) -> None:
        self._store = store

    async def put(self, schedule: Schedule) -> ScheduleInfo:
        """Create or replace the schedule of this name; the same definition changes nothing."""
        queue, name = schedule.queue, schedule.name
        await self._store.introduce(queue)
        while True:
            places = await self._store.places(name)
            wanted = (queue, *(place for place in places.queues if place != queue))
            if places.queues != wanted and not await self._store.place(name, places, wanted):
                continue
            if not await self._write(schedule):
                continue
            if await self.settle(queue, name) and (info := await self.get(name)):
                return info  # else somebody withdrew or deleted it meanwhile: put it after that

    async def get(self, name: str) -> ScheduleInfo | None:
        """The schedule of this name, None when there is none."""
        found = await self._find(name)
        return info_of(found[1]) if found else None

    async def read_all(self) -> list[ScheduleInfo]:
        """All schedules, by name."""
        by_queue: dict[str, list[str]] = defaultdict(list)
        for name, places in (await self._store.all_places()).items():
            by_queue[places.queues[0]].append(name)
        found: dict[str, ScheduleInfo] = {}
        for queue, names in by_queue.items():
            for first in range(0, len(names), READ_SCHEDULES):
                some = names[first : first + READ_SCHEDULES]
                _, records = await self._store.read_many(queue, some)
                there = [record for record in records if record.state != Phase.RETIRED]
                found |= {record.name: info_of(record) for record in there}
                for name in set(some) - found.keys():  # on its way to this queue, or just deleted
                    if info := await self.get(name):
                        found[name] = info
        return [found[name] for name in sorted(found)]

    async def delete(self, name: str) -> bool:
        """Remove the schedule of this name; its jobs stay. False: there is none."""
        found = False
        while True:
            places = await self._store.places(name)
            for place in places.queues:
                found |= await self._remove(place, name)
            if await self._store.place(name, places, ()) is not None:
                return found

    async def pause(self, name: str) -> ScheduleInfo | None:
        """Let slots pass until `resume`; None: there is no such schedule."""
        while True:
            found = await self._find(name)
            if found is None:
                return None
            queue, record, _ = found
            if record.state == Phase.MOVING:
                await self.settle(queue, name)
            elif record.state != ScheduleState.ACTIVE:
                return info_of(record)
            else:
                await self._store.change(queue, name, record.stamp, state=ScheduleState.PAUSED)

    async def resume(self, name: str) -> ScheduleInfo | None:
        """Fire again, from the next slot on; None: there is no such schedule."""
        while True:
            found = await self._find(name)
            if found is None:
                return None
            queue, record, now_ms = found
            if record.state != ScheduleState.PAUSED:
                return info_of(record)
            due_ms = record.schedule().timing.next_after(now_ms)
            state = ScheduleState.FINISHED if due_ms is None else ScheduleState.ACTIVE
            await self._store.change(queue, name, record.stamp, state=state, due_ms=due_ms)

    async def settle(self, queue: str, name: str) -> bool:
        """Take steps 3 to 5 of what is moving to `queue`; where nothing is, nothing happens.

        Returns:
            False: the list says that the schedule is here, and it is not: step 2 is undone.
        """
        while True:
            now_ms, record = await self._store.read(queue, name)
            places = await self._store.places(name)
            if record is None or record.state == Phase.RETIRED:
                return places.queues[:1] != (queue,)
            if places.queues[:1] != (queue,):
                if record.state != Phase.MOVING or await self._store.remove(queue, record):
                    return True  # somebody moved it on, or deleted it, after this began
            elif record.state != Phase.MOVING and places.queues == (queue,):
                return True
            # who read the list before this schedule was here is told so, and reads it again
            elif renewed := await self._store.place(name, places, places.queues):
                await self._take_over(record, renewed, now_ms)

    async def _take_over(self, record: Record, places: Places, now_ms: int) -> None:
        """Take steps 3 to 5, as far as nobody else has changed something meanwhile."""
        queue, *others = places.queues
        retired = [(other, await self._retire(other, record.name)) for other in others]
        sources = [source for _, source in retired if source]
        if record.state == Phase.MOVING and not await self._activate(record, sources, now_ms):
            return
        gone = [await self._store.remove(other, source) for other, source in retired if source]
        if all(gone):
            await self._store.place(record.name, places, (queue,))

    async def _find(self, name: str) -> tuple[str, Record, int] | None:
        """The queue of a schedule, the schedule, and Redis' time in milliseconds."""
        for place in (await self._store.places(name)).queues:
            now_ms, record = await self._store.read(place, name)
            if record is not None and record.state != Phase.RETIRED:
                return place, record, now_ms
        return None

    async def _write(self, schedule: Schedule) -> bool:
        """Write a definition into its queue; False: the schedule has changed meanwhile."""
        queue, name = schedule.queue, schedule.name
        definition = encode_schedule(schedule)
        digest = digest_of(definition)
        now_ms, record = await self._store.read(queue, name)
        if record and record.digest == digest and record.state != Phase.RETIRED:
            return True
        state: str = Phase.MOVING
        due_ms: int | None = 0  # so that every pass of a reaper meets it
        if record and record.state not in {Phase.MOVING, Phase.RETIRED}:
            state, due_ms = _replacing(schedule, [record], now_ms)
        return await self._store.change(
            queue,
            name,
            record.stamp if record else NEW,
            state=state,
            due_ms=due_ms,
            definition=definition,
            digest=digest,
        )

    async def _retire(self, queue: str, name: str) -> Record | None:
        """Stop a schedule for good where it was; gives what that queue knows of it."""
        while True:
            _, record = await self._store.read(queue, name)
            if record is None or record.state == Phase.RETIRED:
                return record
            fields: tuple[str | int, ...] = ()
            if record.state != Phase.MOVING:
                fields = ("was", record.state, "due", record.due_ms or "")
            await self._store.change(queue, name, record.stamp, state=Phase.RETIRED, fields=fields)

    async def _activate(self, record: Record, sources: list[Record], now_ms: int) -> bool:
        """Let a schedule fire in its new queue; False: it has changed since it was read."""
        schedule = record.schedule()
        state, due_ms = _replacing(schedule, sources, now_ms)
        fields: list[str | int] = ["was", "", "due", ""]
        for field in ("fired", "skipped", "last_slot"):
            fields += [field, max(each.number(field) or 0 for each in [record, *sources])]
        return await self._store.change(
            schedule.queue, record.name, record.stamp, state=state, due_ms=due_ms, fields=fields
        )

    async def _remove(self, queue: str, name: str) -> bool:
        """Remove a schedule from a queue, however it stands; False: it is not there."""
        while True:
            _, record = await self._store.read(queue, name)
            if record is None:
                return False
            if await self._store.remove(queue, record):
                return True


def _replacing(
    schedule: Schedule, replaced: list[Record], now_ms: int
) -> tuple[ScheduleState, int | None]:
    """State and next slot of a schedule that takes the place of others."""
    states = {record.standing.get("was") or record.state for record in replaced}
    fired = max((record.number("fired") or 0 for record in replaced), default=0)
    if ScheduleState.PAUSED in states:
        return ScheduleState.PAUSED, None
    due_ms = schedule.timing.next_after(now_ms)
    for record in replaced:
        old = record.due_ms or record.number("due")
        due_ms = next_slot_of_replacement(schedule, record.schedule(), old, now_ms)
    if due_ms is None or (schedule.limit is not None and fired >= schedule.limit):
        return ScheduleState.FINISHED, None
    return ScheduleState.ACTIVE, due_ms
