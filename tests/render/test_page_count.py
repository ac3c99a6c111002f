"""Counting the pages of a PDF."""

import io

import pytest
from pypdf import PdfReader, PdfWriter

from jobqueue.render.options import RenderOptions
from jobqueue.render.page_count import count_pages
from jobqueue.render.pool import RenderPool

from .helpers import soon

TRAP = "/Type /Pages /Count 99 endobj 1 0 obj /Pages 7 0 R startxref 12 %%EOF"


@pytest.mark.parametrize("pages", [1, 2, 9, 70])
async def test_pages_of_chromium_are_counted(pool: RenderPool, pages: int) -> None:
    """The number is that of a full reader, whatever the document's text pretends to be."""
    body = "<p style='break-after: page'>x</p>" * (pages - 1)
    html = f"<title>{TRAP}</title>{body}<a href='http://x/{TRAP}'>{TRAP}</a>"
    pdf = (await pool.render(html, RenderOptions(), deadline=soon())).data
    assert count_pages(pdf) == len(PdfReader(io.BytesIO(pdf)).pages) == pages


def test_other_pdfs_are_left_to_a_full_reader() -> None:
    """A file without the table that Chromium writes is counted all the same."""
    writer = PdfWriter()
    for _ in range(3):
        writer.add_blank_page(100, 100)
    buffer = io.BytesIO()
    writer.write(buffer)
    assert count_pages(buffer.getvalue()) == 3
    assert count_pages(buffer.getvalue() + b"\n% a comment behind the end\n" * 9) == 3
