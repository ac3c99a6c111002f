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
    """

    content: Spool
    pages: int | None
    warnings: tuple[str, ...]

    @classmethod
    async def fetch(
        cls, stream: PdfStream, limits: LimitSettings, warnings: tuple[str, ...]
    ) -> "Rendered":
        """Take a document out of Chromium.

        Raises:
            Unrecoverable: it has more bytes or pages than are allowed.
            BrowserLost: Chromium ended before.
            OSError: there is no room for it on the disk.
        """
        async with aclosing(stream.chunks(limits.document)) as chunks:
            content = await Spool.of(chunks)
        with content.view() as view:
            pages = count_pages(view)
        if pages > limits.pages:
            content.close()
            raise too_many_pages(pages, limits.pages)
        return cls(content, pages, warnings)

    @classmethod
    async def holding(
        cls, data: bytes, limits: LimitSettings, warnings: tuple[str, ...]
    ) -> "Rendered":
        """An image or a page that is there already.

        Raises:
            Unrecoverable: it has more bytes than are allowed.
        """
        if len(data) > limits.document:
            raise document_too_large(limits.document)
        content = Spool()
        await content.write(data)
        return cls(content, None, warnings)

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
