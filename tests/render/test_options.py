"""The options of a document."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobqueue.render.filenames import (
    MAX_BYTES,
    filename_for,
    filename_of_title,
    safe_filename,
    title_of,
)
from jobqueue.render.options import RenderOptions
from jobqueue.render.paper import FORMATS, MIN_CONTENT


def errors_of(options: Any) -> dict[str, str]:
    """Field and message of everything that is wrong with `options`."""
    with pytest.raises(ValidationError) as caught:
        RenderOptions.model_validate(options)
    return {".".join(map(str, e["loc"])): e["msg"] for e in caught.value.errors()}


def refused_fields(options: dict[str, Any]) -> set[str]:
    """The fields for which `options` are refused; none when they are accepted."""
    try:
        RenderOptions.model_validate(options)
    except ValidationError as error:
        return {str(each["loc"][0]) for each in error.errors()}
    return set()


def test_defaults_are_a_sheet_of_a4_with_margins() -> None:
    """Without options a document is upright A4 with margins of 15 to 20 mm."""
    options = RenderOptions()
    width, height = (round(side * 25.4) for side in options.paper)
    assert (width, height) == (210, 297)
    for side in ("top", "right", "bottom", "left"):
        assert 15 <= round(getattr(options, f"margin_{side}") * 25.4, 3) <= 20
    assert options.print_background
    assert not options.javascript


@pytest.mark.parametrize(
    ("given_options", "paper"),
    [
        ({"format": "letter"}, (8.5, 11)),
        ({"format": "A5", "landscape": True}, (8.27, 5.83)),
        ({"paper_width": "10cm", "paper_height": 6}, (100 / 25.4, 6)),
        ({"paper_width": "960px", "paper_height": "300 mm"}, (10, 300 / 25.4)),
        ({"format": None, "paper_width": None}, (8.27, 11.69)),
    ],
)
def test_paper_is_given_by_name_or_sides(
    given_options: dict[str, Any], paper: tuple[float, float]
) -> None:
    """Formats are known in any case; sides are inches or carry a unit; null is not given."""
    assert RenderOptions.model_validate(given_options).paper == pytest.approx(paper)


@pytest.mark.parametrize(
    ("options", "field", "hint"),
    [
        ({"format": "A9"}, "format", "A4"),
        ({"format": 4}, "format", "A4"),
        ({"paper_width": 5}, "paper_height", "together with paper_width"),
        ({"paper_height": 5}, "paper_width", "together with paper_height"),
        ({"format": "A4", "paper_width": 5, "paper_height": 5}, "format", "combined"),
        ({"paper_width": 0.2, "paper_height": 5}, "paper_width", "at least 1 inch"),
        ({"paper_width": "900in", "paper_height": 5}, "paper_width", "at most 200"),
        ({"margin_top": "5furlong"}, "margin_top", "'20mm'"),
        ({"margin_top": -1}, "margin_top", "0 to 200"),
        ({"margin_top": None, "margin_left": True}, "margin_left", "number of inches"),
        ({"margin_left": "100mm", "margin_right": "101mm"}, "margin_right", "leaves no room"),
        ({"margin_top": 12, "landscape": True}, "margin_top", "leaves no room"),
        ({"scale": 3}, "scale", "less than or equal to 2"),
        ({"scale": "1"}, "scale", "number"),
        ({"landscape": "yes"}, "landscape", "boolean"),
        ({"print_background": 1}, "print_background", "boolean"),
        ({"page_ranges": "3-1"}, "page_ranges", "upwards"),
        ({"page_ranges": "0"}, "page_ranges", "count from 1"),
        ({"page_ranges": "1,,2"}, "page_ranges", "is no page"),
        ({"page_ranges": "1 2"}, "page_ranges", "is no page"),
        ({"page_ranges": ""}, "page_ranges", "'1-3, 5, 8-'"),
        ({"page_ranges": 3}, "page_ranges", "'1-3, 5, 8-'"),
        ({"header_html": "<SCRIPT src=x>"}, "header_html", "<script>"),
        ({"footer_html": "x" * 70_000}, "footer_html", "65536"),
        ({"header_html": "<img src='http://x/a.png'>"}, "header_html", "data: addresses"),
        ({"header_html": "<style>@import 'x'</style>"}, "header_html", "must not load anything"),
        ({"header_html": "<style>@\\69mport 'x'</style>"}, "header_html", "must not spell letters"),
        ({"footer_html": "<i style='background: url(a)'>"}, "footer_html", "must not load"),
        ({"filename": "///"}, "filename", "file name"),
        ({"filename": 7}, "filename", "file name"),
        ({"javascript": "yes"}, "javascript", "boolean"),
        ({"media": "tv"}, "media", "'print' or 'screen'"),
        ({"color_scheme": "sepia"}, "color_scheme", "'light' or 'dark'"),
        ({"timezone": "Mars/Base", "javascript": True}, "timezone", "'Europe/Berlin'"),
        ({"timezone": "Europe/Berlin"}, "timezone", "needs javascript"),
        ({"locale": "german!", "javascript": True}, "locale", "'pt-BR'"),
        ({"locale": "de-DE"}, "locale", "needs javascript"),
        ({"viewport_width": 0}, "viewport_width", "greater than or equal to 1"),
        ({"viewport_height": 20_000}, "viewport_height", "16384"),
        ({"viewport_width": 9000, "viewport_height": 9000}, "viewport_width", "pixels"),
        ({"device_scale": 9}, "device_scale", "less than or equal to 4"),
        ({"wait_delay": 1}, "wait_delay", "needs javascript"),
        ({"wait_delay": 61, "javascript": True}, "wait_delay", "60"),
        ({"wait_selector": "a"}, "wait_selector", "needs javascript"),
        ({"wait_selector": "a >> b", "javascript": True}, "wait_selector", "without >>"),
        ({"wait_selector": "", "javascript": True}, "wait_selector", "CSS selector"),
        ({"wait_expression": "1"}, "wait_expression", "needs javascript"),
        ({"wait_expression": "", "javascript": True}, "wait_expression", "at least 1"),
        ({"wait_network_idle": True}, "wait_network_idle", "needs javascript"),
        ({"fail_on_console_exception": True}, "fail_on_console_exception", "needs javascript"),
        ({"output": "gif"}, "output", "'webp'"),
        ({"quality": 0}, "quality", "jpeg or webp, not pdf"),
        ({"output": "png", "quality": 80}, "quality", "jpeg or webp, not png"),
        ({"output": "jpeg", "quality": 101}, "quality", "100"),
        ({"full_page": True}, "full_page", "not pdf"),
        ({"output": "html", "selector": "a"}, "selector", "not html"),
        ({"output": "jpeg", "omit_background": True}, "omit_background", "png or webp"),
        ({"output": "png", "full_page": True, "selector": "a"}, "full_page", "combined"),
        ({"output": "png", "single_page": True}, "single_page", "is for output pdf"),
        ({"single_page": True, "page_ranges": "1"}, "page_ranges", "single_page"),
        (
            {"single_page": True, "prefer_css_page_size": True},
            "prefer_css_page_size",
            "single_page",
        ),
        ({"colour": True}, "colour", "there are format"),
        ({"colour": None}, "colour", "there are format"),
    ],
)
def test_wrong_options_name_their_field(options: dict[str, Any], field: str, hint: str) -> None:
    """Each mistake is reported at its field, with what to do instead."""
    errors = errors_of(options)
    assert list(errors) == [field]
    assert hint in errors[field]


def test_all_mistakes_are_reported_at_once() -> None:
    """A client learns of every wrong field and combination in one answer."""
    errors = errors_of({"format": "A4", "paper_width": 3, "scale": 9, "foo": 1, "landscape": 0})
    assert set(errors) == {"format", "paper_height", "scale", "foo", "landscape"}


def test_options_that_need_scripts_are_refused_together() -> None:
    """Whoever forgot javascript learns of each option that needs it in one answer."""
    errors = errors_of({"timezone": "UTC", "wait_delay": 1, "wait_selector": "p", "quality": 5})
    assert set(errors) == {"timezone", "wait_delay", "wait_selector", "quality"}


def test_the_viewport_is_the_room_on_the_paper() -> None:
    """Scripts of a PDF measure what they will get; images have a small window; both can be set."""
    content = {"paper_width": 6, "paper_height": 8, **dict.fromkeys(MARGINS, 1)}
    assert RenderOptions.model_validate(content).viewport == (4 * 96, 6 * 96)
    assert RenderOptions.model_validate({**content, "scale": 2}).viewport == (2 * 96, 3 * 96)
    assert RenderOptions.model_validate({**content, "viewport_width": 500}).viewport == (500, 576)
    assert RenderOptions(output="png").viewport == (1280, 720)


def test_only_what_needs_a_live_page_gets_one() -> None:
    """Plain PDFs stay in the fast lane, whatever paper, media and colours they ask for."""
    plain = {"media": "screen", "color_scheme": "dark", "fail_on_resource_failure": True}
    assert not RenderOptions.model_validate({**plain, "format": "A5"}).is_live
    for live in (
        {"javascript": True},
        {"output": "html"},
        {"single_page": True},
        {"viewport_width": 300},
        {"device_scale": 2},
    ):
        assert RenderOptions.model_validate(live).is_live


def test_options_must_be_an_object() -> None:
    """A text or list instead of options is refused."""
    assert errors_of(["A4"])


def test_margins_are_not_judged_against_paper_of_the_document() -> None:
    """With prefer_css_page_size the paper is the document's, so any margins may fit."""
    assert RenderOptions(margin_top=12, prefer_css_page_size=True).margin_top == 12


@pytest.mark.parametrize("ranges", ["1", "1-3", "1-3, 5, 8-", "-2", "7-7"])
def test_page_ranges_are_kept_as_given(ranges: str) -> None:
    """Single pages, ranges and open ends are accepted."""
    assert RenderOptions(page_ranges=ranges).page_ranges == ranges


MARGINS = ("margin_top", "margin_right", "margin_bottom", "margin_left")
lengths = st.floats(0, 30) | st.integers(0, 700).map(lambda n: f"{n}mm")


@given(
    st.sampled_from(sorted(FORMATS)),
    st.booleans(),
    st.fixed_dictionaries(
        {f"margin_{side}": lengths for side in ("top", "right", "bottom", "left")}
    ),
)
def test_accepted_margins_leave_room(
    paper: str, landscape: bool, margins: dict[str, float | str]
) -> None:
    """Whatever margins are accepted, there is room for text; what is refused names a margin."""
    options = {"format": paper, "landscape": landscape, **margins}
    refused = refused_fields(options)
    if refused:
        assert refused <= set(margins)
    else:
        assert min(RenderOptions.model_validate(options).content) >= MIN_CONTENT


@given(st.dictionaries(st.sampled_from([*RenderOptions.model_fields, "x"]), st.none() | st.text()))
def test_any_texts_are_accepted_or_refused_by_field(options: dict[str, Any]) -> None:
    """No text in any option breaks the check itself."""
    assert refused_fields(options) <= {*RenderOptions.model_fields, "x"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("invoice", "invoice.pdf"),
        ("Rechnung März.PDF", "Rechnung März.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ('a"b\r\nc.pdf', "a_b__c.pdf"),
        ("\u202efdp.exe", "fdp.exe.pdf"),
        (". .hidden", "hidden.pdf"),
        ("日本語", "日本語.pdf"),
        ("..", None),
        ("", None),
    ],
)
def test_filenames_are_made_safe(name: str, safe: str | None) -> None:
    """Folders, forbidden and invisible characters never reach a header or a disk."""
    assert safe_filename(name) == safe


@given(st.text())
def test_any_filename_is_safe_and_stays_so(name: str) -> None:
    """A name that was made safe is short, ends in .pdf, and is not changed again."""
    safe = safe_filename(name)
    if safe is not None:
        assert safe.endswith(".pdf")
        assert not set(safe) & set('/\\"\r\n\0')
        assert len(safe.encode()) <= MAX_BYTES
        assert safe_filename(safe) == safe


@pytest.mark.parametrize(
    ("name", "output", "file"),
    [
        ("a.pdf", "pdf", "a.pdf"),
        ("a.pdf", "png", "a.png"),
        ("a.PNG.pdf", "png", "a.PNG"),
        ("a.jpg.pdf", "jpeg", "a.jpg"),
        ("a.png.pdf", "html", "a.png.html"),
    ],
)
def test_a_file_is_named_by_what_it_is(name: str, output: str, file: str) -> None:
    """The suffix is that of the output, once."""
    assert filename_for(name, output) == file


def test_a_document_is_named_by_its_title() -> None:
    """Entities are read, slashes do not make folders, and no title gives no name."""
    assert filename_of_title(title_of("<title>R&amp;D 1/2</title>")) == "R&D 1-2.pdf"
    assert filename_of_title(title_of("<p>no title")) is None
    assert filename_of_title(title_of("<title> </title>")) is None
