"""Reports of several parts: what may be said, and what becomes of them."""

import io
from typing import Any

import pikepdf
import pytest
from jsonschema import Draft202012Validator

from jobqueue.errors import UnknownTemplate, Unrecoverable
from jobqueue.jobs.report_parts import MAX_PARTS
from jobqueue.jobs.report_schema import payload_schema
from jobqueue.storage.base import Storage
from jobqueue.storage.whole import chunks_of
from tests.jobs.harness import TEMPLATES, Attempt, stored
from tests.jobs.test_finished_reports import HTML, breaches, opened, pdf_file
from tests.jobs.test_report_request import errors_of, parse
from tests.render.helpers import page_texts

SAMPLE = TEMPLATES.sample("invoice")


@pytest.mark.parametrize(
    ("parts", "path", "hint"),
    [
        ([], "/parts", f"1 to {MAX_PARTS}"),
        ({}, "/parts", "must be a list"),
        ([{"html": "x"}] * (MAX_PARTS + 1), "/parts", f"1 to {MAX_PARTS}"),
        (["x"], "/parts/0", "must be an object"),
        (
            [{"html": "x"}, {}],
            "/parts/1",
            "exactly one of template and html and markdown and bundle and url and pdf",
        ),
        ([{"html": ""}], "/parts/0/html", "not empty"),
        ([{"html": "x", "data": {}}], "/parts/0/data", "belongs to a template"),
        ([{"html": "x", "colour": 1}], "/parts/0/colour", "is not known"),
        ([{"parts": [{"html": "x"}]}], "/parts/0", "exactly one of"),
        ([{"template": "invoice", "data": []}], "/parts/0/data", "must be object"),
        ([{"pdf": "x"}], "/parts/0/pdf", "an object with base64 or key"),
        ([{"pdf": {"key": "x"}}], "/parts/0/pdf/key", "below files/"),
        ([{"pdf": {"url": "x"}}], "/parts/0/pdf/url", "is not known"),
        ([{"html": "x", "options": {"scale": 9}}], "/parts/0/options/scale", "less than"),
        ([{"html": "x", "options": {"pdf_a": "2b"}}], "/parts/0/options/pdf_a", "whole document"),
        (
            [{"pdf": {"base64": ""}, "options": {"landscape": True}}],
            "/parts/0/options/landscape",
            "takes page_ranges",
        ),
    ],
)
def test_wrong_parts_name_the_field(parts: Any, path: str, hint: str) -> None:
    """Every mistake is found at its JSON pointer, that of its part included."""
    errors = {key: text for key, text in errors_of({"parts": parts}).items() if key == path}
    assert list(errors) == [path]
    assert hint in errors[path]


def test_mistakes_of_all_parts_come_together() -> None:
    """One answer lists what is wrong in each part and in the options of the whole."""
    payload = {
        "parts": [{"html": 5}, {"template": "invoice", "data": SAMPLE | {"currency": "euro"}}],
        "options": {"pdf_a": "9"},
    }
    assert set(errors_of(payload)) == {
        "/parts/0/html",
        "/parts/1/data/currency",
        "/options/pdf_a",
    }


def test_an_unknown_template_names_its_part() -> None:
    """It is an error of its own kind, as it is without parts."""
    with pytest.raises(UnknownTemplate) as caught:
        parse(b'{"parts": [{"html": "x"}, {"template": "none", "data": {}}]}')
    assert caught.value.errors[0].path == "/parts/1/template"


def test_the_published_schema_knows_parts_and_options() -> None:
    """Producers elsewhere can check parts and values inside of options by the schema."""
    schema = Draft202012Validator(payload_schema(TEMPLATES))
    Draft202012Validator.check_schema(schema.schema)
    parts = [{"html": "x", "options": {"format": "A5"}}, {"pdf": {"key": "files/a.pdf"}}]
    assert schema.is_valid({"parts": parts, "options": {"metadata": {"title": "x"}}})
    assert not schema.is_valid({"parts": parts, "html": "x"})
    assert not schema.is_valid({"parts": [{"url": "x"}]})
    assert not schema.is_valid({"html": "x", "options": {"metadata": {"tittle": "x"}}})
    assert not schema.is_valid({"html": "x", "options": {"pdf_a": "1b"}})


@pytest.mark.browser
async def test_parts_become_one_document_in_their_order(attempt: Attempt, storage: Storage) -> None:
    """Each part has its own paper; pages of a stored PDF are taken as named."""
    first = await attempt.run({"html": "<p>a<p style='break-before:page'>b"}, token="t1")  # noqa: S106 - a fencing token
    result = await attempt.run(
        {
            "parts": [
                {"html": "<title>Cover</title>cover", "options": {"format": "A5"}},
                {"template": "invoice", "data": SAMPLE},
                {"pdf": {"key": first.key}, "options": {"page_ranges": "2, 1"}},
                {"html": "last", "options": {"landscape": True}},
            ],
            "options": {"format": "A3"},
        }
    )
    document = await stored(storage, result.key)
    texts = page_texts(document)
    assert result.pages == len(texts) == 5
    assert [texts[0], texts[2], texts[3], texts[4]] == ["cover", "b", "a", "last"]
    assert "Café Süßholz" in texts[1]
    assert result.filename == "Cover.pdf"
    with opened(document) as pdf:
        sizes = [tuple(_mm(side) for side in list(each.mediabox)[2:]) for each in pdf.pages]
        assert str(pdf.docinfo.Title) == "Cover"
    assert sizes == [(148, 210), (297, 420), (210, 297), (210, 297), (297, 210)]


@pytest.mark.browser
async def test_bookmarks_links_and_structure_survive(attempt: Attempt, storage: Storage) -> None:
    """Each part's bookmarks and links lead to its own pages, and its headings are still tagged."""
    payload = {"parts": [{"html": HTML}, {"html": HTML}], "options": {"outline": True}}
    with opened(await stored(storage, (await attempt.run(payload)).key)) as pdf:
        with pdf.open_outline() as outline:
            targets = [
                pikepdf.Page(each.destination[0]).index  # type: ignore[index]  # an array here
                for root in outline.root
                for each in (root, *root.children)
            ]
        assert targets == [0, 1, 2, 3]
        assert pdf.Root.MarkInfo.Marked
        assert [_links_to(pdf, number) for number in (0, 2)] == [1, 3]
        parents = dict(pikepdf.NumberTree(pdf.Root.StructTreeRoot.ParentTree).items())
        keys = [int(each.obj.StructParents) for each in pdf.pages]
        assert len(set(keys)) == 4
        for number, key in enumerate(keys):
            pages = {str(each.Pg.objgen) for each in parents[key]}
            assert pages == {str(pdf.pages[number].obj.objgen)}
        names = pikepdf.NameTree(pdf.Root.StructTreeRoot.IDTree)
        assert len(names) == 2


def _links_to(pdf: pikepdf.Pdf, number: int) -> int:
    """The page that the link within the document on this page leads to."""
    (name,) = [each.Dest for each in pdf.pages[number].obj.Annots if "/Dest" in each]
    target = pdf.Root.Dests[str(name)]
    place = target.D if isinstance(target, pikepdf.Dictionary) else target
    return pikepdf.Page(place[0]).index


@pytest.mark.browser
async def test_merged_parts_can_be_archived(attempt: Attempt, storage: Storage) -> None:
    """Parts, bookmarks and a letterhead make a valid PDF/A together."""
    letterhead = await stored(storage, (await attempt.run({"html": "ACME"})).key)
    payload = {
        "parts": [{"html": HTML}, {"pdf": pdf_file(letterhead)}, {"html": HTML}],
        "options": {
            "outline": True,
            "pdf_a": "2b",
            "letterhead": {"pdf": pdf_file(letterhead)},
        },
    }
    document = await stored(storage, (await attempt.run(payload, token="t1")).key)  # noqa: S106 - a fencing token
    assert breaches(document, "2b") == []


@pytest.mark.browser
async def test_attachments_of_parts_are_kept(attempt: Attempt, storage: Storage) -> None:
    """Files in the parts are in the whole; of two of one name the second gets a number."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.attachments["data.csv"] = b"1,2"
        file = io.BytesIO()
        pdf.save(file)
    part = {"pdf": pdf_file(file.getvalue())}
    result = await attempt.run({"parts": [part, part]})
    with opened(await stored(storage, result.key)) as pdf:
        files = {name: each.get_file().read_bytes() for name, each in pdf.attachments.items()}
    assert files == {"data.csv": b"1,2", "data (2).csv": b"1,2"}


@pytest.mark.browser
async def test_a_broken_part_is_named(attempt: Attempt, storage: Storage) -> None:
    """The job's error says which part cannot be read, and nothing is stored."""
    parts = [{"html": "x"}, {"pdf": pdf_file(b"no PDF")}]
    with pytest.raises(Unrecoverable, match=r"^parts/1 is no PDF") as caught:
        await attempt.run({"parts": parts})
    assert caught.value.code == "pdf_damaged"
    async with storage.list("reports/") as objects:
        assert [each async for each in objects] == []


@pytest.mark.browser
async def test_pages_that_are_not_there_are_an_error(attempt: Attempt, storage: Storage) -> None:
    """A part of which no page is taken is a mistake, not an empty part."""
    await storage.put("files/a.pdf", chunks_of(_blank()), content_type="x/y", filename=None)
    part = {"pdf": {"key": "files/a.pdf"}, "options": {"page_ranges": "5-"}}
    with pytest.raises(Unrecoverable, match="has 1 pages") as caught:
        await attempt.run({"parts": [part]})
    assert caught.value.code == "invalid_page_range"


def _mm(points: Any) -> int:
    return round(float(points) / 72 * 25.4)


def _blank() -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(file)
    return file.getvalue()
