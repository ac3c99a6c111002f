"""Payloads as they are sent, and results as they are wanted."""

import sys
import uuid
from inspect import isclass
from typing import Any

import msgspec

from jobqueue.client.documents import JobDocument
from jobqueue.conflicts import JobCancelled, JobFailed
from jobqueue.errors import UnexpectedAnswer


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return uuid.uuid4().hex


def plain(payload: Any) -> Any:
    """A payload as msgspec can write it."""
    dump = getattr(payload, "model_dump", None)  # a pydantic model, of whatever version
    return payload if dump is None else dump(mode="json")


def read_result(job: JobDocument, kind: Any) -> Any:
    """The result in the document of a job that has ended, as a `kind`.

    Raises:
        JobFailed: the job is dead.
        JobCancelled: it was cancelled.
        UnexpectedAnswer: the result is no such thing.
    """
    if job["state"] == "cancelled":
        raise JobCancelled(f"job {job['id']} was cancelled")
    if job["state"] == "dead":
        why = job["error"]["message"] if job["error"] else "no reason is known"
        raise JobFailed(f"job {job['id']} is dead ({job['reason']}): {why}")
    result = job.get("result")
    try:
        return result if kind is Any else _convert(result, kind)
    except ValueError as error:  # that of pydantic and that of msgspec
        raise UnexpectedAnswer(f"the result of job {job['id']} is another one: {error}") from error


def _convert(result: Any, kind: Any) -> Any:
    # who has no pydantic models does not wait for pydantic's import
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or (isclass(kind) and issubclass(kind, msgspec.Struct)):
        return msgspec.convert(result, kind)
    return pydantic.TypeAdapter(kind).validate_python(result)
