"""Compares pictures of pages as people see them.

Two measures, of which each gives a picture of how far two pages differ, 0 to 255. Where a page has
the very fonts that its golden picture has, hardly anything may differ. Where the fonts are of other
versions, letters stand elsewhere by up to half a millimetre, and only larger faults can be told.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter

STRICT = 8
"""Most difference with the same fonts.

Measured on all documents here: 0 between two renderings, between Chromium 150 and 156, and between
poppler 22.12 and 25.03. The smallest faults on an invoice, a table and a page in many scripts:
10 a missing stripe of #f5f7f9, 15 a missing hairline of #d9dee5, 16 another shade of the logo,
24 a comma for a point, 30 a missing umlaut, 31 another digit in 8.5 points, 34 other grey of text,
77 a block moved by half a millimetre, 112 one character of Chinese as a box.
Not told: a hairline that is drawn in another pale colour (7).
"""

LENIENT = 68
"""Most difference with other versions of the fonts.

Measured on all documents here: 50 between the fonts of Debian 12 (Liberation 1.07.4) and those of
Debian 13 (2.1.5, which kerns pairs like `11` otherwise: words move by up to 1.35 points); 60
without any kerning. The smallest faults: 76 and 88 a block moved by 2 mm, 80 Hindi as boxes,
86 bold text that is not, 106 Chinese as boxes, 133 another family, 146 an emoji without colours.
Not told: a changed digit (47), which is for the text, a missing line (32), colours of text (46).
"""

REACH = 2
"""Dots by which something may have moved for the lenient measure: 0.7 mm."""

EDGES = 1.0
"""Dots over which a difference is smoothed: letters are drawn a bit otherwise everywhere."""

SPOT = 3
"""Dots around each over which the lenient measure takes the mean, about a letter."""

PAPER = "white"


@dataclass(frozen=True)
class Difference:
    """How far a page is from its golden picture.

    Attributes:
        found: the largest difference, 0 to 255.
        allowed: the largest that passes.
        where: bright where the pages differ.
    """

    found: int
    allowed: int
    where: Image.Image

    @property
    def passes(self) -> bool:
        """Whether people would call the two pages the same."""
        return self.found <= self.allowed


def compare(actual: Image.Image, golden: Image.Image, *, same_fonts: bool) -> Difference:
    """Compare a page with its golden picture."""
    allowed = STRICT if same_fonts else LENIENT
    if actual.size != golden.size:
        return Difference(255, allowed, Image.new("L", golden.size, 255))
    where = strict(actual, golden) if same_fonts else lenient(actual, golden)
    return Difference(_largest(where), allowed, where)


def strict(one: Image.Image, other: Image.Image) -> Image.Image:
    """Where two pages differ, whatever it is."""
    smooth = ImageFilter.GaussianBlur(EDGES)
    return _channels(ImageChops.difference(one.filter(smooth), other.filter(smooth)))


def lenient(one: Image.Image, other: Image.Image) -> Image.Image:
    """Where two pages differ, even if each spot is looked for a bit further on."""
    reach = range(-REACH, REACH + 1)
    moves = [(x, y) for x in reach for y in reach if abs(x) + abs(y) <= REACH]
    least = Image.new("L", one.size, 255)
    for x, y in moves:
        differs = _channels(ImageChops.difference(one, ImageChops.offset(other, x, y)))
        least = ImageChops.darker(least, differs.filter(ImageFilter.BoxBlur(SPOT)))
    return least


def side_by_side(golden: Image.Image, actual: Image.Image, where: Image.Image) -> Image.Image:
    """The golden page, the actual one, and in red on it what differs."""
    shown = actual.convert("L").convert("RGB")
    red = Image.new("RGB", where.size, "red")
    shown.paste(red, (0, 0), where.point(_times(4)))
    pages = [golden, actual, shown]
    width, height = sum(page.width for page in pages), max(page.height for page in pages)
    sheet = Image.new("RGB", (width, height), PAPER)
    left = 0
    for page in pages:
        sheet.paste(page, (left, 0))
        left += page.width
    return sheet


def _channels(difference: Image.Image) -> Image.Image:
    """The largest difference among the colours of each dot."""
    red, green, blue = difference.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _largest(where: Image.Image) -> int:
    return max(value for value, count in enumerate(where.histogram()) if count)


def _times(factor: int) -> Callable[[int], int]:
    return lambda value: min(value * factor, 255)
