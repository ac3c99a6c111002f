"""What finishing makes of a report, as other programs read it."""

import base64
import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import page
import pikepdf
import pytest
from facturx import get_facturx_xml_from_pdf
from pikepdf import Name

from jobqueue.errors import Unrecoverable
from jobqueue.storage.base import Storage
from jobqueue.storage.whole import chunks_of
from tests.jobs.harness import Attempt, stored
from tests.render.helpers import page_texts

pytestmark = pytest.mark.browser

DATA = Path(__file__).parent / "data"
INVOICE = (DATA / "factur_x_minimum.xml").read_text("utf-8")
HTML = """<!doctype html><html lang=en><title>Prüfbericht</title>
<style>h2{break-before:page} .pale{opacity:.5;box-shadow:0 0 5px #000}</style>
<h1>One</h1><p>Text, <a href="https://example.com/">a link</a>, <a href="#two">another</a>,
😀 漢字 שלום <p class=pale>pale</p><h2 id=two>Two</h2><table><tr><th>Head<td>Cell</table>"""


class Reports:
    """Makes reports and gives their bytes."""

    def __init__(self, attempt: Attempt, storage: Storage) -> None:
        self._attempt = attempt
        self._storage = storage

    async def make(self, html: str = HTML, /, **options: Any) -> bytes:
        """The document of `html` with these options; nothing is missing from it."""
        result = await self._attempt.run({"html": html, "options": options})
        assert result.warnings == ()
        document = await stored(self._storage, result.key)
        assert result.sha256 == hashlib.sha256(document).hexdigest()
        return document


@pytest.fixture
def reports(attempt: Attempt, storage: Storage) -> Reports:
    """Makes reports."""
    return Reports(attempt, storage)


def opened(document: bytes, password: str = "") -> pikepdf.Pdf:
    """A document, open."""
    return pikepdf.open(io.BytesIO(document), password=password)


def pdf_file(document: bytes) -> dict[str, str]:
    """A document as a value of a request."""
    return {"base64": base64.b64encode(document).decode()}


def breaches(document: bytes, profile: str) -> list[str]:
    """What another program says is wrong with a document of this standard."""
    report = page.validate_pdf_bytes(document, profile=profile)
    with opened(document) as pdf:
        return [
            f"{each.rule_id}: {each.message}"
            for each in report.failures
            if not (each.rule_id.endswith("STREAM-LENGTH-001") and _ends_in_return(pdf, each))
        ]


def _ends_in_return(pdf: pikepdf.Pdf, failure: page.ValidationFailure) -> bool:
    """Whether a stream's data, packed as they are, end in a carriage return by chance.

    The validator takes that for a part of the line end that must follow.
    """
    assert failure.object_id is not None
    stream = pdf.get_object(failure.object_id.object_number, 0)
    return isinstance(stream, pikepdf.Stream) and stream.read_raw_bytes().endswith(b"\r")


async def test_metadata_are_in_info_and_xmp_alike(reports: Reports) -> None:
    """Programs of any age find title, author and the user's own properties."""
    metadata = {
        "title": "Jahresbericht <2024> & mehr",
        "author": "Zoë Ångström",
        "subject": "Zahlen",
        "keywords": "a, b",
        "language": "de-AT",
        "custom": {"CostCentre": "4711"},
    }
    with opened(await reports.make(metadata=metadata)) as pdf:
        xmp = pdf.open_metadata()
        assert pdf.docinfo["/Title"] == xmp["dc:title"] == metadata["title"]
        assert pdf.docinfo["/Author"] == metadata["author"]
        assert xmp["dc:creator"] == [metadata["author"]]
        assert pdf.docinfo["/Subject"] == xmp["dc:description"] == "Zahlen"
        assert pdf.docinfo["/Keywords"] == xmp["pdf:Keywords"] == "a, b"
        assert pdf.docinfo["/CostCentre"] == xmp["pdfx:CostCentre"] == "4711"
        assert str(pdf.Root.Lang) == "de-AT"
        assert xmp["xmp:CreatorTool"] == "Chromium"


async def test_an_outline_implies_structure(reports: Reports) -> None:
    """Bookmarks follow the headings, and a screen reader finds headings and tables."""
    with opened(await reports.make(outline=True)) as pdf:
        with pdf.open_outline() as outline:
            assert [each.title for each in outline.root] == ["One"]
            assert [each.title for each in outline.root[0].children] == ["Two"]
        assert pdf.Root.MarkInfo.Marked
        kinds = {
            str(each.S)
            for each in pdf.objects
            if isinstance(each, pikepdf.Dictionary) and "/S" in each
        }
        assert {"/H1", "/H2", "/Table", "/TH", "/Link"} <= kinds
    with opened(await reports.make()) as pdf:
        assert "/StructTreeRoot" not in pdf.Root


@pytest.mark.parametrize("standard", ["2b", "3b"])
@pytest.mark.parametrize("structure", [{}, {"outline": True}], ids=["plain", "outline"])
async def test_pdf_a_passes_a_validator(
    reports: Reports, standard: str, structure: dict[str, Any]
) -> None:
    """Text in many scripts, emoji, links and transparency are archived as the standard says."""
    document = await reports.make(
        pdf_a=standard,
        metadata={"title": "Archiv", "custom": {"Owner": "me"}},
        watermark={"text": "DRAFT 草案"},
        **structure,
    )
    assert breaches(document, standard) == []
    assert "漢字" in page_texts(document)[0]


async def test_what_cannot_be_archived_is_an_error(reports: Reports, attempt: Attempt) -> None:
    """A letterhead with a font that is not in the file ends the job, with the rule it breaks."""
    with pikepdf.new() as pdf:
        sheet = pdf.add_blank_page()
        font = pikepdf.Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        sheet.add_resource(pdf.make_indirect(font), Name.Font, Name.F1)
        sheet.contents_add(b"BT /F1 20 Tf 50 700 Td (ACME) Tj ET")
        file = io.BytesIO()
        pdf.save(file)
    letterhead = {"pdf": pdf_file(file.getvalue())}
    assert "ACME" in page_texts(await reports.make(letterhead=letterhead))[0]
    with pytest.raises(Unrecoverable, match="PDF/A-2b") as caught:
        await attempt.run({"html": HTML, "options": {"letterhead": letterhead, "pdf_a": "2b"}})
    assert caught.value.code == "pdf_a_impossible"


async def test_factur_x_passes_its_own_readers(reports: Reports) -> None:
    """The invoice comes out of the document as it went in, valid by its schema, in PDF/A-3."""
    document = await reports.make(factur_x={"xml": INVOICE})
    name, xml = get_facturx_xml_from_pdf(document, check_xsd=True)
    assert (name, xml) == ("factur-x.xml", INVOICE.encode())
    assert breaches(document, "3b") == []
    with opened(document) as pdf:
        xmp = pdf.open_metadata()
        names = ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")
        uri = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
        told = [xmp[f"{{{uri}}}{each}"] for each in names]
        assert told == ["INVOICE", "factur-x.xml", "1.0", "MINIMUM"]
        (spec,) = pdf.Root.AF
        assert spec.AFRelationship == Name.Data
        assert spec.EF.F.Subtype == Name("/text/xml")


async def test_attachments_are_found_in_the_document(reports: Reports, storage: Storage) -> None:
    """Files given as text, base64 or a key of the storage are in the document, with their kind."""
    await storage.put("files/c.bin", chunks_of(b"\x00\x01"), content_type="x/y", filename=None)
    document = await reports.make(
        pdf_a="3b",
        attachments=[
            {"name": "a.txt", "text": "ä", "content_type": "text/plain", "description": "one"},
            {"name": "b.csv", "base64": "MSwy", "relationship": "Data"},
            {"name": "c.bin", "key": "files/c.bin"},
        ],
    )
    assert breaches(document, "3b") == []
    with opened(document) as pdf:
        files = {name: spec.get_file().read_bytes() for name, spec in pdf.attachments.items()}
        assert files == {"a.txt": "ä".encode(), "b.csv": b"1,2", "c.bin": b"\x00\x01"}
        assert pdf.attachments["a.txt"].description == "one"
        assert pdf.attachments["b.csv"].relationship == Name.Data


async def test_a_file_that_is_not_there_is_named(attempt: Attempt) -> None:
    """A key without a file ends the job with that key."""
    options = {"letterhead": {"pdf": {"key": "files/none.pdf"}}}
    with pytest.raises(Unrecoverable, match=r"letterhead: there is no files/none\.pdf") as caught:
        await attempt.run({"html": "x", "options": options})
    assert caught.value.code == "file_not_found"


async def test_encryption_asks_for_the_password_and_keeps_permissions(reports: Reports) -> None:
    """Only who knows a password reads it, and only the owner may do what is forbidden."""
    document = await reports.make(
        encryption={
            "user_password": "leser",
            "owner_password": "größe",
            "permissions": {"copy": False, "modify": False},
        }
    )
    with pytest.raises(pikepdf.PasswordError):
        opened(document)
    with opened(document, "leser") as pdf:
        assert (pdf.encryption.R, pdf.encryption.bits) == (6, 256)
        assert not pdf.allow.extract
        assert not pdf.allow.modify_other
        assert pdf.allow.print_highres
        assert pdf.user_password_matched
    with opened(document, "größe") as pdf:
        assert pdf.owner_password_matched


async def test_marks_are_on_their_pages(reports: Reports) -> None:
    """A watermark is on every page under its content, a stamp over the pages it names."""
    document = await reports.make(
        watermark={"text": "ENTWURF"},
        stamp={"text": "BEZAHLT", "pages": "2-", "font_size": 24, "position": "top-right"},
    )
    first, second = page_texts(document)
    assert "ENTWURF" in first
    assert "ENTWURF" in second
    assert "BEZAHLT" not in first
    assert "BEZAHLT" in second
    assert first.index("ENTWURF") < first.index("One")
    assert second.index("BEZAHLT") > second.index("Two")


async def test_an_image_that_is_none_is_refused(attempt: Attempt) -> None:
    """A stamp of an unknown or broken image ends the job rather than being left out."""
    for image in (b"<svg/>", b"\x89PNG\r\n\x1a\nbroken"):
        options = {"stamp": {"image": pdf_file(image)}}
        with pytest.raises(Unrecoverable, match="image") as caught:
            await attempt.run({"html": "x", "options": options})
        assert caught.value.code == "mark_failed"


async def test_a_letterhead_is_under_every_page(reports: Reports) -> None:
    """The first page can have another one than the pages that follow."""
    first = pdf_file(await reports.make("<p>ACME head office"))
    rest = pdf_file(await reports.make("<p>ACME continued"))
    texts = page_texts(await reports.make(letterhead={"pdf": rest, "first": first}))
    assert "head office" in texts[0]
    assert "continued" not in texts[0]
    assert "continued" in texts[1]
    assert "Two" in texts[1]


async def test_linearized_and_compressed_documents_are_sound(reports: Reports) -> None:
    """They read the same; one shows its first page early, the other is smaller."""
    plain = await reports.make()
    small = await reports.make(compress=True)
    early = await reports.make(linearize=True)
    assert len(small) < len(plain)
    assert page_texts(small) == page_texts(early) == page_texts(plain)
    with opened(early) as pdf:
        assert pdf.is_linearized
        assert pdf.check_pdf_syntax() == []


async def test_reproducible_documents_do_not_depend_on_what_was_printed_before(
    reports: Reports,
) -> None:
    """The same request gives the same bytes, whatever its page printed in between."""
    options: dict[str, Any] = {
        "reproducible": True,
        "outline": True,
        "pdf_a": "2b",
        "stamp": {"text": "x"},
    }
    first = await reports.make(**options)
    await reports.make("<table><tr><th>other</table>" * 20, outline=True)
    assert await reports.make(**options) == first
    with opened(first) as pdf:
        assert "/CreationDate" not in pdf.docinfo
    dated = await reports.make(**options, created="2024-03-01T12:00:00+01:00")
    with opened(dated) as pdf:
        assert str(pdf.docinfo.CreationDate) == "D:20240301110000Z"


PROGRAM = """
import asyncio, sys, tempfile
from pathlib import Path
from tests.jobs.test_finished_reports import HTML, INVOICE, Reports
from tests.jobs.harness import Attempt
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings, StorageSettings
from jobqueue.storage.factory import make_storage

async def main():
    with tempfile.TemporaryDirectory() as folder:
        storage = make_storage(StorageSettings(), Path(folder))
        await storage.start()
        pool = RenderPool(RenderSettings(slots=1, source_date_epoch=1700000000), LimitSettings())
        await pool.start()
        try:
            document = await Reports(Attempt(pool, storage), storage).make(
                reproducible=True, outline=True, factur_x={"xml": INVOICE})
        finally:
            await pool.close()
        sys.stdout.buffer.write(b"SHA" + __import__("hashlib").sha256(document).hexdigest().encode()
            + str(b"D:20231114221320Z" in document).encode())

asyncio.run(main())
"""


def test_two_services_make_identical_bytes() -> None:
    """A document can be proved to be the one that was made elsewhere, at another time."""
    root = Path(__file__).parents[2]
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, check=True, cwd=root
        ).stdout.rpartition(b"SHA")[2]
        for _ in range(2)
    }
    assert len(answers) == 1
    assert len(answers.pop()) >= 64


async def test_without_finishing_the_bytes_are_chromiums(
    reports: Reports, attempt: Attempt
) -> None:
    """Who asks for nothing more gets the print, and no process is started for it."""
    document = await reports.make()
    assert document.startswith(b"%PDF-1.4")
    assert b"Skia/PDF" in document
    assert b"/ID" not in document.rpartition(b"trailer")[2]
    assert [each.message for each in attempt.progress] == ["rendering", "uploading"]
