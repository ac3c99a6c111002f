"""Submitting over HTTP: what all routes that take jobs have in common."""

import msgspec
from aiohttp import web

from jobqueue.app.requests import JobRequest, check_key
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.http.answers import json_response
from jobqueue.http.documents import (
    AcceptedDocument,
    BulkDocument,
    JobDocument,
    job_document,
    job_path,
)
from jobqueue.http.queries import Query
from jobqueue.http.state import operations_of
from jobqueue.model import Job, Submitted
from jobqueue.submission import Accepted, Durability

KEY_HEADER = "Idempotency-Key"


async def submit_one(
    request: web.Request, job: JobRequest, *, payload_path: str = "/payload"
) -> web.Response:
    """Enqueue one job and answer 202, or 200 where another job stands for it."""
    durability = durability_of(request)
    job = msgspec.structs.replace(job, key=one_key(request, job.key))
    submitted = await operations_of(request).submit(
        job, payload_path=payload_path, durability=durability
    )
    return _answer(request, submitted)


async def submit_all(request: web.Request, jobs: list[JobRequest]) -> web.Response:
    """Enqueue many jobs, all or none.

    A key of the whole call becomes a key of each job, so that a second call with it doubles
    nothing and completes what the first one may have left.
    """
    durability = durability_of(request)
    key = _key(request)
    if key is not None:
        jobs = [
            job if job.key else msgspec.structs.replace(job, key=f"{key}/{index}")
            for index, job in enumerate(jobs)
        ]
    accepted = await operations_of(request).submit_many(jobs, durability=durability)
    return json_response(BulkDocument([accepted_document(each) for each in accepted]), status=202)


def accepted(request: web.Request, job: Job) -> web.Response:
    """The answer that a job is in its queue."""
    document = document_of(request, job)
    return json_response(document, status=202, headers={"Location": job_path(job.id)})


def document_of(request: web.Request, job: Job) -> JobDocument:
    """The document of a job, with its result."""
    max_attempts = operations_of(request).max_attempts(job)
    return job_document(job, max_attempts=max_attempts, include=("result",))


def _answer(request: web.Request, submitted: Submitted) -> web.Response:
    if submitted.stands_for is None:
        return accepted(request, submitted.job)
    document = document_of(request, submitted.job)
    if submitted.stands_for == "unique":
        document.duplicate = True
    return json_response(document, headers={"Location": job_path(submitted.job.id)})


def accepted_document(accepted: Accepted) -> AcceptedDocument:
    """One job of a call with many."""
    duplicate = True if accepted.stands_for == "unique" else msgspec.UNSET
    return AcceptedDocument(accepted.id, accepted.state, duplicate)


def one_key(request: web.Request, given: str | None) -> str | None:
    """The idempotency key of a request whose body may have one, `given`, as well as its headers.

    Raises:
        InvalidRequest: they are two.
    """
    key = _key(request)
    if key is not None and given not in {None, key}:
        problem = f"differs from the {KEY_HEADER} header: give one of them"
        raise InvalidRequest("the request has two keys", (FieldError("/key", problem),))
    return given if key is None else key


def _key(request: web.Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    return None if key is None else check_key(key, KEY_HEADER)


def durability_of(request: web.Request) -> Durability | None:
    """How safe what is submitted is to be when it is answered; refuses all other parameters."""
    query = Query(request, ("durability",))
    name = query.text("durability")
    if name is not None and name not in set(Durability):
        query.wrong("durability", f"must be one of {', '.join(Durability)}")
    query.check()
    return None if name is None else Durability(name)
