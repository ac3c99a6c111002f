"""A schedule whose slots the test lets come."""

from typing import Any

from jobqueue.broker.broker import Broker, FireReport
from jobqueue.broker.firing import Fired
from jobqueue.schedule import Schedule, ScheduleInfo, Step, job_at
from jobqueue.timing import Timing
from tests.support.redis import RedisClient

from .helpers import QUEUE, prefix_of

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
    due = f"{prefix_of(namespace)}schedule_due"
    client.zadd(due, {name: slot_ms}, xx=True)
    assert client.zscore(due, name) == slot_ms


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
        """Fire the slot before the latest, as a pass at its time did; gives its job's id."""
        latest = self.latest_slot()
        slot = self.outage(2)
        _, record = await self.broker.schedules._store.read(QUEUE, NAME)
        assert record is not None
        fired = record.schedule()
        step = Step(slot, fires=True, next_ms=latest)
        assert await self.broker._firing._take(QUEUE, record.digest, fired, step) is Fired.FIRED
        return job_at(fired, slot).id
