"""QR codes and barcodes as SVG that stands in the line, sharp at every size."""

import io
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import segno
from markupsafe import Markup

MAX_QR = 2953
"""Bytes that the largest QR code holds."""

MAX_BARCODE = 80
"""Characters of a Code 128: more is wider than a page."""

QUIET = 10
"""Modules of white beside a linear code, which scanners need (ISO/IEC 15417)."""

_WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132"
    "122231113222123122123221223211221132221231213212223112312131311222321122321221312212"
    "322112322211212123212321232121111323131123131321112313132113132311211313231113231311"
    "112133112331132131113123113321133121313121211331231131213113213311213131311123311321"
    "331121312113312311332111314111221411431111111224111422121124121421141122141221112214"
    "112412122114122411142112142211241211221114413111241112134111111242121142121241114212"
    "124112124211411212421112421211212141214121412121111143111341131141114113114311411113"
    "411311113141114131311141411131211412211214211232"
)
"""Widths of the three bars and spaces of each value of Code 128 (ISO/IEC 15417, table 1)."""

_PATTERNS = [*(_WIDTHS[at : at + 6] for at in range(0, len(_WIDTHS), 6)), "2331112"]
"""The same, one by one, with the stop pattern last."""

_START_B, _START_C, _STOP, _MODULUS = 104, 105, 106, 103

_LEFT = [
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
]
"""Modules of each digit in the left half of EAN-13, odd parity (ISO/IEC 15420)."""

_PARITY = [
    "OOOOOO",
    "OOEOEE",
    "OOEEOE",
    "OOEEEO",
    "OEOOEE",
    "OEEOOE",
    "OEEEOO",
    "OEOEOE",
    "OEOEEO",
    "OEEOEO",
]
"""Parities of the left half, which say the first digit."""


def qr(value: Any, size: str = "30mm", *, error: str = "m") -> Markup:
    """A QR code.

    Args:
        value: its text.
        size: its width and height, as CSS has lengths.
        error: how much may be damaged: l (7 %), m (15 %), q (25 %) or h (30 %).

    Raises:
        ValueError: it does not fit, or an argument is wrong.
    """
    text = str(value)
    if len(text.encode()) > MAX_QR:
        raise ValueError(f"a QR code holds {MAX_QR} bytes, not {len(text.encode())}")
    if error.lower() not in {"l", "m", "q", "h"}:
        raise ValueError(f"error must be l, m, q or h, not {error!r}")
    code = segno.make_qr(text, error=error, boost_error=False)
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=True, border=4, omitsize=True, nl=False)
    svg = out.getvalue().decode()
    length = _length(size)
    style = f'<svg style="width:{length};height:{length}" role="img" '
    return Markup(svg.replace("<svg ", style, 1))  # noqa: S704 - drawn here, the text is not in it


def barcode(
    value: Any, kind: str = "code128", *, height: str = "12mm", module: float = 0.33
) -> Markup:
    """A barcode.

    Args:
        value: ASCII text for `code128`, 12 or 13 digits for `ean13`.
        kind: `code128` or `ean13`.
        height: of its bars, as CSS has lengths.
        module: width of the thinnest bar in millimetres.

    Raises:
        ValueError: the value cannot be written in this kind of code.
    """
    draw = {"code128": _code128, "ean13": _ean13}.get(kind)
    if draw is None:
        raise ValueError(f"kind must be code128 or ean13, not {kind!r}")
    if not 0.1 <= module <= 2:  # noqa: PLR2004 - from what printers can to what scanners can
        raise ValueError(f"module must be 0.1 to 2 mm, not {module}")
    bars, modules = draw(str(value))
    path = "".join(f"M{QUIET + start} 0h{width}v1h-{width}z" for start, width in bars)
    total = modules + 2 * QUIET
    return Markup(  # noqa: S704 - numbers and a checked length
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {total} 1"'
        f' preserveAspectRatio="none" shape-rendering="crispEdges"'
        f' style="width:{total * module:.2f}mm;height:{_length(height)}"><path d="{path}"/></svg>'
    )


def _code128(text: str) -> tuple[list[tuple[int, int]], int]:
    if not text or len(text) > MAX_BARCODE or not all(" " <= letter <= "~" for letter in text):
        raise ValueError(f"Code 128 takes 1 to {MAX_BARCODE} letters of ASCII, not {text!r:.60}")
    if text.isdecimal() and len(text) % 2 == 0:
        values = [_START_C, *(int(text[at : at + 2]) for at in range(0, len(text), 2))]
    else:
        values = [_START_B, *(ord(letter) - 32 for letter in text)]
    check = (values[0] + sum(at * each for at, each in enumerate(values[1:], 1))) % _MODULUS
    return _bars("".join(_PATTERNS[each] for each in (*values, check, _STOP)))


def _bars(widths: str) -> tuple[list[tuple[int, int]], int]:
    """Where bars are, and how wide all is; bars and spaces take turns."""
    sizes = [int(width) for width in widths]
    ends = list(accumulate(sizes))
    return [(ends[at] - sizes[at], sizes[at]) for at in range(0, len(sizes), 2)], ends[-1]


def _ean13(text: str) -> tuple[list[tuple[int, int]], int]:
    if not (text.isascii() and text.isdecimal() and len(text) in {12, 13}):
        raise ValueError(f"EAN-13 takes 12 or 13 digits, not {text!r:.60}")
    check = str(-sum(int(digit) * (1, 3)[at % 2] for at, digit in enumerate(text[:12])) % 10)
    if text[12:] not in {"", check}:
        raise ValueError(f"the check digit of {text} is wrong: it is {check}")
    digits = [int(digit) for digit in text[:12] + check]
    right = ["".join("10"[int(bit)] for bit in _LEFT[digit]) for digit in digits]
    left = [
        _LEFT[digit] if parity == "O" else right[at][::-1]
        for at, (digit, parity) in enumerate(zip(digits[1:7], _PARITY[digits[0]], strict=True), 1)
    ]
    modules = "101" + "".join(left) + "01010" + "".join(right[7:]) + "101"
    return list(_runs(modules)), len(modules)


def _runs(modules: str) -> Iterable[tuple[int, int]]:
    start = 0
    for at, (bit, following) in enumerate(zip(modules, modules[1:] + "x", strict=True), 1):
        if bit != following:
            if bit == "1":
                yield start, at - start
            start = at


def _length(value: str) -> str:
    number = value.rstrip("abcdefghijklmnopqrstuvwxyz%")
    unit = value[len(number) :]
    if (
        unit not in {"mm", "cm", "in", "pt", "px", "em", "rem"}
        or not number.replace(".", "", 1).isdecimal()
    ):
        raise ValueError(f"{value!r} is no length like 30mm")
    return value


FILTERS: dict[str, Callable[..., Any]] = {"barcode": barcode, "qr": qr}
