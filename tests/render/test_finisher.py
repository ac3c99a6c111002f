"""The finishing process meets files that were made to break it, and limits that it keeps."""

import asyncio
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from jobqueue.errors import Unrecoverable
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.finishing.finisher import MEMORY, Finisher
from jobqueue.render.finishing.plan import Piece, Plan
from jobqueue.settings import LimitSettings, RenderSettings
from tests.render.helpers import descendants, is_running, soon, until

BOMB = 2 * 1024**3
"""Bytes that a stream of 2 MB becomes when it is unpacked."""


def finisher() -> Finisher:
    """One that works on one document at a time."""
    return Finisher(RenderSettings(slots=1), LimitSettings())


def plan(folder: Path, *pieces: Path, **more: object) -> Plan:
    """The plan of a document of these PDFs."""
    fields = {
        "pieces": [Piece(str(each), each.stem, foreign=True) for each in pieces],
        "output": str(folder / "output.pdf"),
        "created": None,
        "seconds": 30,
        "memory": MEMORY,
        "largest": 1 << 29,
    }
    return Plan(**{**fields, **more})  # type: ignore[arg-type]


def blank(path: Path, pages: int = 1) -> Path:
    """A PDF of empty pages."""
    with pikepdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page()
        pdf.save(path)
    return path


def encrypted(path: Path) -> None:
    """A PDF that asks for a password."""
    with pikepdf.open(blank(path), allow_overwriting_input=True) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(user="secret", owner="owner"))


def protected(path: Path) -> None:
    """A PDF that opens, but whose owner did not allow changes."""
    with pikepdf.open(blank(path), allow_overwriting_input=True) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(user="", owner="owner"))


def garbage(path: Path) -> None:
    """What only begins like a PDF."""
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 50)


def truncated(path: Path) -> None:
    """A PDF whose end is missing, and with it its catalog."""
    content = blank(path, 50).read_bytes()
    path.write_bytes(content[:200])


def looped(path: Path) -> None:
    """A PDF whose tree of pages bites its tail."""
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


def nested(path: Path) -> None:
    """A PDF with arrays in arrays, deeper than any stack."""
    deep = b"[" * 200_000 + b"]" * 200_000
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/X " + deep + b">>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (encrypted, "pdf_encrypted"),
        (protected, "pdf_encrypted"),
        (garbage, "pdf_damaged"),
        (truncated, "pdf_damaged"),
        (looped, "pdf_damaged"),
        (nested, "pdf_damaged"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
async def test_a_hostile_pdf_is_a_clear_error(
    tmp_path: Path, make: Callable[[Path], None], code: str, *, alone: bool
) -> None:
    """The job is dead at once, its error names the file, and no path of this machine."""
    bad = tmp_path / "supplied.pdf"
    make(bad)
    pieces = [bad] if alone else [blank(tmp_path / "good.pdf"), bad]
    with pytest.raises(Unrecoverable) as caught:
        await finisher().run(plan(tmp_path, *pieces), deadline=soon())
    assert caught.value.code == code
    assert str(tmp_path) not in str(caught.value)


async def test_a_bomb_ends_at_the_limit_of_memory(tmp_path: Path) -> None:
    """A stream that unpacks to more than there is cannot be read, which its job is told."""
    bomb = tmp_path / "bomb.pdf"
    packer = zlib.compressobj(9)
    spaces = b" " * (1 << 20)
    packed = b"".join(packer.compress(spaces) for _ in range(BOMB >> 20)) + packer.flush()
    with pikepdf.new() as pdf:
        stream = pdf.make_stream(b"")
        stream.write(packed, filter=Name.FlateDecode)
        pdf.add_blank_page().obj.Contents = stream
        pdf.save(bomb, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    assert bomb.stat().st_size < BOMB / 500
    with pytest.raises(Unrecoverable) as caught:
        await finisher().run(plan(tmp_path, bomb, standard="2b", memory=BOMB // 2), deadline=soon())
    assert caught.value.code == "pdf_a_impossible"
    assert "cannot parse content" in str(caught.value)


async def test_the_largest_document_is_kept_to(tmp_path: Path) -> None:
    """A document that becomes larger than is allowed is refused while it is written."""
    large = tmp_path / "large.pdf"
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page()
        page.obj.Contents = pdf.make_stream(os.urandom(300_000))
        pdf.save(large)
    with pytest.raises(Unrecoverable) as caught:
        await finisher().run(plan(tmp_path, large, largest=100_000), deadline=soon())
    assert caught.value.code == "document_too_large"


async def test_the_deadline_ends_the_process(tmp_path: Path) -> None:
    """When the time is over nothing of the work goes on."""
    many = blank(tmp_path / "many.pdf", 9_500)
    before = set(descendants(os.getpid()))
    running = asyncio.create_task(
        finisher().run(plan(tmp_path, many, standard="2b"), deadline=soon(0.5))
    )
    await until(lambda: bool(set(descendants(os.getpid())) - before) or running.done())
    started = set(descendants(os.getpid())) - before
    with pytest.raises(RenderTimeout):
        await running
    assert started
    assert not any(is_running(pid) for pid in started)


async def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    """A small file may claim any number of pages; the document must not have them."""
    many = blank(tmp_path / "many.pdf", 10_001)
    with pytest.raises(Unrecoverable) as caught:
        await finisher().run(plan(tmp_path, many), deadline=soon())
    assert caught.value.code == "too_many_pages"


async def test_scripts_of_supplied_pdfs_are_removed(tmp_path: Path) -> None:
    """A PDF of somebody else does not run anything in the reader of the report."""
    scripted = tmp_path / "scripted.pdf"
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page()
        script = Dictionary(S=Name.JavaScript, JS="app.alert(1)")
        pdf.Root.OpenAction = script
        page.obj.AA = Dictionary(O=script)
        launch = Dictionary(S=Name.Launch, F="calc.exe")
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=launch)
        page.obj.Annots = Array([pdf.make_indirect(link)])
        pdf.save(scripted)
    await finisher().run(plan(tmp_path, scripted, scripted), deadline=soon())
    content = (tmp_path / "output.pdf").read_bytes()
    with pikepdf.open(tmp_path / "output.pdf") as pdf:
        text = b" ".join(repr(each).encode() for each in pdf.objects) + content
    assert b"JavaScript" not in text
    assert b"Launch" not in text


def test_a_worker_does_not_load_pikepdf() -> None:
    """Whoever finishes no document pays nothing for those who do."""
    program = (
        "import sys, jobqueue.service, jobqueue.jobs.report_generation\n"
        "sys.exit(any(name in sys.modules for name in ('pikepdf', 'lxml')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
