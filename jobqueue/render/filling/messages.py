"""What is asked of the filling processes, and what they answer."""

from typing import Any

import msgspec

from jobqueue.errors import FieldError


class Fill(msgspec.Struct, frozen=True, tag=True):
    """Fill a template.

    Attributes:
        label: what errors call it.
        files: the template's own, by their names.
        data: what it is filled with.
        page: the paper, as templates see it.
        token: random; marks where charts belong in the HTML.
    """

    label: str
    files: dict[str, bytes]
    data: dict[str, Any]
    page: dict[str, Any]
    token: str


class Compile(msgspec.Struct, frozen=True, tag=True):
    """Look whether the files are a template."""

    files: dict[str, bytes]


class Validate(msgspec.Struct, frozen=True, tag=True):
    """Look whether data fits a template's schema; `at` is its JSON pointer in the request."""

    schema: bytes
    data: Any
    at: str


class Markdown(msgspec.Struct, frozen=True, tag=True):
    """Make a document of a text in Markdown."""

    text: str
    page: dict[str, Any]


Request = Fill | Compile | Validate | Markdown


class ChartCall(msgspec.Struct, frozen=True):
    """A chart that a template wants drawn: its specification in JSON, and where it was called."""

    spec: bytes
    place: str


class Failure(msgspec.Struct, frozen=True):
    """Why there is no HTML, `place` being a file and a line where one is known."""

    code: str
    message: str
    place: str = ""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a request."""

    html: str = ""
    charts: tuple[ChartCall, ...] = ()
    failure: Failure | None = None
    errors: tuple[FieldError, ...] = ()


def chart_mark(token: str, index: int) -> str:
    """What stands in the HTML for the chart of this number; nobody can guess it."""
    return f"<!--chart {token} {index}-->"
