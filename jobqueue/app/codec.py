"""Payloads and results as JSON: what users' annotations accept, and how values are written."""

from collections.abc import Callable
from inspect import isclass
from typing import Any

import msgspec
from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from jobqueue.app.decoding import field_error
from jobqueue.errors import FieldError, InvalidRequest, SettingsError
from jobqueue.schema_errors import pointer

Parser = Callable[[bytes], Any]
"""Turns JSON into a value; raises InvalidRequest whose paths start at that JSON."""

MAX_ERRORS = 20
"""Wrong fields that one answer names: enough to fix a request, too few to flood a log."""

_UNTYPED = (Any, object, None)
_OBJECTS = (dict, dict[str, Any])


def to_json(value: Any) -> bytes:
    """`value` as JSON: pydantic models, and whatever msgspec can write.

    Raises:
        TypeError: a part of it has no JSON form.
    """
    if isinstance(value, BaseModel):
        return value.__pydantic_serializer__.to_json(value)
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def parser_for(annotation: Any, *, what: str = "payload") -> Parser:
    """The parser of what `annotation` describes: any JSON, msgspec's types, or pydantic's.

    Args:
        annotation: a type.
        what: what the JSON is, for messages.

    Raises:
        SettingsError: no JSON can become such a value.
    """
    if annotation in _UNTYPED:
        return _msgspec_parser(Any, what)
    if annotation in _OBJECTS or (isclass(annotation) and issubclass(annotation, msgspec.Struct)):
        return _msgspec_parser(annotation, what)
    return _pydantic_parser(_adapter(annotation), what)


def schema_for(annotation: Any) -> dict[str, Any] | None:
    """JSON Schema (2020-12) of what `annotation` describes; None where there is none."""
    if annotation in _UNTYPED:
        return None
    if isclass(annotation) and issubclass(annotation, msgspec.Struct):
        return msgspec.json.schema(annotation)
    try:
        return _adapter(annotation).json_schema()
    except PydanticInvalidForJsonSchema:
        return None


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError as error:
        raise SettingsError(f"{annotation!r} cannot be read from JSON: {error}") from None


def _msgspec_parser(kind: Any, what: str) -> Parser:
    decode = msgspec.json.Decoder(kind).decode

    def parse(payload: bytes) -> Any:
        try:
            return decode(payload)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"the {what} is wrong", (field_error(error),)) from None
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"the {what} is wrong", (FieldError("", str(error)),)) from None

    return parse


def _pydantic_parser(adapter: TypeAdapter[Any], what: str) -> Parser:
    validate = adapter.validate_json

    def parse(payload: bytes) -> Any:
        try:
            return validate(payload)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            errors = tuple(
                FieldError(pointer(*problem["loc"]), problem["msg"])
                for problem in found[:MAX_ERRORS]
            )
            raise InvalidRequest(f"the {what} is wrong", errors) from None

    return parse
