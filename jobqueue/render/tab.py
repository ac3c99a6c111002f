"""One page by Chromium's own calls: put a document into it, print it, fetch the PDF.

Playwright's `set_content` and `page.pdf` do the same in more steps between its driver and
Chromium. These take a quarter less of the CPU of a small document, and the renderer stays as
large as it is through thousands of documents instead of growing by 0.8 MB with each.

Source: DevTools protocol, https://chromedevtools.github.io/devtools-protocol/tot/Page/.
"""

import asyncio
import base64
from typing import Any

from playwright import async_api

from jobqueue.render.failures import document_too_large

CHUNK = 1024 * 1024
"""Bytes fetched at once: most documents come in one piece."""

SHORT = CHUNK // 2
"""A chunk of fewer bytes is the last. Chromium makes any chunk a few bytes shorter, lest it
split a character, and says that it was the last one only when it is asked for another."""


class Tab:
    """The DevTools session of a page. Make one with `of`."""

    def __init__(self, session: async_api.CDPSession, frame_id: str) -> None:
        self._session = session
        self._frame_id = frame_id
        self._loaded = asyncio.Event()
        session.on("Page.loadEventFired", lambda _: self._loaded.set())

    @classmethod
    async def of(cls, page: async_api.Page) -> "Tab":
        """The tab of a page."""
        session = await page.context.new_cdp_session(page)
        tree = await session.send("Page.getFrameTree")
        return cls(session, tree["frameTree"]["frame"]["id"])

    async def load(self, html: str, *, waits: bool) -> None:
        """Replace the document by `html`.

        Args:
            html: the document.
            waits: whether it may refer to something; without, it is complete once parsed.
        """
        document = {"frameId": self._frame_id, "html": html}
        if not waits:
            await self._session.send("Page.setDocumentContent", document)
            return
        await self._session.send("Page.enable")
        self._loaded.clear()
        await self._session.send("Page.setDocumentContent", document)
        await self._loaded.wait()
        await self._session.send("Page.disable")

    async def print(self, parameters: dict[str, Any], *, limit: int) -> bytes:
        """The document as PDF.

        Args:
            parameters: of `Page.printToPDF`.
            limit: bytes that it may have.

        Raises:
            Unrecoverable: it has more; no more than that is fetched.
        """
        answer = await self._session.send(
            "Page.printToPDF", {**parameters, "transferMode": "ReturnAsStream"}
        )
        stream = answer["stream"]
        document = await self._fetch(stream, limit)
        await self._session.send("IO.close", {"handle": stream})
        return document

    async def _fetch(self, stream: str, limit: int) -> bytes:
        chunks, size = [], 0
        while True:
            answer = await self._session.send("IO.read", {"handle": stream, "size": CHUNK})
            chunk = base64.b64decode(answer["data"])
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise document_too_large(limit)
            if len(chunk) < SHORT:
                return b"".join(chunks)
