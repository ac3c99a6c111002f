"""Users' functions as job types: what their annotations say becomes parsing and schema."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import msgspec

from jobqueue.app.codec import Parser, parser_for, schema_for
from jobqueue.errors import SettingsError

HandlerFunction = Callable[..., Awaitable[Any]]


class Signature(msgspec.Struct, frozen=True):
    """What a handler takes and gives, out of its annotations."""

    parse_payload: Parser
    payload_schema: dict[str, Any] | None
    parse_result: Parser


def read_signature(function: HandlerFunction) -> Signature:
    """The signature of `async def handler(job, payload)`.

    Raises:
        SettingsError: it is another kind of function; the message says what to change.
    """
    name = getattr(function, "__qualname__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise SettingsError(f"job handler {name}: must be an `async def` function")
    try:
        parameters = inspect.signature(function)
        parameters.bind("job", "payload")
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
    try:
        return Signature(
            parse_payload=parser_for(payload),
            payload_schema=schema_for(payload),
            parse_result=parser_for(hints.get("return", Any), what="result"),
        )
    except SettingsError as error:
        raise SettingsError(f"job handler {name}: {error}") from None
