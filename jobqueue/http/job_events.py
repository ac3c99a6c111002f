"""What happens to a job, as it happens: server-sent events.

Each event is the job's document after a change; the first one is the job as it is. Its id tells
documents apart, so that a client which comes back with it as Last-Event-ID is not told again what
it knows. The stream ends with the job, or with the first event where the caller does not say that
it takes a stream.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from jobqueue.http.headers import add_headers
from jobqueue.http.jobs import document_of
from jobqueue.http.queries import no_query
from jobqueue.http.state import REQUEST_ID, operations_of
from jobqueue.model import Job

CONTENT_TYPE = "text/event-stream"

HEARTBEAT = 15.0
"""Seconds without an event after which a comment is sent: proxies commonly give up after 60."""

_encode = msgspec.json.Encoder().encode


async def follow(request: web.Request) -> web.StreamResponse:
    """The events of one job."""
    no_query(request)
    operations = operations_of(request)
    job = await operations.read(request.match_info["id"])  # one that is not there is a plain 404
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "X-Accel-Buffering": "no"})
    add_headers(response, request[REQUEST_ID])
    await response.prepare(request)
    async with aclosing(operations.changes(job.id)) as changes:
        await _send(request, response, changes)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, changes: AsyncGenerator[Job, None]
) -> None:
    known = request.headers.get("Last-Event-ID")
    follows = CONTENT_TYPE in request.headers.get("Accept", "")
    coming = asyncio.ensure_future(anext(changes, None))
    try:
        while True:
            done, _ = await asyncio.wait([coming], timeout=HEARTBEAT)
            if not done:
                await response.write(b": alive\n\n")
                continue
            job = coming.result()
            if job is None:
                return
            document = _encode(document_of(request, job))
            event_id = hashlib.sha256(document).hexdigest()[:16]
            if event_id != known:
                await response.write(b"id: %s\ndata: %s\n\n" % (event_id.encode(), document))
            if not follows:
                return
            known = event_id
            coming = asyncio.ensure_future(anext(changes, None))
    finally:
        coming.cancel()
        await asyncio.wait([coming])
