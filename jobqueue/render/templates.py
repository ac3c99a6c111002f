"""The templates: folders of `template.html`, `schema.json` and `sample.json`."""

import asyncio
import json
import traceback
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from jobqueue.errors import InvalidRequest, UnknownTemplate, Unrecoverable
from jobqueue.registry import check_name
from jobqueue.render.figures import invoice_figures, statement_figures
from jobqueue.render.filters import FILTERS
from jobqueue.render.options import RenderOptions
from jobqueue.render.paper import INCH_MM
from jobqueue.render.schema import DataSchema
from jobqueue.render.table_layout import table_layout
from jobqueue.render.template_files import TemplateFiles, read_folder

SHIPPED = Path(__file__).parent / "documents"
"""The templates that come with the program."""

TEMPLATE_ERROR = "template_error"

MAX_OUTPUT = 32 * 1024 * 1024
"""Characters of HTML that a template may make; Chromium lays out far less in a job's time."""

_GLOBALS = {
    "invoice_figures": invoice_figures,
    "statement_figures": statement_figures,
    "table_layout": table_layout,
}


class Templates:
    """All templates of one folder, read at start.

    Args:
        folder: has a folder for each template, named like it.

    Raises:
        SettingsError: a template's name is not allowed.
        jsonschema.SchemaError: a schema is none.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        self._folder = folder
        paths = sorted(path.parent for path in folder.glob("*/template.html"))
        self._names = tuple(check_name("template", path.name) for path in paths)
        self._schemas = {name: DataSchema(self._json(name, "schema.json")) for name in self._names}
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= FILTERS
        self._environment.globals |= _GLOBALS

    def _json(self, name: str, file: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self._folder / name / file).read_text("utf-8"))
        return content

    def names(self) -> tuple[str, ...]:
        """The templates there are."""
        return self._names

    def files(self, name: str) -> TemplateFiles:
        """A template as its files."""
        self._schema(name)
        return TemplateFiles(name, 0, read_folder(self._folder / name))

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of a template's data."""
        return self._schema(name).schema

    def sample(self, name: str) -> dict[str, Any]:
        """Data that a template can be tried with."""
        self._schema(name)
        return self._json(name, "sample.json")

    def _schema(self, name: str) -> DataSchema:
        schema = self._schemas.get(name)
        if schema is None:
            raise UnknownTemplate(
                f"there is no template {name!r}; there are {', '.join(self._names)}"
            )
        return schema

    def validate(self, name: str, data: Any, *, at: str = "") -> None:
        """Check data against a template's schema.

        Args:
            name: the template.
            data: what it is to be filled with.
            at: JSON pointer of `data` in the request, for the errors.

        Raises:
            UnknownTemplate: there is none of this name.
            InvalidRequest: the data does not fit; names every field.
        """
        errors = self._schema(name).errors(data, at=at)
        if errors:
            raise InvalidRequest(f"the data does not fit template {name!r}", errors)

    async def render(
        self, name: str, data: dict[str, Any], options: RenderOptions, *, small: bool = False
    ) -> str:
        """The HTML of a template filled with `data`, made in a thread.

        Args:
            name: the template.
            data: checked with `validate`; templates see what it leaves out as null.
            options: the paper that the document is for; templates see it as `page`.
            small: the data is of a few kilobytes: a thread would cost more than it saves.

        Raises:
            Unrecoverable: `template_error`, naming line and variable.
        """
        if small:
            return self._render(name, data, options)
        return await asyncio.to_thread(self._render, name, data, options)

    def _render(self, name: str, data: dict[str, Any], options: RenderOptions) -> str:
        try:
            template = self._environment.get_template(f"{name}/template.html")
            complete = self._schemas[name].complete(data)
            return _join_bounded(
                template, {**complete, "data": complete, "page": page_facts(options)}
            )
        except Exception as error:
            line = _line(error, self._folder / name / "template.html")
            place = f"template {name}" + (f", line {line}" if line else "")
            raise Unrecoverable(TEMPLATE_ERROR, f"{place}: {_reason(error)}") from error


def page_facts(options: RenderOptions) -> dict[str, Any]:
    """The paper, as templates see it."""
    width, height = options.content
    given = options.model_fields_set
    return {
        "width_mm": width * INCH_MM,
        "height_mm": height * INCH_MM,
        "may_turn": not given & {"landscape", "paper_width", "prefer_css_page_size"},
        "has_header": options.header_html is not None,
        "has_footer": options.footer_html is not None,
    }


def _join_bounded(template: Template, context: dict[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    for part in template.generate(context):
        size += len(part)
        if size > MAX_OUTPUT:
            raise ValueError(f"makes more than {MAX_OUTPUT} characters of HTML")
        parts.append(part)
    return "".join(parts)


def _line(error: Exception, file: Path) -> int | None:
    """The innermost line of the template that an error came from; jinja2 puts it there."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return lines[-1] if lines else None


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:500]
