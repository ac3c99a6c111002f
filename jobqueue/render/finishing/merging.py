"""Several PDFs become one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf
from pikepdf import Dictionary, Name, Pdf

from jobqueue.render.finishing.attaching import copy_attachments
from jobqueue.render.finishing.opening import check_pages, damaged, opened
from jobqueue.render.finishing.plan import Piece
from jobqueue.render.finishing.ranges import pages_in
from jobqueue.render.finishing.refusals import INVALID_PAGE_RANGE, CannotFinish
from jobqueue.render.finishing.structure import StructureMerge

_KEPT = ("/Lang", "/ViewerPreferences")
"""What of the first piece's catalog is the whole document's."""


@contextmanager
def merged(pieces: list[Piece]) -> Iterator[Pdf]:
    """The pieces in their order, as one PDF.

    Raises:
        CannotFinish: one of them cannot be read, or has not the pages it should give.
    """
    if len(pieces) == 1 and pieces[0].pages is None:
        with opened(pieces[0].path, pieces[0].name, foreign=pieces[0].foreign) as whole:
            yield whole
        return
    with Pdf.new() as whole:
        structure = StructureMerge(whole)
        for piece in pieces:
            with opened(piece.path, piece.name, foreign=piece.foreign) as source:
                try:
                    _append(whole, source, piece, structure)
                except (pikepdf.PdfError, RuntimeError, TypeError, AttributeError) as error:
                    raise damaged(piece.name, error) from None
        structure.finish()
        yield whole


def _append(whole: Pdf, source: Pdf, piece: Piece, structure: StructureMerge) -> None:
    numbers = list(pages_in(piece.pages, len(source.pages)))
    if not numbers:
        raise CannotFinish(
            INVALID_PAGE_RANGE,
            f"{piece.name} has {len(source.pages)} pages, and none of {piece.pages!r}",
        )
    first = len(whole.pages)
    check_pages(first + len(numbers), "the document")
    whole.add_pages_from(source, numbers)
    structure.add(source, list(whole.pages)[first:])
    copy_attachments(whole, source)
    if first == 0:
        _take_over(whole, source)


def _take_over(whole: Pdf, source: Pdf) -> None:
    """Let the document be what its first piece is: its language and its title."""
    for key in _KEPT:
        if key in source.Root:
            value = source.Root[key]
            copy = whole.copy_foreign(source.make_indirect(value)) if _is_object(value) else value
            whole.Root[Name(key)] = copy
    for key, value in source.docinfo.items():
        if isinstance(value, (str, pikepdf.String)):
            whole.docinfo[Name(key)] = pikepdf.String(str(value))


def _is_object(value: object) -> bool:
    return isinstance(value, Dictionary)
