"""Users' functions as job types: what their annotations say becomes parsing and schema."""

import inspect
from collections.abc import Callable, Sequence
from inspect import isclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from jobqueue.app.codec import Parser, parser_for, schema_for
from jobqueue.errors import SettingsError

HandlerFunction = Callable[..., Any]
"""An `async def` function, or a plain one."""


class Signature(msgspec.Struct, frozen=True):
    """What a handler takes and gives, out of its annotations."""

    parse_payload: Parser
    payload_schema: dict[str, Any] | None
    parse_result: Parser


def read_signature(function: HandlerFunction, *, batched: bool = False) -> Signature:
    """The signature of `handler(job, payload)`, which may take more by name.

    Args:
        function: what a user defined.
        batched: it takes and gives lists of what is read here.

    Raises:
        SettingsError: it is another kind of function; the message says what to change.
    """
    name = getattr(function, "__qualname__", repr(function))
    if not _can_be_called(function):
        raise SettingsError(f"job handler {name}: must be an `async def` or a `def` function")
    try:
        parameters = inspect.signature(function)
        parameters.bind_partial("job", "payload")
        hints = get_type_hints(function)
    except TypeError:
        raise SettingsError(
            f"job handler {name}: must take two arguments, job and payload"
        ) from None
    except NameError as error:
        raise SettingsError(
            f"job handler {name}: cannot resolve its annotations: {error}"
        ) from None
    payload = hints.get([*parameters.parameters][1], Any)
    result = hints.get("return", Any)
    try:
        if batched:
            payload, result = _item_of(payload), _without_errors(_item_of(result))
        return Signature(
            parse_payload=parser_for(payload),
            payload_schema=schema_for(payload),
            parse_result=parser_for(result, what="result"),
        )
    except SettingsError as error:
        raise SettingsError(f"job handler {name}: {error}") from None


def _can_be_called(function: object) -> bool:
    """Whether it is a function that returns, and does not yield."""
    yields = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    return not yields and (inspect.isroutine(function) or inspect.iscoroutinefunction(function))


def _item_of(annotation: Any) -> Any:
    """What a list of this annotation holds."""
    if annotation in {Any, list, Sequence}:
        return Any
    if get_origin(annotation) not in {list, Sequence}:
        raise SettingsError(
            f"takes a batch, so its payloads and what it returns are lists, not {annotation!r}"
        )
    return get_args(annotation)[0]


def _without_errors(annotation: Any) -> Any:
    """An annotation without the exceptions that stand for jobs which failed."""
    kinds = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    results = [kind for kind in kinds if not (isclass(kind) and issubclass(kind, BaseException))]
    return Union[tuple(results)] if results else Any  # noqa: UP007 - made of what is found
