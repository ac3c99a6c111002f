"""Paper sizes and lengths; everything is inches inside, as Chromium's print call has it."""

import re

FORMATS: dict[str, tuple[float, float]] = {
    "Letter": (8.5, 11.0),
    "Legal": (8.5, 14.0),
    "Tabloid": (11.0, 17.0),
    "Ledger": (17.0, 11.0),
    "A0": (33.11, 46.81),
    "A1": (23.39, 33.11),
    "A2": (16.54, 23.39),
    "A3": (11.69, 16.54),
    "A4": (8.27, 11.69),
    "A5": (5.83, 8.27),
    "A6": (4.13, 5.83),
}
"""Width and height in inches, upright; the same figures as Chromium and Playwright use."""

DEFAULT_FORMAT = "A4"

MIN_SIDE = 1.0
"""Shortest side of a sheet in inches: smaller is a slip of units, not a document."""

MAX_SIDE = 200.0
"""Longest side of a sheet in inches: PDF viewers show no more (14 400 points)."""

MIN_CONTENT = 0.5
"""What margins must leave of each side, in inches; Chromium refuses an empty area."""

INCH_MM = 25.4
_UNITS = {"px": 1 / 96, "in": 1.0, "cm": 10 / INCH_MM, "mm": 1 / INCH_MM}
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6}) ?(px|in|cm|mm)")


def parse_length(value: object) -> float:
    """A length in inches from a number of inches or a text such as `20mm`.

    Raises:
        ValueError: it is neither; the message says what is accepted.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if 0 <= value <= MAX_SIDE:
            return float(value)
        raise ValueError(f"must be 0 to {MAX_SIDE:g} inches")
    match = _LENGTH.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a number of inches or a text with a unit, such as '20mm'")
    inches = float(match[1]) * _UNITS[match[2]]
    if inches > MAX_SIDE:
        raise ValueError(f"must be at most {MAX_SIDE:g} inches")
    return inches


def parse_side(value: object) -> float:
    """Like `parse_length`, for a side of the sheet: neither tiny nor beyond what viewers show."""
    inches = parse_length(value)
    if inches < MIN_SIDE:
        raise ValueError(f"must be at least {MIN_SIDE:g} inch (a number is inches)")
    return inches


def parse_format(value: object) -> object:
    """The name of a paper format as it is written here, whatever its case."""
    if isinstance(value, str):
        for name in FORMATS:
            if name.lower() == value.lower():
                return name
    raise ValueError(f"must be one of {', '.join(FORMATS)}")


def show_mm(inches: float) -> str:
    """A length for people."""
    return f"{inches * INCH_MM:.3g} mm"
