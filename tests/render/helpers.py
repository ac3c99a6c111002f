"""What the rendering tests share: deadlines, texts of PDFs, processes."""

import asyncio
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import IndirectObject, PdfObject, StreamObject

HERE = Path(__file__).parent
SHARED = HERE.parents[1].parent / "shared" / "data"
"""Larger real data, beside the checkout where there is any."""


def soon(seconds: float = 40.0) -> float:
    """A deadline in the loop's time that a shared test machine meets."""
    return asyncio.get_running_loop().time() + seconds


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition; fail when it never comes."""
    deadline = soon(seconds)
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"never came: {condition}"
        await asyncio.sleep(0.02)


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, in the letters that people mean."""
    reader = PdfReader(io.BytesIO(pdf))
    return [unicodedata.normalize("NFKC", page.extract_text()) for page in reader.pages]


def page_size_mm(pdf: bytes) -> tuple[int, int]:
    """Width and height of the first page in millimetres."""
    box = PdfReader(io.BytesIO(pdf)).pages[0].mediabox
    return round(float(box.width) / 72 * 25.4), round(float(box.height) / 72 * 25.4)


def without_dates(pdf: bytes) -> bytes:
    """A PDF without what differs between two prints of one document."""
    return re.sub(rb"/(Creation|Mod)Date \([^)]*\)", b"", pdf)


def invoices() -> list[dict[str, Any]]:
    """A handful of real invoices: accents, a company, a missing postcode, 1 and 14 lines."""
    lines = (HERE / "data" / "invoices.ndjson").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shared_file(name: str) -> Path:
    """A file of the larger data; skips the test where there is none."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path


def sum_of_lines(invoice: dict[str, Any]) -> Decimal:
    """What an invoice comes to."""
    return sum(
        (Decimal(str(line["unit_price"])) * line["quantity"] for line in invoice["lines"]),
        Decimal(0),
    )


def children(pid: int) -> Iterator[int]:
    """The processes that `pid` has started."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            yield int(stat.parent.name)


def descendants(pid: int) -> Iterator[int]:
    """The processes below `pid`."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def renderers(pid: int) -> list[int]:
    """The processes of the Chromium `pid` that lay out and print documents."""
    return [each for each in descendants(pid) if "--type=renderer" in command_line(each)]


def command_line(pid: int) -> str:
    """The arguments of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def unnamed_files() -> set[str]:
    """The files without a name that this process has open, such as large documents."""
    names = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            names.add(str(entry.readlink()))
        except OSError:  # the one of the listing itself
            continue
    return {name for name in names if "deleted" in name}


def images_in(pdf: bytes) -> list[bytes]:
    """Of each image in a document how opaque its pixels are, or else their colours."""
    reader = PdfReader(io.BytesIO(pdf))
    objects = [
        IndirectObject(number, 0, reader).get_object()
        for number in range(1, int(str(reader.trailer["/Size"])))
    ]
    images = [
        each
        for each in objects
        if isinstance(each, StreamObject) and each.get("/Subtype") == "/Image"
    ]
    masks = [each["/SMask"].get_object() for each in images if "/SMask" in each]
    shown = [each for each in images if each not in masks]
    return [_pixels(each.get("/SMask", each).get_object()) for each in shown]


def _pixels(image: PdfObject | None) -> bytes:
    assert isinstance(image, StreamObject)
    return image.get_data()
