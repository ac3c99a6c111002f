"""The comparison itself: that it finds what people would find, and nothing else."""

from collections.abc import Callable

import pytest
from PIL import Image

from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from tests.render.helpers import soon

from .compare import compare
from .documents import sample, text
from .goldens import Goldens
from .poppler import need, pictures

pytestmark = pytest.mark.browser

PLAIN = RenderOptions.model_validate({})
Fault = Callable[[str], str]


def instead(old: str, new: str) -> Fault:
    """Other text."""

    def change(html: str) -> str:
        assert old in html
        return html.replace(old, new, 1)

    return change


def style(rule: str) -> Fault:
    """Another look."""
    return instead("</style>", f"{rule}</style>")


BOXES = "".join(chr(0xE000 + number) for number in range(10))
"""Characters that no font has, which are shown as boxes."""

SERIOUS: dict[str, tuple[str, Fault]] = {
    "a block moved by 2 mm": ("invoice", style(".notes { position: relative; top: 2mm }")),
    "a column moved by 2 mm": ("invoice", style(".facts { position: relative; right: 2mm }")),
    "another family": ("invoice", style("html { font-family: 'Liberation Serif' }")),
    "bold that is not": ("invoice", style(".to b { font-weight: 400 }")),
    "Chinese as boxes": ("scripts", instead("发票总额是一百二十元", BOXES)),
    "Hindi as boxes": ("scripts", instead("चालान की कुल", f"{BOXES[:5]} {BOXES[5:8]}")),
    "an emoji without colours": ("scripts", instead("✅", "✔")),
}
"""Faults that are found whatever the fonts."""

SLIGHT: dict[str, tuple[str, Fault]] = {
    "another digit": ("invoice", instead("88.66", "88.65")),
    "another small digit": ("invoice", instead("496 0182", "496 8182")),
    "a comma for a point": ("invoice", instead("Op. 9", "Op, 9")),
    "a missing umlaut": ("invoice", instead("Träumerei", "Traumerei")),
    "a missing hairline": (
        "invoice",
        style(".lines tbody:nth-of-type(2) tr:nth-child(2) td { border-color: transparent }"),
    ),
    "a block moved by 0.5 mm": ("invoice", style(".facts { position: relative; right: .5mm }")),
    "another colour of the title": ("invoice", style("h1 { color: #1f5f3a }")),
    "another shade of the logo": ("invoice", instead("%231f3a5f", "%232f4a6f")),
    "another grey of text": ("invoice", style(".small { color: var(--ink) }")),
    "a missing stripe": ("table", style(".cells tbody tr:nth-child(2) td { background: none }")),
    "another Chinese character": ("scripts", instead("付款", "忖款")),
    "one character as a box": ("scripts", instead("百二", f"{BOXES[0]}二")),
}
"""Faults that are found with the fonts of the golden picture."""

NOISE: dict[str, tuple[str, Fault]] = {
    "nothing": ("scripts", lambda html: html),
    "letters that are not kerned": ("invoice", style("body { font-kerning: none }")),
    "Chinese that is not kerned": ("scripts", style("body { font-kerning: none }")),
    "words that are a bit wider": ("invoice", style("td, p { letter-spacing: .003em }")),
}
"""How other versions of fonts differ."""


async def before_and_after(
    pool: RenderPool, name: str, fault: Fault
) -> tuple[Image.Image, Image.Image]:
    """The page of a document as it should be, and with a fault."""
    need("pdftoppm")
    templates = Templates()
    right = (
        text("scripts.html")
        if name == "scripts"
        else await templates.render(name, sample(name), PLAIN)
    )
    pages = []
    for html in (right, fault(right)):
        rendered = await pool.render(html, PLAIN, deadline=soon())
        pages += pictures(rendered.data, 1)
    return pages[0], pages[1]


@pytest.mark.parametrize("fault", SLIGHT | SERIOUS)
async def test_any_fault_is_found_with_the_same_fonts(pool: RenderPool, fault: str) -> None:
    """Whoever breaks a line, a colour or a letter of a document hears of it."""
    golden, broken = await before_and_after(pool, *(SLIGHT | SERIOUS)[fault])
    assert not compare(broken, golden, same_fonts=True).passes


@pytest.mark.parametrize("fault", SERIOUS)
async def test_a_serious_fault_is_found_with_any_fonts(pool: RenderPool, fault: str) -> None:
    """Moved blocks and missing letters are found on a machine with other fonts, too."""
    golden, broken = await before_and_after(pool, *SERIOUS[fault])
    assert not compare(broken, golden, same_fonts=False).passes


@pytest.mark.parametrize("noise", NOISE)
async def test_other_versions_of_fonts_are_no_fault(pool: RenderPool, noise: str) -> None:
    """Who has a newer system than that of the golden pictures is not told of faults."""
    golden, other = await before_and_after(pool, *NOISE[noise])
    assert compare(other, golden, same_fonts=False).passes


async def test_printing_again_makes_no_difference(pool: RenderPool) -> None:
    """Two prints of a page are one picture, so the strict limit is not there for noise."""
    golden, again = await before_and_after(pool, "scripts", lambda html: html)
    assert compare(again, golden, same_fonts=True).found == 0


def test_paper_of_another_size_is_found() -> None:
    """A page that grew is not compared by its corner."""
    small, large = Image.new("RGB", (100, 100), "white"), Image.new("RGB", (100, 101), "white")
    assert not compare(large, small, same_fonts=False).passes


def test_a_difference_is_shown_and_can_be_accepted(
    goldens: Goldens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure names a picture of what differs; accepting it makes the test pass."""
    monkeypatch.setattr("tests.golden.goldens.PAGES", goldens.folder / "pages")
    (goldens.folder / "pages").mkdir()
    first, second = (Image.new("RGB", (50, 50), colour) for colour in ("white", "blue"))
    fonts = {"LiberationSans": 1.07}
    accepting, refusing = (Goldens(goldens.folder, accepts=each) for each in (True, False))
    with pytest.raises(pytest.fail.Exception, match="is not there"):
        refusing.check_picture("page-1", first, fonts)
    accepting.check_picture("page-1", first, fonts)
    refusing.check_picture("page-1", first, fonts)
    with pytest.raises(pytest.fail.Exception, match="255 of 8 allowed, the same fonts"):
        refusing.check_picture("page-1", second, fonts)
    with Image.open(goldens.folder / "page-1.difference.png") as shown:
        assert shown.size == (150, 50)
    accepting.check_picture("page-1", second, fonts)
    refusing.check_picture("page-1", second, fonts)
