"""Queues: pause, resume, drain, clear, limits, partitions."""

from typing import Annotated

import msgspec
from aiohttp import web

from jobqueue.app.decoding import Decoder
from jobqueue.app.limits import LimitsRequest, plain
from jobqueue.app.queues import LimitsInfo
from jobqueue.app.sweeping import SWEEP_TIME
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.queries import Query, no_query
from jobqueue.http.state import operations_of
from jobqueue.ids import MAX_PARTITIONS
from jobqueue.state import State, parse_state

MAX_LIMITS = 16 * ENVELOPE
"""Bytes of the limits of a queue: those of ten thousand groups."""


class PartitionsDocument(msgspec.Struct, forbid_unknown_fields=True):
    """Into how many partitions a queue is split."""

    partitions: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTITIONS)]


_decode_limits = Decoder(LimitsRequest)
_decode_partitions = Decoder(PartitionsDocument)


class PauseDocument(msgspec.Struct):
    """Whether a queue is paused now, and whether this call changed that."""

    queue: str
    paused: bool
    changed: bool


async def pause(request: web.Request) -> web.Response:
    """Start no more jobs of a queue; what runs goes on."""
    no_query(request)
    queue = _queue(request)
    changed = await operations_of(request).queues.pause(queue)
    return json_response(PauseDocument(queue, paused=True, changed=changed))


async def resume(request: web.Request) -> web.Response:
    """Start jobs of a queue again."""
    no_query(request)
    queue = _queue(request)
    changed = await operations_of(request).queues.resume(queue)
    return json_response(PauseDocument(queue, paused=False, changed=changed))


async def drain(request: web.Request) -> web.Response:
    """Cancel what is queued, with `delayed=true` what is scheduled too."""
    query = Query(request, ("delayed",))
    delayed = query.flag("delayed")
    query.check()
    queues = operations_of(request).queues
    return json_response(await queues.drain(_queue(request), delayed=delayed, within=SWEEP_TIME))


async def clear(request: web.Request) -> web.Response:
    """Empty one state of a queue."""
    no_query(request)
    queues = operations_of(request).queues
    return json_response(await queues.clear(_queue(request), state_of(request), within=SWEEP_TIME))


async def read_limits(request: web.Request) -> web.Response:
    """All limits of a queue, and of its groups that have their own."""
    no_query(request)
    return json_response(_document(await operations_of(request).queues.limits(_queue(request))))


async def put_limits(request: web.Request) -> web.Response:
    """Set all limits of a queue; what the body does not name is lifted."""
    no_query(request)
    wanted = _decode_limits(await read_json(request, MAX_LIMITS))
    kept = await operations_of(request).queues.set_limits(_queue(request), wanted)
    return json_response(_document(kept))


async def read_partitions(request: web.Request) -> web.Response:
    """How many partitions a queue has."""
    no_query(request)
    count = await operations_of(request).queues.splitting.count(_queue(request))
    return json_response(PartitionsDocument(count))


async def put_partitions(request: web.Request) -> web.Response:
    """Split a queue, or make it whole again; its jobs stay where they are."""
    no_query(request)
    wanted = _decode_partitions(await read_json(request, ENVELOPE))
    await operations_of(request).queues.splitting.set(_queue(request), wanted.partitions)
    return json_response(wanted)


def state_of(request: web.Request) -> State:
    """The state that the path names, by its own name or another system's."""
    state = parse_state(request.match_info["state"])
    if state is None:
        raise ValueError("the route takes names of states only")
    return state


def _queue(request: web.Request) -> str:
    return request.match_info["name"]


def _document(limits: LimitsInfo) -> dict[str, object]:
    groups = {name: plain(each) for name, each in limits.groups.items()}
    return {**plain(limits.queue), "groups": groups}
