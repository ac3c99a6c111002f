"""What templates have for paper: locales, codes, Markdown, charts."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from jobqueue.errors import Unrecoverable
from jobqueue.render.charts.drawing import Drawing
from jobqueue.render.charts.specification import MAX_SPECIFICATION
from jobqueue.render.codes import barcode, qr
from jobqueue.render.filling.filler import Filler
from jobqueue.render.filling.messages import ChartCall
from jobqueue.render.markdown import Parsed, markdown
from jobqueue.render.options import RenderOptions
from jobqueue.render.template_files import TemplateFiles

DEFAULT = RenderOptions()
BAR = {
    "data": {"values": [{"a": "x", "b": 3}, {"a": "y", "b": 5}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filler() -> AsyncIterator[Filler]:
    """One filling process, and one for charts."""
    filler = Filler(1)
    yield filler
    await filler.close()


async def fill(filler: Filler, html: str, **data: Any) -> str:
    """A template of this text, filled."""
    template = TemplateFiles("letter", 1, {"template.html": html.encode()})
    return await filler.fill(template, data, DEFAULT)


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("1234.5 | money('EUR')", "€1,234.50"),
        ("1234.5 | money('EUR', locale='de')", "1.234,50\xa0€"),
        ("1234.5 | money('JPY', locale='ja')", "\uffe51,235"),
        ("-0.005 | money('USD', locale='en')", "-$0.01"),
        ("0.0125 | money('EUR', locale='de', exact=true)", "0,0125\xa0€"),
        ("1234567.891 | number(locale='de-CH')", "1\u2019234\u2019567.891"),
        ("1234567.891 | number(1, locale='hi')", "12,34,567.9"),
        ("2.5 | number(0, locale='en')", "3"),
        ("0.195 | percent", "20%"),
        ("0.195 | percent(1, locale='fr')", "19,5\xa0%"),
        ("'2024-02-29' | date(locale='de')", "29. Februar 2024"),
        ("'2024-02-29' | date('full', locale='ja')", "2024年2月29日木曜日"),
        ("'2024-02-29' | date('EEE d. MMM', locale='pl')", "czw. 29. lut"),
        (
            "'2024-07-01T12:00:00Z' | datetime('yyyy-MM-dd HH:mm', tz='Asia/Kolkata')",
            "2024-07-01 17:30",
        ),
        ("0 | datetime('yyyy', tz='UTC')", "1970"),
    ],
)
async def test_values_are_printed_as_a_locale_does(
    filler: Filler, expression: str, printed: str
) -> None:
    """Money, numbers, percentages and dates read as people of that language write them."""
    assert await fill(filler, f"{{{{ {expression} }}}}") == printed


async def test_a_template_says_its_locale_once(filler: Filler) -> None:
    """`locale` set in the template, or given as data, counts where none is named."""
    text = "{{ 5 | money('EUR') }}"
    assert await fill(filler, "{% set locale = 'de' %}" + text) == "5,00\xa0€"
    assert await fill(filler, text, locale="fr") == "5,00\xa0€"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 | money('EUR', locale='xx')", "locale 'xx' is not known"),
        ("1 | money('EUR', locale='../../etc')", "is not known"),
        ("'x' | number(locale='de')", "'x' is not a number"),
        ("'29.02.2024' | date", "use ISO form"),
        ("'2024-01-01' | date('longish')", "style 'longish' is none of"),
        ("0 | datetime(tz='Europe/Nowhere')", "time zone 'Europe/Nowhere' is not known"),
        ("0 | datetime(tz='../../etc/passwd')", "is not known"),
        ("1 | number(99, locale='en')", "decimals must be"),
        ("'x' | qr(size='30')", "is no length"),
        ("'x' | qr(size='1mm;}')", "is no length"),
        ("'4006381333932' | barcode('ean13')", "the check digit"),
        ("'ü' | barcode", "Code 128 takes"),
        ("'1' | barcode('code39')", "kind must be"),
        ("page_of('a\"b')", "is no id"),
    ],
)
async def test_wrong_arguments_are_told_in_words(
    filler: Filler, expression: str, words: str
) -> None:
    """What cannot be printed is an error of the template that names the value."""
    with pytest.raises(Unrecoverable, match="line 1") as caught:
        await fill(filler, f"{{{{ {expression} }}}}")
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["https://example.com/?a=1&b=2", "日本語 €", "x" * 500])
def test_a_qr_code_is_inline(text: str) -> None:
    """A QR code is an SVG of the size that was asked for, without its text."""
    svg = str(qr(text, "25mm"))
    assert svg.startswith('<svg style="width:25mm;height:25mm"')
    assert text not in svg
    with pytest.raises(ValueError, match="holds 2953 bytes"):
        qr("x" * 3000)


def modules_of(svg: str) -> str:
    """The dark and light modules of a drawn barcode, without its quiet zones."""
    bars = [(int(start), int(width)) for start, width in re.findall(r"M(\d+) 0h(\d+)v", svg)]
    end = bars[-1][0] + bars[-1][1]
    dark = {at for start, width in bars for at in range(start, start + width)}
    return "".join("1" if at in dark else "0" for at in range(10, end))


def test_an_ean_is_drawn_as_the_standard_says() -> None:
    """The bars of a known number are those of ISO/IEC 15420."""
    drawn = modules_of(str(barcode("400638133393", "ean13")))
    left = ["0001101", "0100111", "0101111", "0111101", "0001001", "0110011"]
    right = ["1000010", "1000010", "1000010", "1110100", "1000010", "1100110"]
    assert drawn == "101" + "".join(left) + "01010" + "".join(right) + "101"


def test_a_code_128_is_drawn_as_the_standard_says() -> None:
    """The bars of a text have its check symbol: those of `A` in code set B."""
    # start B (104), A (33), check (104 + 33) % 103 = 34, stop
    widths = "211214" + "111323" + "131123" + "2331112"
    expected = "".join(("1", "0")[at % 2] * int(width) for at, width in enumerate(widths))
    assert modules_of(str(barcode("A"))) == expected


def test_markdown_is_never_html_of_its_writer() -> None:
    """HTML in a text stays text, and no link runs anything."""
    hostile = (
        "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n"
        "[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x) [d](vbscript:x)\n\n"
        '[e](https://example.com "x\\" onclick=\\"y") ![f](file:///etc/passwd)\n\n'
        '```x" onclick="y\n</code><script>\n```\n'
    )
    html = str(markdown(hostile))
    assert "<script" not in html
    assert "<img src=x" not in html
    assert not re.search(r'href="(?!https:)', html)
    assert not re.search(r"<[^>]*\sonclick=", re.sub(r'"[^"]*"', "", html))


def test_headings_can_be_linked_to() -> None:
    """Each heading has an id of its own, the first is the title, [TOC] lists them."""
    parsed = Parsed("# A *b*\n\n[TOC]\n\n## C\n\n## C\n")
    assert parsed.title == "A b"
    assert [anchor for _, anchor, _ in parsed.headings] == ["a-b", "c", "c-2"]
    assert 'data-page-of="c-2"' in parsed.with_contents()


async def test_a_chart_becomes_svg(filler: Filler) -> None:
    """A Vega-Lite specification is drawn where the template calls for it, without a script."""
    html = await fill(filler, "<p>{{ chart(spec) }}</p>{{ chart(spec) }}", spec=BAR)
    assert html.startswith("<p><svg ")
    assert html.count("<svg ") == 2
    assert "<script" not in html
    assert "<!--chart" not in html


async def test_nobody_forges_a_chart(filler: Filler) -> None:
    """Data that looks like the mark of a chart stays data."""
    html = await fill(filler, "{{ x }}{{ chart(spec) }}", x="<!--chart 0 0-->", spec=BAR)
    assert html.startswith("&lt;!--chart 0 0--&gt;<svg")


async def test_the_drawing_process_reaches_nothing(tmp_path: Path) -> None:
    """A specification that got past our check loads neither from the network nor from the disk."""
    hits: list[object] = []

    def hit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(writer.get_extra_info("peername"))
        writer.close()

    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\nverysecret,4\n")
    drawing = Drawing()
    async with await asyncio.start_server(hit, "127.0.0.1", 0) as canary:
        port = canary.sockets[0].getsockname()[1]
        for url in (f"http://127.0.0.1:{port}/x.csv", secret.as_uri(), str(secret)):
            spec = msgspec.json.encode({**BAR, "data": {"url": url, "format": {"type": "csv"}}})
            try:
                (svg,) = await drawing.draw("letter", [ChartCall(spec, "line 1")])
            except Unrecoverable as error:
                svg = str(error)
            assert "verysecret" not in svg
    await drawing.close()
    assert hits == []


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ({**BAR, "data": {"url": "http://127.0.0.1:9/x.csv"}}, "template_error", "data.url"),
        ({**BAR, "data": {"url": "file:///etc/passwd"}}, "template_error", "data.url"),
        (
            {**BAR, "transform": [{"lookup": "a", "from": {"data": {"url": "x"}, "key": "a"}}]},
            "template_error",
            "transform.from.data.url",
        ),
        (
            {**BAR, "mark": "image", "encoding": {"url": {"value": "http://x/y.png"}}},
            "template_error",
            "encoding.url",
        ),
        ({**BAR, "mark": {"type": "bar", "href": "javascript:x"}}, "template_error", "mark.href"),
        ("not an object", "template_error", "an object"),
        ({"mark": "nothing"}, "chart_error", "line 1"),
        (
            {**BAR, "data": {"sequence": {"start": 0, "stop": 10**9}}},
            "chart_too_large",
            "more memory",
        ),
        (
            {**BAR, "data": {"values": ["x" * MAX_SPECIFICATION]}},
            "template_error",
            "bytes of data",
        ),
    ],
    ids=["http", "file", "lookup", "image", "link", "text", "kind", "sequence", "size"],
)
async def test_hostile_charts_are_errors(filler: Filler, spec: Any, code: str, words: str) -> None:
    """A chart loads nothing, is bounded, and says where it was called from."""
    with pytest.raises(Unrecoverable) as caught:
        await fill(filler, "{{ chart(spec) }}", spec=spec)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "template.html, line 1" in str(caught.value)
    assert "<svg" in await fill(filler, "{{ chart(spec) }}", spec=BAR)
