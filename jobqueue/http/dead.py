"""Dead letters: list, replay, purge."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from jobqueue.app.dead import DeadFilter
from jobqueue.app.decoding import Decoder
from jobqueue.app.sweeping import SWEEP_TIME
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.jobs import list_wanted
from jobqueue.http.queries import PAGING, Query, no_query
from jobqueue.http.state import operations_of
from jobqueue.state import State

MAX_IDS = 1000
"""Jobs that one call names: each is looked at by itself."""

FILTERS = DeadFilter.__struct_fields__


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a replay: some jobs, those that pass a filter, or with neither all."""

    ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_IDS)] | None = None
    filter: DeadFilter | None = None
    cursor: str | None = None
    dry_run: bool = False


_decode_replay = Decoder(ReplayRequest)


async def list_dead(request: web.Request) -> web.Response:
    """Dead jobs, newest first, page by page."""
    query = Query(request, FILTERS + PAGING)
    wanted = _wanted(query).value()
    return await list_wanted(request, query, msgspec.structs.replace(wanted, state=State.DEAD))


async def replay(request: web.Request) -> web.Response:
    """Queue dead jobs again: how many, and whether there are more than this call had time for."""
    no_query(request)
    wanted = _decode_replay(await read_json(request, ENVELOPE))
    dead = operations_of(request).dead
    if wanted.ids is not None:
        if wanted.filter is not None or wanted.cursor is not None:
            problem = "give either ids, or a filter and its cursor"
            raise InvalidRequest(problem, (FieldError("/ids", problem),))
        return json_response(await dead.replay_some(wanted.ids, dry_run=wanted.dry_run))
    swept = await dead.replay(
        (wanted.filter or DeadFilter()).value(),
        dry_run=wanted.dry_run,
        cursor=wanted.cursor,
        within=SWEEP_TIME,
    )
    return json_response(swept)


async def purge(request: web.Request) -> web.Response:
    """Forget dead jobs that pass a filter, or all: how many, and whether there are more."""
    query = Query(request, (*FILTERS, "cursor", "dry_run"))
    wanted, dry_run = _wanted(query), query.flag("dry_run")
    query.check()
    swept = await operations_of(request).dead.purge(
        wanted.value(), dry_run=dry_run, cursor=query.text("cursor"), within=SWEEP_TIME
    )
    return json_response(swept)


def _wanted(query: Query) -> DeadFilter:
    return DeadFilter(
        queue=query.name("queue"),
        type=query.name("type"),
        tag=query.text("tag"),
        tenant=query.text("tenant"),
        reason=query.text("reason"),
        older_than=query.seconds("older_than"),
    )
