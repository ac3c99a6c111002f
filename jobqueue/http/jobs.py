"""Jobs: submit, bulk submit, read, list, cancel, retry."""

from collections.abc import Iterable

from aiohttp import web

from jobqueue.app.bulk import requests_from_array, requests_from_lines
from jobqueue.app.listing import JobFilter
from jobqueue.app.requests import decode_request
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, JSON, LINES, media_type, read_body, read_json
from jobqueue.http.documents import (
    INCLUDABLE,
    TIMELINE,
    JobDocument,
    JobPage,
    job_document,
    progress_document,
    result_document,
    status_document,
    timeline_document,
)
from jobqueue.http.queries import FILTERS, PAGING, Query, no_query
from jobqueue.http.state import operations_of
from jobqueue.http.submitting import accepted, submit_all, submit_one
from jobqueue.model import Job
from jobqueue.state import State


async def submit(request: web.Request) -> web.Response:
    """Submit one job."""
    body = await read_json(request, operations_of(request).limits.payload + ENVELOPE)
    return await submit_one(request, decode_request(body))


async def submit_bulk(request: web.Request) -> web.Response:
    """Submit many jobs, all or none: a JSON array, or one JSON object a line."""
    kind = media_type(request, JSON + LINES)
    body = await read_body(request, request.client_max_size)
    read = requests_from_lines if kind in LINES else requests_from_array
    return await submit_all(request, read(body, operations_of(request).limits))


async def read(request: web.Request) -> web.Response:
    """One job, with its result."""
    query = Query(request, ("include",))
    include = query.include((*INCLUDABLE, TIMELINE)) | {"result"}
    query.check()
    operations = operations_of(request)
    job = await operations.fetch(await operations.read(request.match_info["id"]), include)
    document = document_of(request, job, include)
    if TIMELINE in include:
        document.timeline = timeline_document(await operations.timeline(job.id))
    return json_response(document)


async def list_jobs(request: web.Request) -> web.Response:
    """Jobs by state and other filters, page by page."""
    query = Query(request, FILTERS + PAGING)
    return await list_wanted(request, query, query.job_filter())


async def cancel(request: web.Request) -> web.Response:
    """Cancel a job: 200 when it ended now, 202 when it runs and is told to stop."""
    no_query(request)
    job = await operations_of(request).cancel(request.match_info["id"])
    status = 200 if job.state is State.CANCELLED else 202
    return json_response(document_of(request, job), status=status)


async def retry(request: web.Request) -> web.Response:
    """Queue a dead or cancelled job again."""
    no_query(request)
    return accepted(request, await operations_of(request).retry(request.match_info["id"]))


async def status(request: web.Request) -> web.Response:
    """The part of a job that changes."""
    no_query(request)
    operations = operations_of(request)
    job = await operations.read(request.match_info["id"])
    return json_response(status_document(job, max_attempts=operations.max_attempts(job)))


async def progress(request: web.Request) -> web.Response:
    """How far a job is."""
    no_query(request)
    job = await operations_of(request).read(request.match_info["id"])
    return json_response(progress_document(job))


async def result(request: web.Request) -> web.Response:
    """What a completed job's handler returned."""
    no_query(request)
    job = await operations_of(request).result(request.match_info["id"])
    return json_response(result_document(job))


async def list_wanted(request: web.Request, query: Query, wanted: JobFilter) -> web.Response:
    """A page of `wanted` jobs; limit, cursor and include are in `query`."""
    limit, include = query.limit(), query.include()
    query.check()
    operations = operations_of(request)
    page = await operations.list_jobs(wanted, limit=limit, cursor=query.text("cursor"))
    jobs = await operations.fetch_all(page.jobs, include)
    documents = [document_of(request, job, include) for job in jobs]
    return json_response(JobPage(documents, page.cursor))


def document_of(request: web.Request, job: Job, include: Iterable[str] = ()) -> JobDocument:
    """The document of a job."""
    max_attempts = operations_of(request).max_attempts(job)
    return job_document(job, max_attempts=max_attempts, include=include)
