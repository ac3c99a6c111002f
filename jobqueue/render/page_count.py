"""How many pages a PDF has, without reading all of it.

PDF reference 1.4, sections 3.4.3-3.4.4 and 3.6: the trailer names the catalog, the
catalog the root of the page tree, and its `/Count` is the number of pages. The
offsets come from the cross-reference table, so that text inside of the document
which looks like PDF syntax is never met. A file of another build is left to pypdf.
"""

import io
import mmap
import re
from typing import IO, cast

from pypdf import PdfReader

_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_TABLE = re.compile(rb"xref\s+0 (\d+)\s+")
_ROOT = re.compile(rb"/Root (\d+) 0 R")
_PAGES = re.compile(rb"/Pages (\d+) 0 R")
_COUNT = re.compile(rb"/Count (\d+)")
_ENTRY = 20
"""Bytes of one entry of the cross-reference table, by the reference."""

_TAIL = 64
_DICTIONARY = 4096
"""Bytes in which the catalog and the root of the page tree end: they are small."""


def count_pages(pdf: bytes | mmap.mmap) -> int:
    """The number of pages of `pdf`, a document in memory or a file that is mapped into it."""
    count = _count_by_table(pdf)
    if count is not None:
        return count
    return len(PdfReader(io.BytesIO(pdf) if isinstance(pdf, bytes) else _stream(pdf)).pages)


def _stream(pdf: mmap.mmap) -> IO[bytes]:
    """A mapped file as a file to be read; it does not inherit from one, but does the same."""
    pdf.seek(0)
    return cast("IO[bytes]", pdf)


def _count_by_table(pdf: bytes | mmap.mmap) -> int | None:
    start = _START.search(pdf, max(0, len(pdf) - _TAIL))
    table = _TABLE.match(pdf, int(start[1])) if start else None
    if table is None:
        return None
    entries, size = table.end(), int(table[1])
    root = _ROOT.search(pdf, entries + size * _ENTRY)
    catalog = _object(pdf, entries, size, root)
    pages = _object(pdf, entries, size, _PAGES.search(catalog) if catalog else None)
    count = _COUNT.search(pages) if pages else None
    return int(count[1]) if count else None


def _object(
    pdf: bytes | mmap.mmap, entries: int, size: int, reference: re.Match[bytes] | None
) -> bytes | None:
    """The text of the object that `reference` names, up to its `endobj`."""
    number = int(reference[1]) if reference else size
    if number >= size:
        return None
    entry = entries + number * _ENTRY
    offset = int(pdf[entry : entry + 10])
    header = b"%d 0 obj" % number
    if pdf[offset : offset + len(header)] != header:
        return None
    end = pdf.find(b"endobj", offset, offset + _DICTIONARY)
    return pdf[offset:end] if end > 0 else None
