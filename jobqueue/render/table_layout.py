"""How a table of any width is put on paper: alignment, decimals, size of type, orientation."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobqueue.render.filters import MAX_DIGITS, number, to_decimal

LARGEST_TYPE = 9.0
SMALLEST_TYPE = 4.5
"""Points. Below the smallest nothing can be read, and long texts wrap instead."""

COMFORTABLE_TYPE = 7.0
"""Points below which a table is turned to landscape, if it may be."""

_CHARACTER = 0.56
"""Mean width of a character in ems, for the sans-serif faces that the templates name."""

_LABEL_CHARACTER = 0.62
"""The same for the bold type of labels."""

_CELL_PADDING = 1.3
"""Space left and right of a cell's text in ems, both sides together."""

MAX_CELLS = 60_000
"""Cells of one table: Chromium takes 25 to 30 KB of memory for each while it prints."""

_LONGEST_TEXT = 28
"""Characters of a text up to which its column is made as wide as the text."""

_LONGEST_CODE = 12
"""Characters of texts without spaces (dates, codes) up to which they are never broken."""

_LONGEST_WORD = 14
"""Letters of a label's word up to which its column is made as wide as the word."""

_MAX_DECIMALS = 6
_SEPARATED_FROM = 10_000
"""A column with numbers as large as this gets thousands separators: years never do."""

_NUMERIC = re.compile(r"[-+\u2212]?[$€£¥]?\d[\d.,\u00a0 ]*%?")
_POINTS_PER_MM = 72 / 25.4


def table_layout(
    columns: Sequence[Any], rows: Sequence[Sequence[Any]], page: Mapping[str, Any]
) -> dict[str, Any]:
    """Texts and shape of a table.

    Args:
        columns: labels, or `{"label", "align"}`.
        rows: cells of texts, numbers, booleans and nulls; short rows are filled up.
        page: `width_mm` and `height_mm` that the margins leave, and
            `may_turn`, whether the table may choose the orientation.

    Returns:
        `columns` (`label`, `align`, `classes`, `percent` of the width), `rows` (texts),
        `points` (size of type) and `landscape` (turn the page).

    Raises:
        ValueError: a row has more cells than there are columns, or there are too many.
    """
    if len(rows) * len(columns) > MAX_CELLS:
        raise ValueError(
            f"the table has {len(rows) * len(columns)} cells, one document takes {MAX_CELLS}:"
            " divide it"
        )
    for index, row in enumerate(rows):
        if len(row) > len(columns):
            raise ValueError(f"row {index + 1} has {len(row)} cells for {len(columns)} columns")
    cells = [[row[i] if i < len(row) else None for row in rows] for i in range(len(columns))]
    texts = [_column_texts(column) for column in cells]
    shapes = [_shape(*triple) for triple in zip(columns, cells, texts, strict=True)]
    ems = sum(shape["ems"] for shape in shapes)
    points = _type_size(ems, page["width_mm"])
    landscape = page["may_turn"] and points < COMFORTABLE_TYPE
    if landscape:
        points = _type_size(ems, page["height_mm"])
    for shape in shapes:
        shape["percent"] = round(100 * shape["ems"] / ems, 2)
        keeps_line = points >= SMALLEST_TYPE and shape["compact"]
        shape["classes"] = f"{shape['align']} fixed" if keeps_line else shape["align"]
    return {
        "columns": shapes,
        "rows": list(zip(*texts, strict=True)),
        "points": round(min(max(points, SMALLEST_TYPE), LARGEST_TYPE), 2),
        "landscape": landscape,
    }


def _type_size(ems: float, width_mm: float) -> float:
    return width_mm * _POINTS_PER_MM / ems


def _column_texts(cells: Sequence[Any]) -> list[str]:
    numbers = [to_decimal(cell) for cell in cells if _is_number(cell)]
    decimals = max((_decimals(value) for value in numbers), default=0)
    separated = any(abs(value) >= _SEPARATED_FROM for value in numbers)
    return [_text(cell, min(decimals, _MAX_DECIMALS), separated=separated) for cell in cells]


def _text(cell: Any, decimals: int, *, separated: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if _is_number(cell):
        text = number(cell, decimals)
        return text if separated else text.replace(",", "")
    return str(cell)


def _is_number(cell: Any) -> bool:
    """Whether a cell is a number to be aligned; a huge one is shown as it is."""
    return (
        isinstance(cell, (int, float)) and not isinstance(cell, bool) and abs(cell) < 10**MAX_DIGITS
    )


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _shape(column: Any, cells: Sequence[Any], texts: Sequence[str]) -> dict[str, Any]:
    column = column if isinstance(column, Mapping) else {"label": column}
    numeric = _is_numeric(cells)
    longest = max(map(len, texts), default=0)
    compact = numeric or (longest <= _LONGEST_CODE and not any(" " in text for text in texts))
    return {
        "label": column["label"],
        "align": column.get("align") or ("right" if numeric else "left"),
        "compact": compact,
        "ems": _width(column["label"], longest if compact else min(longest, _LONGEST_TEXT)),
    }


def _is_numeric(cells: Sequence[Any]) -> bool:
    """Whether every cell that has something in it is a number, or reads like one."""
    filled = [cell for cell in cells if cell is not None and cell != ""]
    return bool(filled) and all(
        _is_number(cell) or (isinstance(cell, str) and _NUMERIC.fullmatch(cell) is not None)
        for cell in filled
    )


def _width(label: str, longest: int) -> float:
    """The width in ems that a column needs: its texts in one line, its label by words."""
    words = (min(len(word), _LONGEST_WORD) for word in re.split(r"[\s/-]+|(?<=_)", label))
    return max(longest * _CHARACTER, max(words) * _LABEL_CHARACTER) + _CELL_PADDING
