"""`enqueue`'s arguments as a request."""

from collections.abc import Mapping
from typing import Any

import msgspec

from jobqueue.app.requests import JobRequest, request_from
from jobqueue.retry import Backoff
from jobqueue.submission import Parent, Unique

_RICH = {"unique_key", "backoff", "unique", "depends_on"}
"""Arguments that Python has in another form than JSON."""


def request_of(fields: Mapping[str, Any]) -> JobRequest:
    """A request out of `enqueue`'s arguments."""
    return request_from(plain_fields(fields))


def plain_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """`enqueue`'s arguments as JSON has them, but for payload and metadata."""
    if _RICH.isdisjoint(fields):
        return fields
    values = dict(fields)
    if (unique_key := values.pop("unique_key", None)) is not None:
        values["unique"] = {"key": unique_key}
    if isinstance(backoff := values.get("backoff"), Backoff):
        values["backoff"] = msgspec.structs.asdict(backoff)
    if isinstance(unique := values.get("unique"), Unique):
        values["unique"] = msgspec.structs.asdict(unique)
    if "depends_on" in values:
        values["depends_on"] = [
            msgspec.structs.asdict(parent) if isinstance(parent, Parent) else parent
            for parent in values["depends_on"]
        ]
    return values
