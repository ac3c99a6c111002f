"""docs/rendering.md says what the program does."""

import re
from pathlib import Path

import pytest

from jobqueue.errors import InvalidRequest
from jobqueue.http.routes import API_ROUTES
from jobqueue.render.filling.sandbox import FILTERS
from jobqueue.render.filling.work import CODES
from jobqueue.render.template_files import MAX_BYTES, MAX_FILES, MAX_TEXT, check_files

DOCS = (Path(__file__).parents[2] / "docs" / "rendering.md").read_text("utf-8")


def test_every_error_code_is_described() -> None:
    """Who meets a limit finds its code in the documentation."""
    documented = set(re.findall(r"`((?:template|chart)s?_\w+)`", DOCS))
    assert {code for _, code, _ in CODES} <= documented


def test_every_route_of_templates_is_described() -> None:
    """The table of routes is whole."""
    routes = [f"{r.method} {r.path}" for r in API_ROUTES if "/templates" in r.path]
    assert [route for route in routes if f"`{route}`" not in DOCS] == []


def test_the_filters_for_paper_are_described() -> None:
    """Money, dates, codes and Markdown can be found by their names."""
    wanted = {"barcode", "date", "datetime", "markdown", "money", "number", "percent", "qr"}
    assert wanted <= set(FILTERS)
    assert [name for name in wanted if not re.search(rf"\\\| {name}\b", DOCS)] == []


@pytest.mark.parametrize(
    ("files", "path", "words"),
    [
        ({"a.html": b"x" * (MAX_TEXT + 1)}, "/files/a.html", "a text may have"),
        ({"a.png": b"x" * (MAX_BYTES + 1)}, "/files", "together"),
        ({f"{n}.png": b"" for n in range(MAX_FILES)}, "/files", "at most 100"),
        ({"a.css": b"\xff"}, "/files/a.css", "UTF-8"),
        ({"sample.json": b"[" * 100_000}, "/files/sample.json", "no JSON"),
    ],
)
def test_templates_are_bounded(files: dict[str, bytes], path: str, words: str) -> None:
    """What is larger than the documented limits, or no text where it must be, is refused."""
    with pytest.raises(InvalidRequest) as caught:
        check_files({"template.html": b"x", **files})
    assert [error.path for error in caught.value.errors] == [path]
    assert words in caught.value.errors[0].message
