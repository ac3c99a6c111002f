"""Documents from users' templates and Markdown, as they are on paper."""

import shutil
import subprocess
import unicodedata
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from jobqueue.render.filling.filler import Filler
from jobqueue.render.options import RenderOptions
from jobqueue.render.page_numbers import has_page_numbers, pages_of_targets, with_page_numbers
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered
from jobqueue.render.template_files import check_files

from .helpers import page_texts, soon
from .samples import employment, example, weather

pytestmark = pytest.mark.browser

A4 = RenderOptions.model_validate({"format": "A4"})

SCRIPTS = {
    "Chinese": ("zh", "发票总额是一百二十元"),
    "Japanese": ("ja", "請求書の合計は千円です"),
    "Korean": ("ko", "송장 합계는 천 원입니다"),
    "Arabic": ("ar", "مجموع الفاتورة"),
    "Hebrew": ("he", "סכום החשבונית"),
    "Hindi": ("hi", "चालान की कुल राशि"),
    "Thai": ("th", "ยอดรวมใบแจ้งหนี้"),
    "Greek": ("el", "Σύνολο τιμολογίου"),
    "emoji": ("und-zsye", "🎉"),
}
"""A text in each script, with the language as fontconfig calls it."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filler() -> AsyncIterator[Filler]:
    """Filling processes."""
    filler = Filler(2)
    yield filler
    await filler.close()


async def printed(pool: RenderPool, html: str) -> Rendered:
    """A document on paper, printed twice where it has page numbers in it."""
    if has_page_numbers(html):
        draft = await pool.render(html, A4, deadline=soon())
        html = with_page_numbers(html, pages_of_targets(draft.data))
    return await pool.render(html, A4, deadline=soon())


@pytest.mark.parametrize("name", ["weather", "employment"])
def test_the_examples_can_be_put(name: str) -> None:
    """The example templates are such as the API takes."""
    check_files(example(name).files)


async def test_a_year_of_weather(pool: RenderPool, filler: Filler) -> None:
    """Charts and the figures of 365 real days are on paper, with nothing left out."""
    data = weather(2015)
    await filler.validate(example("weather"), data, at="/data")
    document = await printed(pool, await filler.fill(example("weather"), data, A4))
    texts = page_texts(document.data)
    assert document.warnings == ()
    assert "35.0 °C" in texts[0]
    assert "Temperature by day" in texts[0]
    assert sum(text.count("rain") for text in texts[1:]) == sum(
        day["weather"] == "rain" for day in data["days"]
    )
    assert all("High °C" in text for text in texts[1:])  # the head is repeated on each page


async def test_an_employment_report_of_many_pages(pool: RenderPool, filler: Filler) -> None:
    """The table of contents has the page on which each section really is, under its head."""
    data = employment()
    await filler.validate(example("employment"), data, at="/data")
    document = await printed(pool, await filler.fill(example("employment"), data, A4))
    texts = page_texts(document.data)
    assert document.pages == len(data["sectors"]) + 1
    for number, sector in enumerate(data["sectors"], 1):
        assert sector["name"] in texts[number]
        assert f"{sector['series'][-1]['jobs']:,.0f}" in texts[number]
        line = next(line for line in texts[0].splitlines() if sector["name"] in line)
        assert str(number + 1) in texts[0], line


async def test_page_numbers_are_those_of_the_second_printing(pool: RenderPool) -> None:
    """A number in the text is the page of what it leads to; of what is not there it is empty."""
    html = (
        '<p>see page <a href="#x" data-page-of="x">000</a>,'
        ' none <a href="#y" data-page-of="y">000</a>.</p>'
        '<h1 id="x" style="break-before: page">here</h1>'
    )
    texts = page_texts((await printed(pool, html)).data)
    assert "see page 2, none ." in " ".join(texts[0].split())


async def test_markdown_is_laid_out(pool: RenderPool, filler: Filler) -> None:
    """Markdown becomes pages with a title, a table of contents, tables and a footer."""
    text = "# Report\n\n[TOC]\n\n" + "".join(
        f"## Part {number}\n\n| a | b |\n|---|---|\n| 1 | {number} |\n\n" + "word " * 400 + "\n\n"
        for number in range(1, 6)
    )
    document = await printed(pool, await filler.markdown(text, A4))
    texts = page_texts(document.data)
    assert "Report\nPart 1 1\n" in texts[0].replace("Report 1", "Report")
    assert f"Page 1 of {document.pages}" in texts[0]
    pages = [
        next(at for at, t in enumerate(texts, 1) if f"Part {n}\na b" in t) for n in range(1, 6)
    ]
    first_lines = texts[0].split()
    for number, page in enumerate(pages, 1):
        at = first_lines.index("Part")
        assert first_lines[at : at + 3] == ["Part", str(number), str(page)]
        first_lines = first_lines[at + 3 :]


def has_font(language: str) -> bool:
    """Whether fontconfig knows a font for a language."""
    tool = shutil.which("fc-list")
    if tool is None:
        return False
    return bool(subprocess.run([tool, f":lang={language}"], capture_output=True, check=True).stdout)


def text_of(pdf: bytes) -> str:
    """The text of a PDF as readers find it, in the letters that people mean."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext is not here")
    read = subprocess.run([tool, "-", "-"], input=pdf, capture_output=True, check=True)
    return unicodedata.normalize("NFKC", read.stdout.decode())


@pytest.mark.parametrize("script", SCRIPTS)
async def test_every_script_comes_out_right(pool: RenderPool, filler: Filler, script: str) -> None:
    """Text in any script can be read and searched for in the PDF."""
    language, text = SCRIPTS[script]
    if not has_font(language):
        pytest.skip(f"this machine has no font for {script}: apt-get install fonts-noto-*")
    document = await printed(pool, await filler.markdown(f"# Title\n\n{text}", A4))
    wanted = unicodedata.normalize("NFKC", text)
    found = text_of(document.data)
    for mark in ("\u202a", "\u202b", "\u202c", "\u200e", "\u200f", "\ufe0f"):
        found = found.replace(mark, "")
    assert "".join(wanted.split()) in "".join(found.split())
