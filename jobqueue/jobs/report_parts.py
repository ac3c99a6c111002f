"""Reports made from several parts, which become one document in their order."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError

from jobqueue.errors import FieldError, UnknownTemplate
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.finish import FinishOptions
from jobqueue.render.options.finish_values import FileSource
from jobqueue.schema_errors import pointer

if TYPE_CHECKING:
    from jobqueue.jobs.report_request import Source

MAX_PARTS = 100
"""Parts of one report: each is rendered by itself, in the time of one job."""

Reader = Callable[[dict[str, Any]], tuple[Any, list[FieldError]]]
OptionParser = Callable[[Any], tuple[RenderOptions | None, list[FieldError]]]

_OF_THE_WHOLE = frozenset({*FinishOptions.model_fields, "output", "filename"})


class PdfSource(msgspec.Struct, frozen=True):
    """A PDF that is there already."""

    file: FileSource


class Part(msgspec.Struct, frozen=True):
    """One part.

    Attributes:
        options: its own; None for those of the report.
    """

    source: "Source | PdfSource"
    options: RenderOptions | None


class PartsSource(msgspec.Struct, frozen=True):
    """Several documents in their order."""

    parts: tuple[Part, ...]


class PartsReader:
    """Reads the field `parts` of a request.

    Args:
        readers: how each other kind of source is read.
        parse_options: reads options.
    """

    def __init__(self, readers: Mapping[str, Reader], parse_options: OptionParser) -> None:
        self._readers = {**readers, "pdf": _pdf}
        self._parse_options = parse_options

    def __call__(self, fields: dict[str, Any]) -> tuple[PartsSource | None, list[FieldError]]:
        """The parts, or what is wrong with them.

        Raises:
            UnknownTemplate: a part names a template that is not there.
        """
        given = fields["parts"]
        if not isinstance(given, list) or not 0 < len(given) <= MAX_PARTS:
            return None, [FieldError("/parts", f"must be a list of 1 to {MAX_PARTS} parts")]
        parts: list[Part] = []
        errors: list[FieldError] = []
        for index, each in enumerate(given):
            part, wrong = self._part(each, index)
            errors += [of_part(index, error) for error in wrong]
            if part is not None:
                parts.append(part)
        return (None, errors) if errors else (PartsSource(tuple(parts)), [])

    def _part(self, fields: Any, index: int) -> tuple[Part | None, list[FieldError]]:
        if not isinstance(fields, dict):
            return None, [FieldError("", "must be an object")]
        known = (*self._readers, "data", "options")
        errors = unknown_fields(fields, known)
        kinds = [name for name in self._readers if fields.get(name) is not None]
        if len(kinds) != 1:
            names = " and ".join(self._readers)
            return None, [*errors, FieldError("", f"exactly one of {names} is needed")]
        try:
            source, wrong = self._readers[kinds[0]](fields)
        except UnknownTemplate as error:
            places = tuple(of_part(index, each) for each in error.errors)
            raise UnknownTemplate(str(error), places) from None
        if fields.get("data") is not None and kinds != ["template"]:
            wrong.append(FieldError("/data", f"belongs to a template, not to {kinds[0]}"))
        options, wrong_options = self._options(fields.get("options"), kinds[0])
        errors += [*wrong, *wrong_options]
        return (None, errors) if errors or source is None else (Part(source, options), [])

    def _options(self, value: Any, kind: str) -> tuple[RenderOptions | None, list[FieldError]]:
        if value is None:
            return None, []
        options, errors = self._parse_options(value)
        names = [name for name in value if value[name] is not None] if options else []
        for name in names:
            if name in _OF_THE_WHOLE:
                message = "belongs to the whole document: give it in /options"
                errors.append(FieldError(pointer("options", name), message))
            elif kind == "pdf" and name != "page_ranges":
                message = "not for a PDF, which is there already: it takes page_ranges"
                errors.append(FieldError(pointer("options", name), message))
        return options, errors


def parts_schema(kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of `parts`.

    Args:
        kinds: the schemas of the fields that a source may have.
    """
    options = {"$ref": "#/properties/options"}
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_PARTS,
        "description": "documents that are merged, in their order",
        "items": {
            "type": "object",
            "properties": {**kinds, "pdf": {"$ref": "#/$defs/FileSource"}, "options": options},
            "additionalProperties": False,
        },
    }


def _pdf(fields: dict[str, Any]) -> tuple[PdfSource | None, list[FieldError]]:
    try:
        return PdfSource(FileSource.model_validate(fields["pdf"])), []
    except ValidationError as error:
        return None, [
            FieldError(pointer("pdf", *each["loc"]), _words(each))
            for each in error.errors(include_url=False, include_input=False)
        ]


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "is not known; there are base64, key"
    if error["type"] == "model_type":
        return "must be an object with base64 or key"
    text: str = error["msg"]
    return text.removeprefix("Value error, ")


def unknown_fields(fields: Mapping[str, Any], known: Collection[str]) -> list[FieldError]:
    """An error for each field that is none of those `known`."""
    return [
        FieldError(pointer(name), f"is not known; there are {', '.join(known)}")
        for name in fields
        if name not in known
    ]


def of_part(index: int, error: FieldError) -> FieldError:
    """An error in a part, as the whole request has it."""
    return FieldError(pointer("parts", index) + error.path, error.message)
