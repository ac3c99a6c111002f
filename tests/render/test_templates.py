"""The template engine and the data of the shipped templates."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobqueue.errors import InvalidRequest, SettingsError, UnknownTemplate, Unrecoverable
from jobqueue.render import templates as module
from jobqueue.render.filters import money
from jobqueue.render.omissions import is_plain
from jobqueue.render.options import RenderOptions
from jobqueue.render.templates import Templates

from .helpers import invoices, shared_file, sum_of_lines

DEFAULT = RenderOptions()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one template called `letter`, without its HTML."""
    letter = tmp_path / "letter"
    letter.mkdir()
    schema = {"type": "object", "properties": {"name": {}, "n": {}}}
    (letter / "schema.json").write_text(json.dumps(schema))
    (letter / "sample.json").write_text("{}")
    return tmp_path


async def render(folder: Path, html: str, data: dict[str, Any]) -> str:
    """`html` as a template, filled with `data`."""
    (folder / "letter" / "template.html").write_text(html)
    return await Templates(folder).render("letter", data, DEFAULT)


async def failure(folder: Path, html: str, data: dict[str, Any]) -> str:
    """The message with which rendering fails, as an error of the template."""
    with pytest.raises(Unrecoverable) as caught:
        await render(folder, html, data)
    assert caught.value.code == "template_error"
    return str(caught.value)


@pytest.mark.parametrize("name", Templates().names())
async def test_documents_without_a_picture_are_plain(templates: Templates, name: str) -> None:
    """Nothing in them must be waited for, so they are printed in the fastest way."""
    data = {key: value for key, value in templates.sample(name).items() if key != "logo"}
    assert is_plain(await templates.render(name, data, DEFAULT))


@pytest.mark.parametrize("name", Templates().names())
async def test_every_sample_is_valid_and_renders(templates: Templates, name: str) -> None:
    """Each shipped template can be tried with the data that comes with it."""
    sample = templates.sample(name)
    templates.validate(name, sample)
    html = await templates.render(name, sample, DEFAULT)
    assert re.search(r"<title>[^<]{3,}</title>", html)
    assert "None" not in html


def test_shipped_templates(templates: Templates) -> None:
    """An invoice, a statement of account and a table come with the program."""
    assert templates.names() == ("invoice", "statement", "table")
    assert templates.schema("invoice")["required"]


@pytest.mark.parametrize("invoice", invoices(), ids=lambda each: each["invoice_number"])
async def test_real_invoices_print_the_sum_of_their_lines(
    templates: Templates, invoice: dict[str, Any]
) -> None:
    """Data of a real shop is taken as it is, and the total is right."""
    await check_invoice(templates, invoice)


async def test_all_real_invoices_print_the_sum_of_their_lines(templates: Templates) -> None:
    """The same for all 412 of them."""
    lines = shared_file("chinook-invoices.ndjson").read_text("utf-8").splitlines()
    for line in lines:
        await check_invoice(templates, json.loads(line))


async def check_invoice(templates: Templates, invoice: dict[str, Any]) -> None:
    """The total that is printed last in the table is the sum of the lines."""
    templates.validate("invoice", invoice)
    html = await templates.render("invoice", invoice, DEFAULT)
    totals = re.findall(r'<tr class="total">.*?([^>]*)</td></tr>', html, re.DOTALL)
    assert totals == [money(sum_of_lines(invoice), "USD")]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"lines": []}, "/data/lines"),
        ({"lines": [{"track": "x", "unit_price": 1}]}, "/data/lines/0/quantity"),
        ({"lines": [{"unit_price": 1, "quantity": 1}]}, "/data/lines/0"),
        ({"lines": [{"track": "x", "unit_price": "1", "quantity": 1}]}, "/data/lines/0/unit_price"),
        ({"date": "01.02.2024"}, "/data/date"),
        ({"currency": "euro"}, "/data/currency"),
        ({"customer": {}}, "/data/customer/name"),
        ({"logo": "https://example.com/logo.png"}, "/data/logo"),
        ({"tax": "19%"}, "/data/tax"),
        ({"colour": "red"}, "/data/colour"),
    ],
)
def test_wrong_invoices_name_their_field(
    templates: Templates, change: dict[str, Any], path: str
) -> None:
    """What is wrong with an invoice is known when it is submitted, by JSON pointer."""
    with pytest.raises(InvalidRequest) as caught:
        templates.validate("invoice", invoices()[0] | change, at="/data")
    assert [error.path for error in caught.value.errors] == [path]


def test_unknown_templates_are_refused_with_those_there_are(templates: Templates) -> None:
    """A misspelt template is told at once, with the right names."""
    for ask in (templates.sample, templates.schema, lambda name: templates.validate(name, {})):
        with pytest.raises(UnknownTemplate, match="invoice, statement, table"):
            ask("invioce")


async def test_undefined_variables_are_named_with_their_line(folder: Path) -> None:
    """A template that uses what is not there says which and where."""
    message = await failure(folder, "<p>\n<p>\n{{ nmae }}", {"name": "x"})
    assert message == "template letter, line 3: 'nmae' is undefined"
    message = await failure(folder, "{{ name.first }}", {"name": {}})
    assert message == "template letter, line 1: 'dict object' has no attribute 'first'"


async def test_errors_of_filters_and_syntax_have_a_line(folder: Path) -> None:
    """Wrong values and wrong templates are found in the same way."""
    message = await failure(folder, "\n{{ name | money('USD') }}", {"name": "abc"})
    assert message == "template letter, line 2: 'abc' is not a number"
    message = await failure(folder, "\n\n{% if %}", {})
    assert message.startswith("template letter, line 3: Expected an expression")


async def test_text_is_escaped(folder: Path) -> None:
    """Data never becomes markup."""
    html = await render(folder, "<p title='{{ name }}'>{{ name }}", {"name": "<b>'&\""})
    assert html == "<p title='&lt;b&gt;&#39;&amp;&#34;'>&lt;b&gt;&#39;&amp;&#34;"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ name.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{% set _ = data.clear() %}{{ data }}",
        "{{ range(10**9) | list }}",
        "{{ cycler.__init__.__globals__ }}",
    ],
)
async def test_templates_are_kept_in_a_sandbox(folder: Path, attack: str) -> None:
    """Python's inside, other people's data and endless ranges are out of reach."""
    message = await failure(folder, attack, {"name": "x"})
    assert message.startswith("template letter, line 1:")


async def test_the_size_of_the_output_is_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template cannot fill the memory."""
    monkeypatch.setattr(module, "MAX_OUTPUT", 1000)
    html = "{% for i in range(100) %}{{ 'x' * 20 }}{% endfor %}"
    assert "more than 1000 characters" in await failure(folder, html, {})


async def test_left_out_fields_of_the_schema_are_null(folder: Path) -> None:
    """A template may ask for every field that its schema names."""
    assert await render(folder, "{{ n is none }} {{ name }}", {"name": "x"}) == "True x"


def test_template_names_are_checked(folder: Path) -> None:
    """A folder whose name cannot be a template's name is refused at start."""
    (folder / "letter").rename(folder / "My Letter")
    (folder / "My Letter" / "template.html").write_text("")
    with pytest.raises(SettingsError, match="template name 'My Letter'"):
        Templates(folder)


async def test_the_page_is_known_to_templates(folder: Path) -> None:
    """A template can fit itself to the paper that was chosen."""
    (folder / "letter" / "template.html").write_text(
        "{{ page.width_mm | round }} {{ page.may_turn }} {{ page.has_footer }}"
    )
    templates = Templates(folder)
    assert await templates.render("letter", {}, DEFAULT) == "174.0 True False"
    options = RenderOptions(landscape=False, footer_html="x", margin_left=0)
    assert await templates.render("letter", {}, options) == "192.0 False True"
