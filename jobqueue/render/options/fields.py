"""The kinds of values that options have: how they are written, and what is wrong with others."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from jobqueue.render.filenames import safe_filename
from jobqueue.render.omissions import spells_letters
from jobqueue.render.paper import (
    MAX_SIDE,
    MIN_SIDE,
    parse_format,
    parse_length,
    parse_side,
)

MAX_BAND = 64 * 1024
"""Characters of `header_html` or `footer_html`: Chromium lays them out once a page."""

MAX_RANGES = 200
"""Characters of `page_ranges`."""

_RANGE = re.compile(r"(\d{1,6})?(-)?(\d{1,6})?")
_ACTIVE = re.compile(r"<\s*(script|iframe|frame|object|embed|link)\b", re.IGNORECASE)
_LOADING = re.compile(
    r"@import\b|\burl\(\s*[\"']?(?!data:|#)|\bsrc(?:set)?\s*=\s*[\"']?(?!\s*data:)", re.IGNORECASE
)
_LENGTH_PATTERN = r"^\s*(\d+(\.\d+)?|\.\d+) ?(px|in|cm|mm)\s*$"


def _length_schema(minimum: float) -> WithJsonSchema:
    number = {"type": "number", "minimum": minimum, "maximum": MAX_SIDE, "description": "inches"}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": _LENGTH_PATTERN}]})


Length = Annotated[float, BeforeValidator(parse_length), _length_schema(0)]
Side = Annotated[float, BeforeValidator(parse_side), _length_schema(MIN_SIDE)]
Format = Annotated[
    Literal["Letter", "Legal", "Tabloid", "Ledger", "A0", "A1", "A2", "A3", "A4", "A5", "A6"],
    BeforeValidator(parse_format),
]


def parse_page_ranges(value: object) -> object:
    """`value` when it reads like `1-3, 5, 8-`; the pages must not go backwards."""
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_RANGES:
        raise ValueError("must be a text such as '1-3, 5, 8-'")
    for part in value.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None or not (match[1] or match[3]) or bool(match[3]) > bool(match[2]):
            raise ValueError(f"{part.strip()!r} is no page or range of pages, such as 5, 1-3 or 8-")
        first, last = int(match[1] or 1), int(match[3] or 999_999)
        if first < 1 or last < first:
            raise ValueError(f"{part.strip()!r}: pages count from 1, and a range goes upwards")
    return value


def _filename(value: object) -> object:
    name = safe_filename(value) if isinstance(value, str) else None
    if name is None:
        raise ValueError("must be a file name, such as 'invoice.pdf'")
    return name


def _band(value: object) -> object:
    if not isinstance(value, str) or len(value) > MAX_BAND:
        raise ValueError(f"must be a text of HTML of at most {MAX_BAND} characters")
    active = _ACTIVE.search(value)
    if active:
        raise ValueError(f"must not contain <{active[1].lower()}>: it is printed, never run")
    if spells_letters(value):
        raise ValueError("must not spell letters by escapes of CSS: write them as they are")
    loading = _LOADING.search(value)
    if loading:
        raise ValueError(
            f"must not load anything ({loading[0]}…): embed images and fonts as data: addresses"
        )
    return value


Ranges = Annotated[str, BeforeValidator(parse_page_ranges)]
Filename = Annotated[str, BeforeValidator(_filename)]
Band = Annotated[str, BeforeValidator(_band)]
