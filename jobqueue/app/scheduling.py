"""The part of `JobQueue` that has to do with schedules."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from jobqueue.app.arguments import plain_fields
from jobqueue.app.opened import Opened
from jobqueue.app.requests import model_from
from jobqueue.app.schedules import ScheduleRequest
from jobqueue.retry import Backoff
from jobqueue.schedule import Missed, Overlap, ScheduleInfo
from jobqueue.submission import Priority


class Scheduling(Opened):
    """Jobs that are made again and again, at the times of a schedule."""

    async def schedule(
        self,
        name: str,
        type: str,  # noqa: A002 - the field's name everywhere
        payload: Any = None,
        *,
        cron: str | None = None,
        timezone: str = "UTC",
        every: float | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
        jitter: float = 0.0,
        overlap: Overlap | str = Overlap.ALLOW,
        missed: Missed | str = Missed.ONE,
        queue: str | None = None,
        priority: str | int = Priority.NORMAL,
        timeout: float | None = None,  # noqa: ASYNC109 - the jobs', not this call's
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> ScheduleInfo:
        """Create the schedule of this name, or replace it; the same again changes nothing.

        So a program may call it whenever it starts. A schedule that was paused stays so.

        Args:
            name: lower-case letters, digits and hyphens, at most 63.
            type: of its jobs: one of this program's, or one that some worker runs.
            payload: of each job: a pydantic model, or whatever JSON can hold.
            cron: when, as minute hour day month weekday (or seconds before these); or
            every: seconds from slot to slot, counted from `start`, else from 1970.
            timezone: IANA name of the wall clock that `cron` means, e.g. `Europe/Berlin`.
            start: no slot before it, with a time zone.
            end: no slot after it, with a time zone.
            limit: most jobs it makes in all.
            jitter: seconds by which each job starts later at most, to spread load.
            overlap: `allow`, `skip` or `replace`: when the job before has not ended at a slot.
            missed: `none`, `one` or `all`: which slots fire that passed in an outage.
            queue: of the jobs, instead of their type's.
            priority: of the jobs: `critical`, `high`, `normal`, `low`, or their numbers.
            timeout: seconds that one attempt of a job may take, instead of its type's.
            max_attempts: how often a job is tried, instead of its type's.
            backoff: how long a job waits in between, instead of its type's.
            tags: words to find the jobs by.
            metadata: what JSON can hold, kept with each job beside `schedule` and `slot`.

        Raises:
            InvalidRequest: names each wrong field.
            PayloadTooLarge: the payload is over `limits.payload`.
            Unavailable: Redis cannot take it now; whether it was taken may be unknown.
        """
        fields: dict[str, Any] = {
            "type": type,
            "payload": payload,
            "cron": cron,
            "timezone": timezone,
            "every": every,
            "start": start,
            "end": end,
            "limit": limit,
            "jitter": jitter,
            "overlap": overlap,
            "missed": missed,
            "queue": queue,
            "priority": priority,
            "timeout": timeout,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "tags": tags,
            "metadata": metadata or {},
        }
        request = model_from(plain_fields(fields), ScheduleRequest, what="schedule")
        return await self._opened().schedules.put(name, request)

    async def get_schedule(self, name: str) -> ScheduleInfo:
        """The schedule of this name: definition, next slot, latest job, counts.

        Raises:
            ScheduleNotFound: there is none.
        """
        return await self._opened().schedules.read(name)

    async def schedules(self) -> list[ScheduleInfo]:
        """All schedules of all programs, by name."""
        return await self._opened().schedules.read_all()

    async def unschedule(self, name: str) -> None:
        """Remove the schedule of this name; the jobs that it made stay.

        Raises:
            ScheduleNotFound: there is none.
        """
        await self._opened().schedules.delete(name)

    async def pause_schedule(self, name: str) -> ScheduleInfo:
        """Let its slots pass until `resume_schedule`; its jobs go on.

        Raises:
            ScheduleNotFound: there is none.
        """
        return await self._opened().schedules.pause(name)

    async def resume_schedule(self, name: str) -> ScheduleInfo:
        """Fire again, from the next slot on.

        Raises:
            ScheduleNotFound: there is none.
        """
        return await self._opened().schedules.resume(name)
