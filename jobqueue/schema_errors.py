"""What does not fit a JSON Schema, in words that people understand."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jobqueue.errors import FieldError

MAX_MESSAGE = 500
"""Characters of a validator's own message: it may repeat all that it was given."""

_MAX_VALUE = 60

_Error = Any
"""A `jsonschema.ValidationError`, whose fields are typed as possibly unset; here they are set."""

_WORDS = {
    "minLength": "must not be shorter than {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
}


def schema_errors(found: Iterable[_Error], *, at: str, most: int) -> tuple[FieldError, ...]:
    """The errors of a validator, in its order, each told once.

    Args:
        found: as `iter_errors` gives them; only as many are made as are told.
        at: JSON pointer of what was checked in the request.
        most: how many are told.
    """
    told: dict[FieldError, None] = {}  # several may be told of one object, each of all
    for error in found:
        told |= dict.fromkeys(_explain(error, at))
        if len(told) >= most:
            break
    return tuple(told)[:most]


def pointer(*names: Any) -> str:
    """A JSON pointer (RFC 6901) to the field of these names."""
    return "".join(f"/{str(name).replace('~', '~0').replace('/', '~1')}" for name in names)


def _explain(error: _Error, at: str) -> Iterator[FieldError]:
    path = at + pointer(*error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield FieldError(path + pointer(name), "is required")
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for name in error.instance:
            if name not in known:
                yield FieldError(path + pointer(name), f"is not known; there are {_join(known)}")
    else:
        explain = _EXPLAIN.get(str(error.validator), _explain_by_words)
        yield FieldError(path, explain(error))


def _explain_by_words(error: _Error) -> str:
    words = _WORDS.get(str(error.validator))
    if error.validator == "minLength" and error.validator_value == 1:
        return "must not be empty"
    return words.format(error.validator_value) if words else _explain_by_description(error)


def _explain_type(error: _Error) -> str:
    wanted = error.validator_value
    names = wanted if isinstance(wanted, list) else [wanted]
    return f"must be {' or '.join(names)}, not {_json_type(error.instance)}"


def _explain_by_description(error: _Error) -> str:
    """What the schema itself says in a `description`, else the validator's own words."""
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    if description is None:
        return str(error.message)[:MAX_MESSAGE]
    value = repr(error.instance)
    shown = value if len(value) <= _MAX_VALUE else f"{value[:_MAX_VALUE]}…"
    return f"must be {description}, not {shown}"


def _explain_enum(error: _Error) -> str:
    return f"must be one of {_join(error.validator_value)}"


_EXPLAIN: dict[str, Callable[[_Error], str]] = {
    "type": _explain_type,
    "enum": _explain_enum,
}


def _join(names: Any) -> str:
    return ", ".join(map(str, names))


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    kinds = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), type(value).__name__)
