"""Schedules: list, read, put, delete, pause, resume."""

from typing import Any

import msgspec
from aiohttp import web

from jobqueue.app.decoding import Decoder
from jobqueue.app.schedules import ScheduleRequest
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.documents import timestamp
from jobqueue.http.queries import no_query
from jobqueue.http.state import operations_of
from jobqueue.retry import Backoff
from jobqueue.schedule import ScheduleInfo

_decode = Decoder(ScheduleRequest)


class ScheduleDocument(msgspec.Struct):
    """A schedule: its definition, as it was put, and what has come of it."""

    name: str
    state: str
    type: str
    queue: str
    payload: msgspec.Raw
    priority: str
    timeout: float | None
    max_attempts: int | None
    backoff: Backoff | None
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    cron: str | None
    timezone: str
    every: float | None
    start: str | None
    end: str | None
    limit: int | None
    jitter: float
    overlap: str
    missed: str
    next_slot: str | None
    last_slot: str | None
    last_job_id: str | None
    fired: int
    skipped: int


class ScheduleList(msgspec.Struct):
    """All schedules, by name."""

    schedules: list[ScheduleDocument]


async def list_all(request: web.Request) -> web.Response:
    """All schedules of all programs."""
    no_query(request)
    found = await operations_of(request).schedules.read_all()
    return json_response(ScheduleList([_document(info) for info in found]))


async def read(request: web.Request) -> web.Response:
    """One schedule."""
    no_query(request)
    return json_response(_document(await operations_of(request).schedules.read(_name(request))))


async def put(request: web.Request) -> web.Response:
    """Create a schedule, or replace it."""
    no_query(request)
    operations = operations_of(request)
    wanted = _decode(await read_json(request, operations.limits.payload + ENVELOPE))
    return json_response(_document(await operations.schedules.put(_name(request), wanted)))


async def delete(request: web.Request) -> web.Response:
    """Remove a schedule; the jobs that it made stay."""
    no_query(request)
    await operations_of(request).schedules.delete(_name(request))
    return web.Response(status=204)


async def pause(request: web.Request) -> web.Response:
    """Let slots pass."""
    no_query(request)
    return json_response(_document(await operations_of(request).schedules.pause(_name(request))))


async def resume(request: web.Request) -> web.Response:
    """Fire again, from the next slot on."""
    no_query(request)
    return json_response(_document(await operations_of(request).schedules.resume(_name(request))))


def _name(request: web.Request) -> str:
    return request.match_info["name"]


def _document(info: ScheduleInfo) -> ScheduleDocument:
    schedule, options, timing = info.schedule, info.schedule.options, info.schedule.timing
    return ScheduleDocument(
        name=schedule.name,
        state=info.state,
        type=schedule.type,
        queue=schedule.queue,
        payload=msgspec.Raw(schedule.payload),
        priority=schedule.priority.label,
        timeout=options.timeout,
        max_attempts=options.max_attempts,
        backoff=options.backoff,
        tags=options.tags,
        metadata=options.metadata,
        cron=timing.cron,
        timezone=timing.timezone,
        every=timing.every,
        start=_time(timing.start_ms),
        end=_time(timing.end_ms),
        limit=schedule.limit,
        jitter=schedule.jitter,
        overlap=schedule.overlap,
        missed=schedule.missed,
        next_slot=_time(info.next_slot_ms),
        last_slot=_time(info.last_slot_ms),
        last_job_id=info.last_job_id,
        fired=info.fired,
        skipped=info.skipped,
    )


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)
