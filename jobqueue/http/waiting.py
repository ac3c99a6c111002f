"""Jobs that wait: promote, reschedule, prioritize, move."""

from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from jobqueue.app.decoding import Decoder
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.documents import job_path
from jobqueue.http.jobs import document_of
from jobqueue.http.queries import no_query
from jobqueue.http.state import operations_of
from jobqueue.model import Job


class RescheduleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a job is to start."""

    run_at: Annotated[datetime, Meta(tz=True)]


class PrioritizeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The priority that a job is to have."""

    priority: str | int


class MoveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The queue that a job is to be in."""

    queue: str


_decode_reschedule = Decoder(RescheduleRequest)
_decode_prioritize = Decoder(PrioritizeRequest)
_decode_move = Decoder(MoveRequest)


async def promote(request: web.Request) -> web.Response:
    """Let a scheduled job start now."""
    no_query(request)
    return _answer(request, await operations_of(request).waiting.promote(_id(request)))


async def reschedule(request: web.Request) -> web.Response:
    """Let a job start at another time."""
    no_query(request)
    wanted = _decode_reschedule(await read_json(request, ENVELOPE))
    waiting = operations_of(request).waiting
    return _answer(request, await waiting.reschedule(_id(request), wanted.run_at))


async def prioritize(request: web.Request) -> web.Response:
    """Give a job another priority."""
    no_query(request)
    wanted = _decode_prioritize(await read_json(request, ENVELOPE))
    waiting = operations_of(request).waiting
    return _answer(request, await waiting.prioritize(_id(request), wanted.priority))


async def move(request: web.Request) -> web.Response:
    """Move a job to another queue; the answer is the job there, under its other id."""
    no_query(request)
    wanted = _decode_move(await read_json(request, ENVELOPE))
    job = await operations_of(request).waiting.move(_id(request), wanted.queue)
    return _answer(request, job)


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def _answer(request: web.Request, job: Job) -> web.Response:
    return json_response(document_of(request, job), headers={"Location": job_path(job.id)})
