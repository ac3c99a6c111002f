"""Strict JSON: fast where it is right, and every wrong field named where it is not."""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from jobqueue.app.advice import advice
from jobqueue.errors import FieldError, InvalidRequest, MalformedBody
from jobqueue.schema_errors import pointer

Model = TypeVar("Model", bound=msgspec.Struct)

_ESCAPE = b"\\u"
_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any_json = msgspec.json.Decoder(msgspec.Raw).decode


class Decoder(Generic[Model]):
    """Reads JSON objects of one kind.

    Stricter than JSON parsers commonly are: a field given twice means different things to
    different readers, so it is refused; so is text that is not UTF-8.

    Args:
        model: a msgspec struct that forbids unknown fields.
    """

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self._decode = msgspec.json.Decoder(model).decode
        names = "|".join(field.encode_name for field in msgspec.structs.fields(model))
        # names that may be fields, and names that are written with escapes
        pattern = rf'"(?:{names})"(?=\s*:)|\\u(?=[^"\\]*"\s*:)'
        self._names = re.compile(pattern.encode()).findall

    def __call__(self, body: bytes) -> Model:
        """The object in `body`.

        Raises:
            MalformedBody: it is not JSON.
            InvalidRequest: it is another object; names each wrong field.
        """
        check_text(body)
        try:
            decoded = self._decode(body)
        except msgspec.ValidationError as error:
            self._refuse(body, error)
        except (ValueError, RecursionError) as error:
            raise malformed(error) from None
        found = self._names(body)
        if len(found) != len(set(found)) or _ESCAPE in found:
            _refuse_repeats(body)
        return decoded

    def _refuse(self, body: bytes, error: msgspec.ValidationError) -> NoReturn:
        check_json(body)  # it was read up to the error only
        try:
            errors = explain(_fields_of(body), self._model, _decode_one)
        except msgspec.ValidationError:
            errors = (field_error(error),)
        raise InvalidRequest("the request has wrong fields", errors)


def fields_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object, each as it is written.

    Raises:
        MalformedBody: `body` is not JSON, or has a field twice.
        InvalidRequest: it is no object.
    """
    check_text(body)
    try:
        fields = _fields_of(body)
    except msgspec.ValidationError as error:
        check_json(body)  # it was read up to the error only
        raise InvalidRequest("the body is no JSON object", (field_error(error),)) from None
    except (ValueError, RecursionError) as error:
        raise malformed(error) from None
    _refuse_repeats(body)
    return fields


def check_json(body: bytes) -> None:
    """Raises MalformedBody unless `body` is JSON."""
    check_text(body)
    try:
        _any_json(body)
    except (ValueError, RecursionError) as error:
        raise malformed(error) from None


def check_text(body: bytes) -> None:
    """Raises MalformedBody unless `body` is UTF-8."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise MalformedBody(f"the body is not UTF-8: byte {error.start}") from None


def malformed(error: Exception) -> MalformedBody:
    """What to answer to a body on which a JSON parser failed with `error`."""
    if isinstance(error, RecursionError):
        return MalformedBody("the body is not JSON that can be read: it is nested too deeply")
    return MalformedBody(f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ')}")


def explain(
    fields: Mapping[str, Any], model: type[msgspec.Struct], decode: Callable[[Any, Any], object]
) -> tuple[FieldError, ...]:
    """Everything that is wrong with `fields` as a `model`.

    Args:
        fields: what was given, by name.
        model: a struct that forbids unknown fields.
        decode: reads one field's value as the given type, or raises msgspec's ValidationError.
    """
    known = {field.encode_name: field for field in msgspec.structs.fields(model)}
    errors = [_unknown(name, known) for name in fields if name not in known]
    for name, field in known.items():
        if name in fields:
            try:
                decode(fields[name], field.type)
            except msgspec.ValidationError as error:
                errors.append(field_error(error, base=pointer(name), kind=field.type))
        elif field.required:
            errors.append(FieldError(pointer(name), "is missing"))
    return tuple(errors)


_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "datetime": "a time",
    "raw": "JSON",
}
_TYPE = re.compile(r"`([a-z |]+)`")
_UNADVISED = re.compile(r"^Invalid enum value|matching regex")
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.*)`")


def field_error(error: msgspec.ValidationError, *, base: str = "", kind: Any = None) -> FieldError:
    """Where and what, out of msgspec's one line, e.g. ``Expected `int` - at `$.a[0]```.

    Args:
        error: that line.
        base: where the value is that was read.
        kind: as what it was read, where the error should say what is taken there.
    """
    message, _, place = str(error).partition(" - at ")
    # the key of a mapping is not in the message: point at the mapping
    path, _, below = place.removeprefix("`key` in ").strip("`").partition("[...]")
    path = path.removeprefix("$").replace("]", "")
    inside = path.replace("[", "/").replace(".", "/")
    where = base + inside
    if named := _FIELD.match(message):
        what = "unknown field" if named[1] == "contains unknown" else "is missing"
        return FieldError(where + pointer(named[2]), what)
    if kind is not None and _UNADVISED.search(message):
        known = advice(kind, inside.split("/")[1:])
        message = known or message
    text = _TYPE.sub(lambda match: " or ".join(_plain_words(match[1])), message)
    named_below = f", in {below.removeprefix('.')} of one of them" if below else ""
    return FieldError(where, text[:1].lower() + text[1:] + named_below)


def _plain_words(names: str) -> Iterator[str]:
    return (_WORDS.get(name, name) for name in names.split(" | "))


def _unknown(name: str, known: Iterable[str]) -> FieldError:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return FieldError(pointer(name), f"unknown field{hint}")


def _decode_one(value: msgspec.Raw, kind: Any) -> object:
    return msgspec.json.decode(value, type=kind)


def _refuse_repeats(body: bytes) -> None:
    """Raises MalformedBody when the object itself (not what is inside it) repeats a name."""
    try:
        pairs = json.loads(body, object_pairs_hook=list, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise malformed(error) from None
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise MalformedBody(f"the body has the field {name!r} twice")
