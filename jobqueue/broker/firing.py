"""Firing: what a reaper's pass does about the schedules of a queue that are due.

Any number of reapers may fire: which jobs are due follows from the schedule and Redis' time, and
the script does each slot once.
"""

from enum import StrEnum

import msgspec
import structlog

from jobqueue.broker import scripts
from jobqueue.broker.codec import encode_extras, encode_spec, retention_argument, ulid_of
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.schedule_records import Phase, Record, decode_record
from jobqueue.broker.schedule_store import READ_SCHEDULES
from jobqueue.broker.schedules import Schedules
from jobqueue.errors import RedisFull
from jobqueue.schedule import Schedule, Step, job_at, plan
from jobqueue.settings import RetentionSettings

_log = structlog.get_logger(__name__)


class Fired(StrEnum):
    """What was done at a slot."""

    FIRED = "fired"
    REPLACED = "replaced"
    """Fired, and the job before it had not started: it is cancelled."""
    SKIPPED = "skipped"
    """The job before it has not ended."""
    AGAIN = "again"
    """Nothing: it has had its job, and came again because a clock was put back."""
    PASSED = "passed"
    """It was missed, and the policy makes no job for it."""
    CHANGED = "changed"
    """Nothing: somebody else did, or changed the schedule."""


class FireReport(msgspec.Struct):
    """What one pass over the schedules of a queue did.

    Attributes:
        fired: type of each job that was made.
        cancelled: type of each job that ended because another took its place.
        more: there may be more that are due: pass again at once.
    """

    fired: list[str] = msgspec.field(default_factory=list)
    cancelled: list[str] = msgspec.field(default_factory=list)
    more: bool = False


class Firing:
    """Makes the jobs of schedules that are due."""

    def __init__(
        self, channel: Commands, keys: Keys, retention: RetentionSettings, schedules: Schedules
    ) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention_argument(retention)
        self._schedules = schedules
        self._told: set[str] = set()

    async def fire_due(self, queue: str) -> FireReport:
        """One bounded pass over the schedules of a queue."""
        call = scripts.due_schedules(self._keys.meta(queue), READ_SCHEDULES)
        now_ms, *answers = await self._channel.call(call)
        report = FireReport(more=len(answers) == READ_SCHEDULES)
        for record in filter(None, map(decode_record, answers)):
            try:
                if record.state == Phase.MOVING:
                    await self._schedules.settle(queue, record.name)
                else:
                    await self._fire(queue, record, now_ms, report)
            except RedisFull:  # it stays due; the reaper has to go on, and make room
                return msgspec.structs.replace(report, more=False)
            except (msgspec.MsgspecError, LookupError, OSError, ValueError) as error:
                self._tell(record, error)
        return report

    async def _fire(self, queue: str, record: Record, now_ms: int, report: FireReport) -> None:
        schedule = record.schedule()
        for step in plan(schedule, record.due_ms or 0, now_ms):
            match await self._take(queue, record.digest, schedule, step):
                case Fired.CHANGED:
                    return
                case Fired.PASSED:
                    _log.warning(
                        "slots_missed",
                        schedule=schedule.name,
                        late_seconds=(now_ms - step.slot_ms) / 1000,
                        policy=schedule.missed.value,
                    )
                case Fired.FIRED:
                    report.fired.append(schedule.type)
                case Fired.REPLACED:
                    report.fired.append(schedule.type)
                    report.cancelled.append(schedule.type)
                case Fired.SKIPPED | Fired.AGAIN:
                    pass

    def _tell(self, record: Record, error: Exception) -> None:
        """Log once that this program cannot read a definition.

        Another version wrote it, or this machine does not know its time zone.
        """
        if record.digest not in self._told:
            self._told.add(record.digest)
            _log.error("schedule_unreadable", schedule=record.name, error=str(error))

    async def _take(self, queue: str, digest: str, schedule: Schedule, step: Step) -> Fired:
        job = job_at(schedule, step.slot_ms) if step.fires else None
        call = scripts.fire(
            self._keys.meta(queue),
            schedule.name,
            digest,
            step.slot_ms,
            "" if step.next_ms is None else step.next_ms,
            ulid_of(job.id) if job else "",
            encode_spec(job) if job else b"",
            job.run_at_ms if job else 0,
            encode_extras(job) if job else b"",
            schedule.overlap,
            "" if schedule.limit is None else schedule.limit,
            self._keys.control,
            self._retention,
        )
        answer: bytes = await self._channel.call(call)
        return Fired(answer.decode())
