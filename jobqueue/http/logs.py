"""The logs of jobs."""

import msgspec
from aiohttp import web

from jobqueue.http.answers import json_response
from jobqueue.http.documents import timestamp
from jobqueue.http.queries import no_query
from jobqueue.http.state import operations_of


class LogLineDocument(msgspec.Struct):
    """One line that a handler logged."""

    at: str
    text: str


class LogDocument(msgspec.Struct):
    """The newest lines of a job's log, oldest first."""

    id: str
    lines: list[LogLineDocument]


async def logs(request: web.Request) -> web.Response:
    """What the handlers of a job logged."""
    no_query(request)
    job_id = request.match_info["id"]
    lines = await operations_of(request).logs(job_id)
    documents = [LogLineDocument(timestamp(line.at_ms), line.text) for line in lines]
    return json_response(LogDocument(job_id, documents))
