"""What a report is made of: the payload of a report job, checked as a whole."""

from collections.abc import Iterator
from typing import Any

import msgspec
from pydantic import ValidationError

from jobqueue.errors import FieldError, InvalidRequest, UnknownTemplate
from jobqueue.jobs.page_sources import PageSource, read_bundle_field, read_url, wrong_options
from jobqueue.jobs.report_parts import PartsReader, PartsSource, Reader, of_part, unknown_fields
from jobqueue.jobs.template_keys import split_label
from jobqueue.net.vetting import NOTHING_ALLOWED, Vetting
from jobqueue.render.options import RenderOptions
from jobqueue.render.templates import Templates
from jobqueue.schema_errors import pointer


class TemplateSource(msgspec.Struct, frozen=True):
    """A template, and what it is filled with."""

    name: str
    data: dict[str, Any]


class OwnTemplateSource(msgspec.Struct, frozen=True):
    """A user's template, as `letter@3` where the version is pinned, and what it is filled with."""

    label: str
    data: dict[str, Any]


class MarkdownSource(msgspec.Struct, frozen=True):
    """A text in Markdown, which becomes a document in the shipped layout."""

    text: str


class HtmlSource(msgspec.Struct, frozen=True):
    """A complete document."""

    html: str


HtmlKind = TemplateSource | OwnTemplateSource | MarkdownSource | HtmlSource
Source = HtmlKind | PageSource


class ReportRequest(msgspec.Struct, frozen=True):
    """A checked payload: what to make a document from, and what it is to look like.

    Attributes:
        size: bytes of the payload.
    """

    source: Source | PartsSource
    options: RenderOptions
    size: int


class ReportParser:
    """Checks payloads, a template's data included.

    Args:
        templates: the shipped templates.
        own: whether users' templates can be had; the data of those is checked elsewhere.
        vetting: the hosts that documents may load from.
    """

    def __init__(
        self, templates: Templates, *, own: bool = False, vetting: Vetting = NOTHING_ALLOWED
    ) -> None:
        self._templates = templates
        self._own = own
        self._vetting = vetting
        readers: dict[str, Reader] = {
            "template": self._template,
            "html": _html,
            "markdown": _markdown,
            "bundle": read_bundle_field,
            "url": lambda fields: read_url(fields, vetting),
        }
        self._readers: dict[str, Reader] = {
            **readers,
            "parts": PartsReader(readers, _parse_options),
        }
        """How each kind of source is read; a request has exactly one of these fields."""

    def __call__(self, payload: bytes) -> ReportRequest:
        """The request in a payload's JSON.

        Raises:
            UnknownTemplate: there is no template of that name.
            InvalidRequest: names every wrong field by its JSON pointer.
        """
        fields = _decode(payload)
        known = (*self._readers, "data", "options")
        errors = unknown_fields(fields, known)
        options, wrong = _parse_options(fields.get("options"))
        errors += wrong
        source, wrong_source = self._source(fields)
        errors += wrong_source
        if options is not None and source is not None:
            errors += self._wrong_together(source, options)
        if errors or options is None or source is None:
            raise InvalidRequest("the report request has wrong fields", tuple(errors))
        return ReportRequest(source, options, len(payload))

    def _wrong_together(
        self, source: Source | PartsSource, options: RenderOptions
    ) -> Iterator[FieldError]:
        """What is wrong with options beside what a report is made of."""
        yield from wrong_options(source, options, self._vetting)
        if not isinstance(source, PartsSource):
            return
        if options.output != "pdf":
            yield FieldError("/options/output", "must be pdf: only PDFs are merged")
        for index, part in enumerate(source.parts):
            if part.options is not None:
                wrong = wrong_options(part.source, part.options, self._vetting)
                yield from (of_part(index, each) for each in wrong)

    def _source(
        self, fields: dict[str, Any]
    ) -> tuple[Source | PartsSource | None, list[FieldError]]:
        """What the document is made from, or what is wrong with it."""
        given = [name for name in self._readers if fields.get(name) is not None]
        if len(given) != 1:
            return None, [FieldError("", f"exactly one of {', '.join(self._readers)} is needed")]
        source, errors = self._readers[given[0]](fields)
        if fields.get("data") is not None and given != ["template"]:
            errors.append(FieldError("/data", f"belongs to a template, not to {given[0]}"))
        return source, errors

    def _template(self, fields: dict[str, Any]) -> tuple[Source | None, list[FieldError]]:
        name, data = fields["template"], fields.get("data")
        if not isinstance(name, str):
            return None, [FieldError("/template", "must be the name of a template")]
        if self._own and name not in self._templates.names() and split_label(name):
            return _own_template(name, data)
        if "data" not in fields and name in self._templates.names():
            return None, [FieldError("/data", "is required")]
        try:
            self._templates.validate(name, data, at="/data")
        except UnknownTemplate as error:
            raise UnknownTemplate(str(error), (FieldError("/template", str(error)),)) from None
        except InvalidRequest as error:
            return None, list(error.errors)
        return TemplateSource(name, data or {}), []


def _own_template(label: str, data: Any) -> tuple[Source | None, list[FieldError]]:
    if data is not None and not isinstance(data, dict):
        return None, [FieldError("/data", "must be an object")]
    return OwnTemplateSource(label, data or {}), []


def _markdown(fields: dict[str, Any]) -> tuple[Source | None, list[FieldError]]:
    text = fields["markdown"]
    if not isinstance(text, str) or not text.strip():
        return None, [FieldError("/markdown", "must be a text that is not empty")]
    return MarkdownSource(text), []


def _html(fields: dict[str, Any]) -> tuple[Source | None, list[FieldError]]:
    html = fields["html"]
    if not isinstance(html, str) or not html.strip():
        return None, [FieldError("/html", "must be a text of HTML that is not empty")]
    return HtmlSource(html), []


def _decode(payload: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"the payload is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("the payload must be a JSON object", (FieldError("", "no object"),))
    return fields


def _parse_options(value: Any) -> tuple[RenderOptions | None, list[FieldError]]:
    if value is None:
        return RenderOptions(), []
    try:
        return RenderOptions.model_validate(value), []
    except ValidationError as error:
        return None, [
            FieldError(pointer("options", *each["loc"]), _words(each["msg"]))
            for each in error.errors(include_url=False, include_input=False)
        ]


def _words(message: str) -> str:
    return "must be an object" if "valid dictionary" in message else message
