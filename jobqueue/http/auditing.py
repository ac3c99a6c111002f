"""The audit log: who did what, on what, and how it went, for calls that change others' things."""

import msgspec
import structlog
from aiohttp import web

from jobqueue.access import Scope
from jobqueue.audit import AuditEntry, AuditRecord
from jobqueue.errors import JobqueueError
from jobqueue.http.answers import json_response
from jobqueue.http.documents import timestamp
from jobqueue.http.queries import Query
from jobqueue.http.state import CALL, REQUEST_ID, operations_of

MAX_QUERY = 500
"""Characters of an address's query that a record keeps: whole filters, and no floods."""

LOOKING = frozenset({"GET", "HEAD"})

log = structlog.get_logger(__name__)


class AuditDocument(msgspec.Struct):
    """One call of somebody who may change what belongs to others."""

    at: str
    actor: dict[str, str | None]
    action: str
    target: str
    query: str | None
    status: int | None
    code: str | None
    request_id: str | None
    client: str | None


class AuditPage(msgspec.Struct):
    """A page of the log, newest first."""

    records: list[AuditDocument]
    cursor: str | None


async def list_all(request: web.Request) -> web.Response:
    """The newest records, page by page."""
    query = Query(request, ("limit", "cursor"))
    limit = query.limit()
    query.check()
    found = await operations_of(request).audit.page(limit=limit, cursor=query.text("cursor"))
    cursor = found[-1].cursor if len(found) == limit else None
    return json_response(AuditPage([_document(entry) for entry in found], cursor))


def is_audited(method: str, scope: Scope | None) -> bool:
    """Whether calls of a route are put down: those that change more than the caller's own."""
    return scope in {Scope.OPERATE, Scope.ADMIN} and method not in LOOKING


async def put_down(request: web.Request, response: web.StreamResponse) -> None:
    """Put a call down that has been answered: in the log, and in Redis.

    What was refused to the caller, because a scope or the rate forbade it, is in the log only:
    whoever has any key could otherwise crowd out what happened.
    """
    record = _record(request, response)
    log.info("operator_action", **msgspec.to_builtins(record))
    if not request[CALL].admitted:
        return
    try:
        await operations_of(request).audit.add(record)
    except JobqueueError as error:
        log.warning("audit_record_not_kept", request_id=record.request_id, reason=str(error))


def _record(request: web.Request, response: web.StreamResponse) -> AuditRecord:
    call, resource = request[CALL], request.match_info.route.resource
    return AuditRecord(
        kind=call.principal.kind,
        id=call.principal.id,
        name=call.principal.name,
        tenant=call.principal.tenant,
        action=f"{request.method} {resource.canonical if resource else request.path}",
        target=response.headers.get("Location", request.path),
        query=request.query_string[:MAX_QUERY] or None,
        status=response.status,
        code=call.problem,
        request_id=request[REQUEST_ID],
        client=request.remote,
    )


def _document(entry: AuditEntry) -> AuditDocument:
    record = entry.record
    return AuditDocument(
        at=timestamp(entry.at_ms),
        actor={
            "kind": record.kind,
            "id": record.id,
            "name": record.name,
            "tenant": record.tenant,
        },
        action=record.action,
        target=record.target,
        query=record.query,
        status=record.status,
        code=record.code,
        request_id=record.request_id,
        client=record.client,
    )
