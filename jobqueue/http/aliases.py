"""Handlers of the routes that users of earlier systems know, where they differ from ours."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from jobqueue.app.decoding import check_json, fields_of
from jobqueue.app.requests import JobRequest, decode_request
from jobqueue.app.sweeping import SWEEP_TIME
from jobqueue.errors import InvalidRequest
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.jobs import list_wanted
from jobqueue.http.queries import FILTERS, PAGING, Query, no_query
from jobqueue.http.queues import state_of
from jobqueue.http.state import operations_of
from jobqueue.http.submitting import submit_one
from jobqueue.state import State, parse_state

if TYPE_CHECKING:
    from jobqueue.app.listing import JobFilter


async def submit(request: web.Request) -> web.Response:
    """Submit one job, whose payload may be called `data`."""
    body = await read_json(request, operations_of(request).limits.payload + ENVELOPE)
    job, payload_path = _decode(body)
    return await submit_one(request, job, payload_path=payload_path)


async def submit_payload(request: web.Request) -> web.Response:
    """Submit one job of the type in the path; the body is its payload."""
    body = await read_json(request, operations_of(request).limits.payload + ENVELOPE)
    check_json(body)
    job = JobRequest(type=request.match_info["type"], payload=msgspec.Raw(body.strip()))
    return await submit_one(request, job, payload_path="")


async def list_in_state(request: web.Request) -> web.Response:
    """Jobs in the state that the path names."""
    return await _list(request, "state", parse_state(request.match_info["state"]))


async def list_completed(request: web.Request) -> web.Response:
    """Completed jobs."""
    return await _list(request, "state", State.COMPLETED)


async def list_of_type(request: web.Request) -> web.Response:
    """Jobs of the type that the path names."""
    return await _list(request, "type", request.match_info["type"])


async def clear(request: web.Request) -> web.Response:
    """Empty the state that the path names, in all queues."""
    no_query(request)
    return json_response(await operations_of(request).clear(state_of(request), within=SWEEP_TIME))


async def _list(request: web.Request, name: str, value: State | str | None) -> web.Response:
    """A listing whose filter `name` is not a query parameter but has this value."""
    query = Query(request, tuple(each for each in FILTERS if each != name) + PAGING)
    wanted: JobFilter = msgspec.structs.replace(query.job_filter(), **{name: value})
    return await list_wanted(request, query, wanted)


def _decode(body: bytes) -> tuple[JobRequest, str]:
    """The request in `body`, and where its payload is."""
    try:
        return decode_request(body), "/payload"
    except InvalidRequest:
        fields = fields_of(body)
        if "data" not in fields or "payload" in fields:
            raise
    fields["payload"] = fields.pop("data")
    return decode_request(msgspec.json.encode(fields)), "/data"
