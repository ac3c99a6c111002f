"""Headers that go to one origin and nowhere else, whatever leads elsewhere.

Playwright's own extra headers go to every host, and those that a redirect inherits follow it to
any. Here each hop of each request is looked at: source, DevTools protocol,
https://chromedevtools.github.io/devtools-protocol/tot/Fetch/.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from playwright import async_api

_PORTS = {"http": 80, "https": 443}


class OwnHeaders:
    """Adds headers to a page's requests for one origin.

    Args:
        session: of the page.
        origin: a URL of that origin.
        headers: what to add.
    """

    def __init__(
        self, session: async_api.CDPSession, origin: str, headers: Mapping[str, str]
    ) -> None:
        self._session = session
        self._origin = origin_of(origin)
        self._headers = [{"name": name, "value": value} for name, value in headers.items()]
        self._names = {name.lower() for name in headers}
        self._answers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """From now on; before the page is loaded."""
        self._session.on("Fetch.requestPaused", self._answer)
        await self._session.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})

    def _answer(self, paused: dict[str, Any]) -> None:
        task = asyncio.create_task(self._go_on(paused))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _go_on(self, paused: dict[str, Any]) -> None:
        request = paused["request"]
        headers = [
            {"name": name, "value": value}
            for name, value in request["headers"].items()
            if name.lower() not in self._names
        ]
        if origin_of(request["url"]) == self._origin:
            headers += self._headers
        with suppress(async_api.Error):  # the page has gone, or given the request up
            await self._session.send(
                "Fetch.continueRequest", {"requestId": paused["requestId"], "headers": headers}
            )


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
