"""Page numbers in the text, as a table of contents has them.

Chromium has no `target-counter`. It does say in the PDF where each element begins that a link in
the document leads to, so a document with page numbers is printed twice: first to learn them. That
costs the time of a second printing, and nothing for documents without.
"""

import io
import re
from collections.abc import Mapping

from pypdf import PdfReader
from pypdf.errors import PyPdfError

_NUMBER = re.compile(r'(<a\b[^>]*\sdata-page-of="([\w.:-]+)"[^>]*>)[^<]*(</a>)')
"""A link whose text becomes the number; what it has before is replaced."""


def has_page_numbers(html: str) -> bool:
    """Whether a document asks for the page of something."""
    return 'data-page-of="' in html and _NUMBER.search(html) is not None


def pages_of_targets(pdf: bytes) -> dict[str, int]:
    """The page, from 1, of each element that a link in the document leads to."""
    try:
        reader = PdfReader(io.BytesIO(pdf))
        return {
            name.removeprefix("/"): number + 1
            for name, target in reader.named_destinations.items()
            if (number := reader.get_destination_page_number(target)) is not None and number >= 0
        }
    except (PyPdfError, KeyError, ValueError, RecursionError):
        return {}


def with_page_numbers(html: str, pages: Mapping[str, int]) -> str:
    """The document with the numbers in it; an element that is not there has none."""
    return _NUMBER.sub(lambda found: f"{found[1]}{pages.get(found[2], '')}{found[3]}", html)
