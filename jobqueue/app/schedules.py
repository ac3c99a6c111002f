"""The use cases of schedules: put, read, list, pause, resume, delete."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from jobqueue.app.contents import Contents
from jobqueue.app.requests import (
    MAX_ATTEMPTS,
    MAX_TAGS,
    MAX_TIMEOUT,
    BackoffRequest,
    JobRequest,
    Tag,
)
from jobqueue.app.submission import Submitter
from jobqueue.broker.broker import Broker
from jobqueue.errors import (
    ContentGone,
    FieldError,
    InvalidRequest,
    ScheduleNotFound,
    SettingsError,
    StorageUnavailable,
)
from jobqueue.ids import split_job_id
from jobqueue.registry import check_name
from jobqueue.schedule import NO_PAYLOAD, Missed, Overlap, Schedule, ScheduleInfo
from jobqueue.submission import NewJob
from jobqueue.timing import Timing, check_timing, milliseconds

MAX_JITTER = 86400
"""Seconds by which jobs may be spread: more than a day is a mistake in units."""


class ScheduleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked for under a schedule's name: a job, its times, and two policies."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(NO_PAYLOAD)
    queue: str | None = None
    priority: str | int = "normal"
    timeout: Annotated[float, Meta(gt=0, le=MAX_TIMEOUT)] | None = None
    max_attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)] | None = None
    backoff: BackoffRequest | None = None
    tags: Annotated[tuple[Tag, ...], Meta(max_length=MAX_TAGS)] = ()
    metadata: dict[str, Any] = {}
    cron: str | None = None
    timezone: str = "UTC"
    every: float | None = None
    start: Annotated[datetime, Meta(tz=True)] | None = None
    end: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    jitter: Annotated[float, Meta(ge=0, le=MAX_JITTER)] = 0.0
    overlap: Overlap = Overlap.ALLOW
    missed: Missed = Missed.ONE

    def job(self) -> JobRequest:
        """The job that it makes, as one to submit."""
        shared = JobRequest.__struct_fields__
        return JobRequest(
            **{name: getattr(self, name) for name in self.__struct_fields__ if name in shared}
        )

    def timing(self) -> Timing:
        """Its times."""
        return Timing(
            cron=self.cron,
            timezone=self.timezone,
            every=self.every,
            start_ms=milliseconds(self.start) if self.start else None,
            end_ms=milliseconds(self.end) if self.end else None,
        )


class Schedules:
    """What clients can do with schedules."""

    def __init__(self, broker: Broker, submitter: Submitter, contents: Contents) -> None:
        self._schedules = broker.schedules
        self._submitter = submitter
        self._contents = contents

    async def put(self, name: str, request: ScheduleRequest) -> ScheduleInfo:
        """Create the schedule of this name, or replace it; the same again changes nothing.

        Raises:
            InvalidRequest: names each wrong field, of the schedule and of its job.
            PayloadTooLarge: the payload is over `limits.payload`.
            Unavailable: Redis, or the storage of a large payload, cannot take it now.
        """
        timing = request.timing()
        errors = [*_wrong_name(name), *check_timing(timing)]
        try:
            job = await self._submitter.prepare(request.job(), "/payload")
        except InvalidRequest as error:
            raise type(error)(str(error), (*errors, *error.errors)) from None
        if errors:
            raise InvalidRequest("the schedule has wrong fields", tuple(errors))
        stored = await self._contents.keep_shared_payload(job.payload)
        schedule = _schedule(name, request, timing, msgspec.structs.replace(job, payload=stored))
        return _with_payload(await self._schedules.put(schedule), job.payload)

    async def read(self, name: str) -> ScheduleInfo:
        """The schedule of this name, and what has come of it.

        Raises:
            ScheduleNotFound: there is none.
            ContentGone: its large payload is not in the storage.
            StorageUnavailable: the storage does not answer.
        """
        info = _found(name, await self._schedules.get(name))
        return _with_payload(info, await self._contents.fetch(info.schedule.payload))

    async def read_all(self) -> list[ScheduleInfo]:
        """All schedules, by name; a large payload that the storage does not give is null."""
        return [await self._filled(info) for info in await self._schedules.read_all()]

    async def delete(self, name: str) -> None:
        """Remove the schedule of this name; the jobs that it made stay.

        Raises:
            ScheduleNotFound: there is none.
        """
        if not await self._schedules.delete(name):
            raise _not_found(name)

    async def pause(self, name: str) -> ScheduleInfo:
        """Let slots pass until `resume`; this needs no storage, see `read_all`.

        Raises:
            ScheduleNotFound: there is none.
        """
        return await self._filled(_found(name, await self._schedules.pause(name)))

    async def resume(self, name: str) -> ScheduleInfo:
        """Fire again, from the next slot on; this needs no storage, see `read_all`.

        Raises:
            ScheduleNotFound: there is none.
        """
        return await self._filled(_found(name, await self._schedules.resume(name)))

    async def _filled(self, info: ScheduleInfo) -> ScheduleInfo:
        try:
            payload = await self._contents.fetch(info.schedule.payload)
        except (ContentGone, StorageUnavailable):
            payload = NO_PAYLOAD
        return _with_payload(info, payload)


def _with_payload(info: ScheduleInfo, payload: bytes) -> ScheduleInfo:
    schedule = msgspec.structs.replace(info.schedule, payload=payload)
    return msgspec.structs.replace(info, schedule=schedule)


def _schedule(name: str, request: ScheduleRequest, timing: Timing, job: NewJob) -> Schedule:
    names = split_job_id(job.id)
    if names is None:
        raise ValueError(f"not a job id: {job.id!r}")
    return Schedule(
        name=name,
        queue=names[0],
        type=job.type,
        timing=timing,
        payload=job.payload,
        priority=job.priority,
        options=job.options,
        limit=request.limit,
        jitter=request.jitter,
        overlap=request.overlap,
        missed=request.missed,
    )


def _wrong_name(name: str) -> list[FieldError]:
    try:
        check_name("schedule", name)
    except SettingsError as error:
        return [FieldError("/name", str(error))]
    return []


def _found(name: str, info: ScheduleInfo | None) -> ScheduleInfo:
    if info is None:
        raise _not_found(name)
    return info


def _not_found(name: str) -> ScheduleNotFound:
    return ScheduleNotFound(f"there is no schedule {name!r}")
