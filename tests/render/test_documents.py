"""The shipped documents, printed by Chromium and read page by page."""

import csv
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from jobqueue.render.filters import money
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered
from jobqueue.render.templates import Templates

from .helpers import invoices, page_size_mm, page_texts, shared_file, soon, sum_of_lines

pytestmark = pytest.mark.browser


async def make(pool: RenderPool, template: str, data: dict[str, Any], **options: Any) -> Rendered:
    """A document of a shipped template."""
    templates = Templates()
    templates.validate(template, data)
    layout = RenderOptions.model_validate(options)
    html = await templates.render(template, data, layout)
    return await pool.render(html, layout, deadline=soon())


def long_invoice(lines: int) -> dict[str, Any]:
    """An invoice of many numbered lines at one dollar."""
    items = [{"description": f"Item {n:04}", "unit_price": 1, "quantity": 1} for n in range(lines)]
    return invoices()[0] | {"lines": items, "total": None}


@pytest.mark.parametrize("invoice", invoices(), ids=lambda each: each["invoice_number"])
async def test_real_invoices_are_printed_right(pool: RenderPool, invoice: dict[str, Any]) -> None:
    """Names with their accents, every track, the total and the page number are on paper."""
    pdf = await make(pool, "invoice", invoice)
    text = " ".join(page_texts(pdf.data))
    for word in (
        invoice["customer"]["name"],
        invoice["billing"]["city"],
        money(sum_of_lines(invoice), "USD"),
        f"Page 1 of {pdf.pages}",
        *(line["track"] for line in invoice["lines"]),
    ):
        assert word in text
    assert "None" not in text
    assert pdf.warnings == ()


async def test_pages_are_numbered_and_heads_repeated(pool: RenderPool) -> None:
    """Every page of a long invoice says which it is, and what its columns are."""
    pdf = await make(pool, "invoice", long_invoice(200))
    texts = page_texts(pdf.data)
    assert pdf.pages == len(texts) > 3
    for number, text in enumerate(texts, 1):
        assert f"Page {number} of {pdf.pages}" in text
        assert "Unit price" in text
    found = re.findall(r"Item (\d{4})", " ".join(texts))
    assert found == [f"{n:04}" for n in range(200)]


async def test_totals_never_stand_alone(pool: RenderPool) -> None:
    """However many lines there are, the total is on a page with some of them, in one piece."""
    for lines in range(20, 50):
        pdf = await make(pool, "invoice", long_invoice(lines) | {"tax": 20})
        last = page_texts(pdf.data)[-1]
        assert len(re.findall(r"Item \d{4}", last)) >= 2
        assert "Subtotal" in last
        assert money(lines * 1.2, "USD") in last


async def test_a_statement_shows_each_balance(pool: RenderPool) -> None:
    """Balances run from the opening to the closing one."""
    sample = Templates().sample("statement")
    text = " ".join(page_texts((await make(pool, "statement", sample)).data))
    for amount in (sample["opening_balance"], sample["closing_balance"], 950.65, 609.65):
        assert money(amount, "EUR") in text
    assert "Süßholz" in text


async def test_an_empty_statement_is_a_document(pool: RenderPool) -> None:
    """A month without entries is printed with equal balances."""
    data = {
        "customer": {"name": "Leonie Köhler"},
        "period": {"from": "2024-01-01", "to": "2024-01-31"},
        "currency": "USD",
        "opening_balance": -5,
        "entries": [],
        "closing_balance": -5,
    }
    text = " ".join(page_texts((await make(pool, "statement", data)).data))
    assert "Total of 0 entries" in text
    assert "-$5.00" in text


def table_of(path: Path) -> dict[str, Any]:
    """A CSV file as data for the template `table`."""
    with path.open(newline="") as file:
        columns, *rows = csv.reader(file)
    return {"title": path.stem, "columns": columns, "rows": rows}


async def test_a_long_table_keeps_its_rows_and_heads(pool: RenderPool) -> None:
    """1461 rows are printed in order, on numbered upright pages with heads."""
    data = table_of(shared_file("seattle-weather.csv"))
    pdf = await make(pool, "table", data)
    texts = page_texts(pdf.data)
    assert all("precipitation" in text for text in texts)
    dates = re.findall(r"\d{4}-\d\d-\d\d", " ".join(texts))
    assert dates == [row[0] for row in data["rows"]]
    assert page_size_mm(pdf.data) == (210, 297)


async def test_a_wide_table_turns_the_page_and_loses_no_column(pool: RenderPool) -> None:
    """24 columns fit on landscape paper, no number broken or cut."""
    data = table_of(shared_file("us-employment.csv"))
    pdf = await make(pool, "table", data)
    assert page_size_mm(pdf.data) == (297, 210)
    words = " ".join(page_texts(pdf.data)).split()
    for cell in itertools.chain.from_iterable(data["rows"]):
        assert cell in words


async def test_long_words_wrap_inside_the_page(pool: RenderPool) -> None:
    """A long address in a line does not push the amounts off the paper."""
    url = "https://example.com/" + "path/" * 60
    data = long_invoice(1)
    data["lines"][0]["description"] = url
    data["customer"] = {"name": "X" * 180}
    pdf = await make(pool, "invoice", data)
    text = page_texts(pdf.data)[0]
    assert url in text.replace("\n", "")
    assert "$1.00" in text


async def test_own_footers_replace_the_template_s(pool: RenderPool) -> None:
    """Page numbers are not printed twice where a footer of the request's own is given."""
    pdf = await make(
        pool,
        "invoice",
        long_invoice(60),
        header_html="<b>Draft</b>",
        footer_html="sheet <span class=pageNumber></span>/<span class=totalPages></span>",
    )
    for number, text in enumerate(page_texts(pdf.data), 1):
        assert f"sheet {number}/{pdf.pages}" in text
        assert "Draft" in text
        assert "Page " not in text
