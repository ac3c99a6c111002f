"""`enqueue`'s arguments as a request."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from jobqueue.app.requests import JobRequest, request_from
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.retry import Backoff
from jobqueue.submission import Durability, Parent, Unique

_RICH = {"unique_key", "backoff", "unique", "tags", "depends_on"}
"""Arguments that Python has in another form than JSON."""


def request_of(fields: Mapping[str, Any]) -> JobRequest:
    """A request out of `enqueue`'s arguments."""
    return request_from({"payload": None, **plain_fields(fields)})


def plain_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """`enqueue`'s arguments as JSON has them, but for payload and metadata.

    Raises:
        InvalidRequest: they are none, or contradict each other.
    """
    if not isinstance(fields, Mapping):
        raise _wrong("", "must be a mapping with the arguments of enqueue")
    return fields if _RICH.isdisjoint(fields) else _plain_values(dict(fields))


def _plain_values(values: dict[str, Any]) -> dict[str, Any]:
    if (unique_key := values.pop("unique_key", None)) is not None:
        if values.get("unique") is not None:
            raise _wrong("/unique_key", "give either unique or unique_key, not both")
        values["unique"] = {"key": unique_key}
    if isinstance(backoff := values.get("backoff"), Backoff):
        values["backoff"] = msgspec.structs.asdict(backoff)
    if isinstance(unique := values.get("unique"), Unique):
        values["unique"] = msgspec.structs.asdict(unique)
    for name in ("tags", "depends_on"):
        if isinstance(given := values.get(name), Iterable) and not isinstance(given, str):
            values[name] = [
                msgspec.structs.asdict(each) if isinstance(each, Parent) else each for each in given
            ]
    return values


def durability_from(name: str | None) -> Durability | None:
    """The durability of this name.

    Raises:
        InvalidRequest: there is none.
    """
    if name is None:
        return None
    try:
        return Durability(name)
    except ValueError:
        raise _wrong("/durability", f"must be one of {', '.join(Durability)}") from None


def _wrong(path: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"the job is wrong: {problem}", (FieldError(path, problem),))
