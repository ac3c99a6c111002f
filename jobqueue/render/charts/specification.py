"""Which Vega-Lite specifications are drawn: those that bring all that they need."""

from collections.abc import Iterator
from typing import Any

import msgspec

MAX_SPECIFICATION = 4 * 1024 * 1024
"""Bytes of one specification, data included: a chart of 50 000 points is a picture of noise."""

DRAWN = b"\x00"
FAILED = b"\x01"
"""First byte of the drawing process' answer: the SVG follows, or what is wrong."""

_DATA = ("values", "datasets")
"""Parts that hold data: what is in them is no instruction."""


def check_specification(value: Any) -> bytes:
    """A specification as JSON.

    Raises:
        ValueError: it is none, is too large, or wants to load something.
    """
    if not isinstance(value, dict):
        raise ValueError("a chart is drawn from a Vega-Lite specification: an object")  # noqa: TRY004 - one error for all that is none
    try:
        content = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the chart's specification is no JSON: {error}") from None
    if len(content) > MAX_SPECIFICATION:
        raise ValueError(
            f"the chart has {len(content)} bytes of data, at most {MAX_SPECIFICATION} are drawn"
        )
    for place in _urls(value, ""):
        raise ValueError(f"a chart may not load anything, as {place} does: give it `values`")
    return content


def _urls(value: Any, path: str) -> Iterator[str]:
    """Where a specification refers to something outside: data, pictures and links."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"url", "href"}:
                yield f"{path}{name}"
            elif name not in _DATA:
                yield from _urls(inner, f"{path}{name}.")
    elif isinstance(value, list):
        for inner in value:
            yield from _urls(inner, path)
