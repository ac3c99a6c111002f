"""What the confined process does with a request."""

import contextlib
import datetime as dt
import json
import sys
import zoneinfo
from collections.abc import Callable, Generator, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, cast

import msgspec
from babel import localedata
from jinja2 import Template, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jsonschema import Draft202012Validator
from markupsafe import Markup
from referencing import Registry

from jobqueue.render.charts.specification import check_specification
from jobqueue.render.filling.limits import MAX_OUTPUT, OutOfTime, confine, end_time_limit
from jobqueue.render.filling.messages import (
    Answer,
    ChartCall,
    Compile,
    Failure,
    Fill,
    Markdown,
    Request,
    Validate,
    chart_mark,
)
from jobqueue.render.filling.sandbox import NumberTooLarge, Sandbox
from jobqueue.render.markdown import Parsed
from jobqueue.render.schema import MAX_ERRORS, complete
from jobqueue.render.template_files import SCHEMA, SHARED, TEMPLATE
from jobqueue.schema_errors import schema_errors

DOCUMENTS = Path(__file__).parents[1] / "documents"

READABLE = (
    *(Path(str(import_module(name).__file__)).parent for name in ("babel", "tzdata")),
    *map(Path, zoneinfo.TZPATH),
)
"""Where the tables of locales and time zones are; a machine without its own zones has tzdata's."""

MAX_CHARTS = 100
"""Charts of one document: each takes some 20 ms to draw."""


class OutputTooLarge(OverflowError):
    """More HTML than anybody prints."""


CODES: tuple[tuple[type[BaseException], str, str], ...] = (
    (OutOfTime, "template_too_slow", "took more processor time than a template has"),
    (MemoryError, "template_out_of_memory", "needs more memory than a template has"),
    (RecursionError, "template_too_deep", "calls or includes itself without end"),
    (OutputTooLarge, "template_output_too_large", ""),
    (NumberTooLarge, "template_number_too_large", ""),
    (OverflowError, "template_range_too_large", ""),
    (SecurityError, "template_forbidden", ""),
    (PermissionError, "template_forbidden", ""),
)
"""Error codes, with a message where the exception has none for people."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Request).decode


@cache
def shared_parts() -> dict[str, str]:
    """The shipped parts that every template may include."""
    return {
        f"{SHARED}{path.name}": path.read_text("utf-8")
        for path in (DOCUMENTS / "shared").iterdir()
        if path.is_file()
    }


def warm_up() -> None:
    """Do what each fork would have to do again: imports, and the first use of each part."""
    shared_parts()
    answer = _fill(
        Fill(
            "warm-up",
            {TEMPLATE: b"{{ 1 | money('EUR', locale='en') }}{{ '2024-01-01' | date }}{{ 1|qr }}"},
            {},
            {},
            "",
        )
    )
    assert answer.html  # noqa: S101 - the libraries are there
    localedata.locale_identifiers()
    dt.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin")).strftime("%x")
    Parsed("# One\n\n| a |\n|---|\n| b |")
    list(Draft202012Validator({"type": "object"}, registry=Registry()).iter_errors({}))
    for source in (b"{{ missing }}", b"{% if %}", b"{% include 'template.html' %}"):
        with contextlib.suppress(Exception):  # how they fail wants modules of its own
            _fill(Fill("warm-up", {TEMPLATE: source}, {}, {}, ""))


def confined(request: bytes) -> bytes:
    """The answer to a request, made within the limits."""
    confine(READABLE)
    sources: dict[str, bytes] = {}
    try:
        asked = _decode(request)
        sources = getattr(asked, "files", sources)
        answer = _WORK[type(asked)](asked)
    except Exception as error:  # noqa: BLE001 - all is told
        end_time_limit()
        answer = Answer(failure=_failure(error, sources))
    end_time_limit()
    return _encode(answer)


def _fill(request: Fill) -> Answer:
    environment = Sandbox(request.files, shared_parts())
    charts: list[ChartCall] = []

    def chart(specification: Any) -> Markup:
        """A Vega-Lite chart, drawn once the template is filled."""
        if len(charts) == MAX_CHARTS:
            raise ValueError(f"a document may have {MAX_CHARTS} charts")
        spec = check_specification(specification)
        charts.append(ChartCall(spec, _place_of_call(sys._getframe(1))))  # noqa: SLF001
        return Markup(chart_mark(request.token, len(charts) - 1))  # noqa: S704

    environment.globals["chart"] = chart
    data = request.data
    if schema := request.files.get(SCHEMA):
        data = complete(json.loads(schema), data)
    context = {**data, "data": data, "page": request.page}
    return Answer(html=_bounded(environment.get_template(TEMPLATE), context), charts=tuple(charts))


def _compile(request: Compile) -> Answer:
    environment = Sandbox(request.files, shared_parts())
    for name in request.files:
        if name.endswith(".html"):
            environment.get_template(name)
    return Answer()


def _validate(request: Validate) -> Answer:
    # an empty store of references: a schema may not make this process fetch anything
    validator = Draft202012Validator(
        json.loads(request.schema),
        registry=Registry(),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    found = validator.iter_errors(request.data)
    return Answer(errors=schema_errors(found, at=request.at, most=MAX_ERRORS))


def _markdown(request: Markdown) -> Answer:
    parsed = Parsed(request.text)
    context = {
        "title": parsed.title,
        "body": Markup(parsed.with_contents()),  # noqa: S704 - HTML in the text was escaped
        "page": request.page,
    }
    environment = Sandbox({}, shared_parts())
    return Answer(html=_bounded(environment.get_template(f"{SHARED}markdown.html"), context))


_WORK: dict[type, Callable[[Any], Answer]] = {
    Compile: _compile,
    Fill: _fill,
    Markdown: _markdown,
    Validate: _validate,
}


def _bounded(template: Template, context: dict[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    made = cast("Generator[str, None, None]", template.generate(context))
    for part in made:
        size += len(part)
        if size > MAX_OUTPUT:  # thrown where the template is, so that its line is known
            made.throw(OutputTooLarge(f"makes more than {MAX_OUTPUT} characters of HTML"))
        parts.append(part)
    return "".join(parts)


def _failure(error: BaseException, files: dict[str, bytes]) -> Failure:
    message = str(error)[:500]
    if isinstance(error, TemplateNotFound):
        message = f"there is no file {str(error)[:200]!r} in the template, nor in {SHARED}"
    code = "template_error"
    for kind, its_code, words in CODES:
        if isinstance(error, kind):
            code, message = its_code, words or message
            break
    return Failure(code, message or type(error).__name__, _place(error, files))


def _place(error: BaseException, files: dict[str, bytes]) -> str:
    """The innermost file and line of the template that an error came from."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}, line {error.lineno}"
    lines = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in _walk(error.__traceback__)
        if frame.f_code.co_filename in files or frame.f_code.co_filename.startswith(SHARED)
    ]
    return lines[-1] if lines else ""


def _walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _place_of_call(frame: FrameType | None) -> str:
    """The file and line of the template that a frame is called from."""
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            line = template.get_corresponding_lineno(frame.f_lineno)
            return f"{template.filename}, line {line}"
        frame = frame.f_back
    return ""
