"""`enqueue`'s arguments as a request."""

from collections.abc import Mapping
from typing import Any

import msgspec

from jobqueue.app.requests import JobRequest, request_from
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.retry import Backoff
from jobqueue.submission import Parent, Unique


def request_of(fields: Mapping[str, Any]) -> JobRequest:
    """A request out of `enqueue`'s arguments."""
    return request_from(plain_fields(fields))


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`enqueue`'s arguments as JSON has them, but for payload and metadata.

    Raises:
        InvalidRequest: `fields` are no mapping.
    """
    try:
        values = dict(fields)
    except (TypeError, ValueError):
        problem = f"must be a mapping of a job's fields, not {type(fields).__name__}"
        raise InvalidRequest("a job is wrong", (FieldError("", problem),)) from None
    if (unique_key := values.pop("unique_key", None)) is not None:
        values["unique"] = {"key": unique_key}
    if isinstance(backoff := values.get("backoff"), Backoff):
        values["backoff"] = msgspec.structs.asdict(backoff)
    if isinstance(unique := values.get("unique"), Unique):
        values["unique"] = msgspec.structs.asdict(unique)
    if not isinstance(values.get("depends_on", ""), str):  # a text is wrong as a whole
        values["depends_on"] = [
            msgspec.structs.asdict(parent) if isinstance(parent, Parent) else parent
            for parent in values["depends_on"]
        ]
    return values
