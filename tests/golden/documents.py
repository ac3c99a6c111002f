"""The documents whose pages are kept: what they are made from."""

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from jobqueue.render.templates import Templates

HERE = Path(__file__).parent
INPUTS = HERE / "inputs"
EXAMPLES = HERE.parents[1] / "examples" / "templates"
OWN_TEMPLATES = (EXAMPLES / "weather", EXAMPLES / "employment", HERE / "templates" / "labels")
"""Templates that a user put beside the shipped ones."""

SUPPLIES = {
    "files/letterhead.pdf": ("letterhead.html", {"margin_left": 0, "margin_right": 0}),
    "files/second_sheet.pdf": ("second_sheet.html", {"margin_left": 0, "margin_right": 0}),
}
"""PDFs that documents need in the storage, and what they are printed from."""

LATIN = ("Liberation Sans",)
ALL_SCRIPTS = (
    *LATIN,
    "Noto Color Emoji",
    "Noto Naskh Arabic",
    "Noto Sans CJK JP",
    "Noto Sans Devanagari",
    "Noto Sans Hebrew",
    "Noto Sans Thai",
)


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        payload: what is asked for.
        pictures: how many of its pages, from the first, are compared as pictures.
        fonts: families that must be installed for it to look as it should.
    """

    payload: dict[str, Any]
    pictures: int = 1
    fonts: tuple[str, ...] = LATIN


def text(name: str) -> str:
    """One of the inputs."""
    return (INPUTS / name).read_text("utf-8")


def sample(name: str) -> dict[str, Any]:
    """The sample data of a template, shipped or own."""
    own = {folder.name: folder for folder in OWN_TEMPLATES}
    if name in own:
        return dict(json.loads((own[name] / "sample.json").read_text("utf-8")))
    return Templates().sample(name)


def of_template(name: str, pictures: int = 1) -> Document:
    """A template with its sample."""
    return Document({"template": name, "data": sample(name)}, pictures)


def long_invoice() -> dict[str, Any]:
    """An invoice of three pages, tax included."""
    lines = [
        {"description": f"Record no. {number}", "quantity": number % 7 + 1, "unit_price": 4.5}
        for number in range(1, 71)
    ]
    tax = {"name": "VAT", "rate": 20, "included": True}
    return sample("invoice") | {"lines": lines, "tax": tax}


def wide_table() -> dict[str, Any]:
    """A table that needs the paper turned, of two pages."""
    columns = ["Month", *(f"station_{number:02}" for number in range(1, 15))]
    rows = [
        [f"2024-{month % 12 + 1:02}", *((month * 37 + at * 101) % 997 / 10 for at in range(14))]
        for month in range(48)
    ]
    return {"title": "Rain by station", "columns": columns, "rows": rows}


def seal() -> dict[str, str]:
    """A round seal as PNG, in the way that requests have files."""
    image = Image.new("RGBA", (120, 120))
    draw = ImageDraw.Draw(image)
    draw.ellipse((5, 5, 115, 115), outline="#c8553d", width=8)
    draw.line(((35, 62), (55, 82), (88, 40)), fill="#c8553d", width=10)
    file = io.BytesIO()
    image.save(file, "PNG")
    return {"base64": base64.b64encode(file.getvalue()).decode()}


FINISHED: dict[str, Any] = {
    "outline": True,
    "metadata": {
        "title": "Terms of delivery, 2024",
        "author": "Zoë Ångström",
        "subject": "Delivery",
        "keywords": "terms, delivery",
        "language": "en-GB",
        "custom": {"CostCentre": "4711"},
    },
    "pdf_a": "3b",
    "attachments": [{"name": "prices.csv", "text": "to,price\n", "content_type": "text/csv"}],
    "letterhead": {
        "pdf": {"key": "files/second_sheet.pdf"},
        "first": {"key": "files/letterhead.pdf"},
    },
    "watermark": {"text": "DRAFT 草案", "color": "#cc3300", "opacity": 0.2, "rotation": -40},
    "stamp": {"image": seal(), "width": "28mm", "position": "bottom-right", "pages": "2"},
    "margin_top": "30mm",
    "footer_html": (
        "<div style='font: 8pt Liberation Sans; width: 100%; text-align: center'>"
        "sheet <span class=pageNumber></span> of <span class=totalPages></span></div>"
    ),
    "reproducible": True,
    "created": "2024-03-01T12:00:00Z",
}
"""Everything that finishing can do to one document."""


def documents() -> dict[str, Document]:
    """All documents by their names."""
    invoice = sample("invoice")
    xml = (HERE.parent / "jobs" / "data" / "factur_x_minimum.xml").read_text("utf-8")
    return {
        "hello": Document(
            {"html": "<h1>Hello</h1>", "options": {"format": "A5", "landscape": True}},
            fonts=("Liberation Serif",),
        ),
        "invoice": of_template("invoice"),
        "invoice-long": Document({"template": "invoice", "data": long_invoice()}, pictures=3),
        "invoice-factur-x": Document(
            {
                "template": "invoice",
                "data": invoice,
                "options": {"factur_x": {"xml": xml}, "reproducible": True},
            },
            pictures=0,
        ),
        "statement": of_template("statement"),
        "table": of_template("table"),
        "table-wide": Document({"template": "table", "data": wide_table()}, pictures=2),
        "weather": of_template("weather", pictures=3),
        "employment": of_template("employment", pictures=3),
        "labels": of_template("labels"),
        "markdown": Document({"markdown": text("report.md")}, pictures=2),
        "scripts": Document({"html": text("scripts.html")}, fonts=ALL_SCRIPTS),
        "scripted": Document(
            {"html": text("scripted.html"), "options": {"format": "A5", "javascript": True}}
        ),
        "finished": Document(
            {"html": text("finished.html"), "options": FINISHED},
            pictures=2,
            fonts=("Liberation Sans", "Liberation Serif", "Noto Sans CJK JP"),
        ),
        "parts": Document(
            {
                "parts": [
                    {"markdown": "# Contract 4711\n\nWith all its papers."},
                    {"template": "statement", "data": sample("statement")},
                    {"pdf": {"key": "files/letterhead.pdf"}},
                    {"html": text("finished.html"), "options": {"format": "A5"}},
                ],
                "options": {"outline": True, "reproducible": True},
            },
            pictures=5,
        ),
    }
