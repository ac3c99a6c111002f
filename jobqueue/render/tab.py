"""One page by Chromium's own calls: put a document into it, print it, fetch the PDF.

Playwright's `set_content` and `page.pdf` do the same in more steps between its driver and
Chromium. These take a quarter less of the CPU of a small document, and the renderer stays as
large as it is through thousands of documents instead of growing by 0.8 MB with each.

Source: DevTools protocol, https://chromedevtools.github.io/devtools-protocol/tot/Page/.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any

from playwright import async_api

from jobqueue.render.failures import BrowserLost, document_too_large

CHUNK = 1024 * 1024
"""Bytes fetched at first: most documents come in one piece."""

NEXT_CHUNK = CHUNK // 4
"""Bytes fetched at once of a larger document: each piece is in memory several times on its way
through the driver."""

SHORT = 0.5
"""A chunk of less than this share of what was asked for is the last. Chromium makes any chunk
a few bytes shorter, lest it split a character, and says that it was the last one only when it is
asked for another."""

CLOSE_DEADLINE = 5.0
"""Seconds for Chromium to forget a document: 1 ms is usual."""


class Tab:
    """The DevTools session of a page. Make one with `of`.

    Attributes:
        session: for calls that are not here.
    """

    def __init__(self, session: async_api.CDPSession, frame_id: str) -> None:
        self.session = session
        self._media = ("", "")
        self.frame_id = frame_id
        self._loaded = asyncio.Event()
        self._streams = 0
        self._all_fetched = asyncio.Event()
        self._all_fetched.set()
        session.on("Page.loadEventFired", lambda _: self._loaded.set())

    @classmethod
    async def of(cls, page: async_api.Page) -> "Tab":
        """The tab of a page."""
        session = await page.context.new_cdp_session(page)
        tree = await session.send("Page.getFrameTree")
        return cls(session, tree["frameTree"]["frame"]["id"])

    async def show_as(self, media: str, color_scheme: str) -> None:
        """Apply the styles of this media and colour scheme; asks Chromium only for a change."""
        if (media, color_scheme) == self._media:
            return
        features = [{"name": "prefers-color-scheme", "value": color_scheme}]
        await self.session.send(
            "Emulation.setEmulatedMedia", {"media": media, "features": features}
        )
        self._media = (media, color_scheme)

    async def load(self, html: str, *, waits: bool) -> None:
        """Replace the document by `html`.

        Args:
            html: the document.
            waits: whether it may refer to something; without, it is complete once parsed.
        """
        document = {"frameId": self.frame_id, "html": html}
        if not waits:
            await self.session.send("Page.setDocumentContent", document)
            return
        await self.session.send("Page.enable")
        self._loaded.clear()
        await self.session.send("Page.setDocumentContent", document)
        await self._loaded.wait()
        await self.session.send("Page.disable")

    async def print(self, parameters: dict[str, Any]) -> "PdfStream":
        """Print the document; it must be fetched.

        Args:
            parameters: of `Page.printToPDF`.
        """
        answer = await self.session.send(
            "Page.printToPDF", {**parameters, "transferMode": "ReturnAsStream"}
        )
        self._streams += 1
        self._all_fetched.clear()
        return PdfStream(self.session, answer["stream"], self._notice_end)

    def _notice_end(self) -> None:
        self._streams -= 1
        if not self._streams:
            self._all_fetched.set()

    async def all_fetched(self) -> None:
        """Wait until nothing that was printed is still being fetched: it goes with the page."""
        await self._all_fetched.wait()


class PdfStream:
    """A printed document, kept by Chromium while its page prints the next one.

    Args:
        session: where to fetch it.
        handle: Chromium's name for it.
        on_end: called when it is no longer needed.
    """

    def __init__(
        self, session: async_api.CDPSession, handle: str, on_end: Callable[[], None]
    ) -> None:
        self._session = session
        self._handle = handle
        self._on_end = on_end

    def discard(self) -> None:
        """Do without it; it is gone with its page."""
        self._on_end()

    async def fetch(self, limit: int) -> bytes:
        """The PDF at once; otherwise like `chunks`."""
        async with aclosing(self.chunks(limit)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def chunks(self, limit: int) -> AsyncGenerator[bytes, None]:
        """The PDF, once, in pieces of at most CHUNK bytes; to be closed by who breaks off.

        Args:
            limit: bytes that it may have.

        Raises:
            Unrecoverable: it has more; no more than that is fetched.
            BrowserLost: Chromium ended before.
        """
        size, asked = 0, CHUNK
        try:
            while True:
                chunk = base64.b64decode((await self._send("IO.read", size=asked))["data"])
                size += len(chunk)
                if size > limit:
                    raise document_too_large(limit)
                yield chunk
                if len(chunk) < asked * SHORT:
                    return
                asked = NEXT_CHUNK
        finally:
            await self._close()

    async def _close(self) -> None:
        """Let Chromium forget it; where that fails it goes with its page."""
        try:
            with suppress(BrowserLost, TimeoutError):
                async with asyncio.timeout(CLOSE_DEADLINE):
                    await self._send("IO.close")
        finally:
            self._on_end()

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        try:
            return await self._session.send(method, {"handle": self._handle, **parameters})
        except Exception as error:
            raise BrowserLost(
                f"Chromium ended before its document was fetched ({error})"
            ) from error
