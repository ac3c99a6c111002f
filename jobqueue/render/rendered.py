"""A rendered document, and what it may not have more of than is allowed."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec

from jobqueue.render.failures import document_too_large, html_too_large, too_many_pages
from jobqueue.render.page_count import count_pages
from jobqueue.render.spool import Spool
from jobqueue.render.tab import PdfStream
from jobqueue.settings import LimitSettings

_LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""


class Rendered(msgspec.Struct, frozen=True):
    """A document, whose bytes are there until `close`.

    Attributes:
        pages: None of what has none, such as an image.
        warnings: what was left out of it.
        title: of what it was made from; empty when it has none.
    """

    content: Spool
    pages: int | None
    warnings: tuple[str, ...]
    title: str

    @classmethod
    async def of(
        cls, made: PdfStream | bytes, limits: LimitSettings, warnings: tuple[str, ...], title: str
    ) -> "Rendered":
        """Take what a page has made out of Chromium.

        Args:
            made: a PDF that is still to be fetched, or an image or a text.
            limits: what it may have.
            warnings: what was left out of it.
            title: of what it was made from.

        Raises:
            Unrecoverable: it has more bytes or pages than are allowed.
            BrowserLost: Chromium ended before.
            OSError: there is no room for it on the disk.
        """
        if isinstance(made, bytes):
            content, pages = await _hold(made, limits), None
        else:
            content, pages = await _fetch(made, limits)
        return cls(content, pages, warnings, title)

    @property
    def data(self) -> bytes:
        """All bytes at once: for documents that are known to be small."""
        return self.content.read()

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in order, without having all of them in memory."""
        return self.content.chunks()

    def close(self) -> None:
        """Forget the bytes."""
        self.content.close()


def check_html(html: str, limits: LimitSettings) -> None:
    """See to it that a document is not too large to be tried.

    Raises:
        Unrecoverable: it is.
    """
    if len(html) * _LONGEST_CHARACTER <= limits.html:
        return
    if len(html) > limits.html or len(html.encode("utf-8", "surrogatepass")) > limits.html:
        raise html_too_large(limits.html)


async def _hold(data: bytes, limits: LimitSettings) -> Spool:
    if len(data) > limits.document:
        raise document_too_large(limits.document)
    content = Spool()
    await content.write(data)
    return content


async def _fetch(stream: PdfStream, limits: LimitSettings) -> tuple[Spool, int]:
    async with aclosing(stream.chunks(limits.document)) as chunks:
        content = await Spool.of(chunks)
    with content.view() as view:
        pages = count_pages(view)
    if pages > limits.pages:
        content.close()
        raise too_many_pages(pages, limits.pages)
    return content, pages
