"""Opening PDFs, which may come from anyone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf
from pikepdf import Pdf

from jobqueue.render.finishing.disarming import disarm
from jobqueue.render.finishing.refusals import (
    PDF_DAMAGED,
    PDF_ENCRYPTED,
    TOO_MANY_PAGES,
    CannotFinish,
)

MAX_PAGES = 10_000
"""Pages of a document: merging takes a time that grows with their square, 10 s for these."""


@contextmanager
def opened(path: str, name: str, *, foreign: bool = True) -> Iterator[Pdf]:
    """The PDF at `path`; one that is foreign without what could run or send something.

    Raises:
        CannotFinish: it is encrypted or no PDF that can be read, or has too many pages.
    """
    try:
        pdf = pikepdf.open(path)
    except pikepdf.PasswordError:
        raise CannotFinish(PDF_ENCRYPTED, f"{name} is encrypted: remove its password") from None
    except (pikepdf.PdfError, RuntimeError) as error:
        raise damaged(name, error, path) from None
    with pdf:
        try:
            if pdf.is_encrypted:
                raise CannotFinish(PDF_ENCRYPTED, f"{name} is encrypted: remove its protection")
            check_pages(len(pdf.pages), name)
            if not len(pdf.pages):
                raise CannotFinish(PDF_DAMAGED, f"{name} has no pages")
            if foreign:
                disarm(pdf)
        except (pikepdf.PdfError, RuntimeError) as error:
            raise damaged(name, error, path) from None
        yield pdf


def check_pages(count: int, name: str) -> None:
    """Refuse what has more pages than a document may have."""
    if count > MAX_PAGES:
        raise CannotFinish(
            TOO_MANY_PAGES, f"{name} has {count} pages; {MAX_PAGES} is the most a document may have"
        )


def damaged(name: str, error: Exception, path: str = "") -> CannotFinish:
    """What to raise for a file that cannot be read."""
    words = str(error).replace(path, "").strip(" :\n")[:200] if path else str(error)[:200]
    return CannotFinish(PDF_DAMAGED, f"{name} is no PDF that can be read ({words})")
