"""A page that is loaded from a URL through a proxy of its own, and then made like any live page.

What it may reach is the proxy's business.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import msgspec
from playwright import async_api
from typing_extensions import override

from jobqueue.errors import Unrecoverable
from jobqueue.render import omissions
from jobqueue.render.browser import Browser, ContextSettings
from jobqueue.render.failures import PageFailed, PageRefused, resource_failed
from jobqueue.render.lane_page import OpenedPage
from jobqueue.render.live_page import LivePage
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.network import matches_status
from jobqueue.render.own_headers import OwnHeaders, origin_of
from jobqueue.render.tab import Tab

MAX_NOTED = 100
"""Answers and refusals remembered; a page may cause any number."""

PAGE_STATUS = "page_status"
PAGE_INVALID = "page_invalid"
RESOURCE_STATUS = "resource_status"

_MAX_TITLE = 1000
_HOPELESS = re.compile(
    r"ERR_(?:TOO_MANY_REDIRECTS|UNSAFE_PORT|INVALID_|CERT_|SSL_|BLOCKED|UNKNOWN_URL|ABORTED"
    r"|DISALLOWED)|Download is starting"
)
"""Errors of a page that are there the next time as well."""


class Visit(msgspec.Struct, frozen=True):
    """A page to load.

    Attributes:
        url: where it is.
        options: what is made of it.
        serve: given a listening socket, serves what comes there: it is the page's only way out.
    """

    url: str
    options: RenderOptions
    serve: Callable[[socket.socket], Awaitable[None]]


class NetworkedPage(LivePage):
    """A live page with a way out.

    Attributes:
        title: of what it has loaded.
    """

    lane = "network"

    def __init__(self, opened: OpenedPage) -> None:
        super().__init__(opened)
        self.title = ""
        self._closing: set[asyncio.Task[None]] = set()
        self._failed_navigation: str | None = None
        self._bad_statuses: Sequence[int | str] = ()
        self._bad_answers: list[tuple[str, int]] = []
        self._refused: list[str] = []
        opened.page.on("requestfailed", self._notice_failure)
        opened.page.on("response", self._notice_answer)
        opened.context.on("page", self._close_popup)

    @classmethod
    async def of(cls, browser: Browser, visit: Visit) -> Self:
        """A page for this visit, with nothing loaded yet; raises as `open` does."""
        listener = browser.listen()
        port = listener.getsockname()[1]
        await visit.serve(listener)
        settings = ContextSettings(
            javascript=visit.options.javascript,
            live=True,
            proxy=f"http://127.0.0.1:{port}",
            user_agent=visit.options.user_agent,
        )
        return await cls.open(browser, settings)

    @classmethod
    @override
    async def prove(cls, browser: Browser, tab: Tab) -> None:
        """Its load shows whether it works; without scripts it could not tell of a frame."""
        await tab.session.send("Page.enable")

    def _notice_failure(self, request: async_api.Request) -> None:
        if request.is_navigation_request() and request.frame == self._page.main_frame:
            self._failed_navigation = request.url

    def _notice_answer(self, response: async_api.Response) -> None:
        if _is_of_proxy(response):
            if len(self._refused) < MAX_NOTED:
                self._refused.append(response.url)
            return
        is_bad = matches_status(response.status, self._bad_statuses)
        if is_bad and len(self._bad_answers) < MAX_NOTED:
            self._bad_answers.append((response.url, response.status))

    def _close_popup(self, page: async_api.Page) -> None:
        task = asyncio.create_task(page.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @override
    def _notice_navigation(self, event: dict[str, Any]) -> None:
        """A page of the network may lead to another one."""

    @override
    async def _enter(self, document: str, options: RenderOptions) -> None:
        """Load the page at the URL `document` with all that it refers to.

        Raises:
            PageFailed: it cannot be had, maybe only now.
            PageRefused: it answers with a status that fails the job, or cannot be printed.
        """
        self._bad_statuses = options.fail_on_resource_http_status
        if options.cookies:
            await self._context.add_cookies([_cookie(each, document) for each in options.cookies])
        if options.extra_headers:
            session = await self._context.new_cdp_session(self._page)
            await OwnHeaders(session, document, options.extra_headers).start()
        try:
            async with self.turn.rest():
                response = await self._page.goto(document, wait_until="load", timeout=0)
        except async_api.Error as error:
            raise self._blame(error, document) from error
        if response is not None:
            _check_status(response, options)
            self._bad_answers = [bad for bad in self._bad_answers if bad[0] != response.url]
        self.title = (await self._page.title())[:_MAX_TITLE]

    def _blame(self, error: async_api.Error, url: str) -> Exception:
        place = self._failed_navigation or url
        text = error.message.partition("\n")[0].removeprefix("Page.goto: ")
        reason = text.partition(" at http")[0]
        if "crashed" in text or "closed" in text:
            return error
        message = f"{_shown(place)} was not loaded ({reason})"
        if _HOPELESS.search(text):
            return PageRefused(PAGE_INVALID, message, place)
        return PageFailed(message, place)

    @override
    def _quoting(self, error: Unrecoverable) -> Unrecoverable:
        quoting = super()._quoting(error)
        if isinstance(error, PageRefused):
            return PageRefused(error.code, str(quoting), error.url)
        return quoting

    @override
    def _may_go_on(self, document: str) -> bool:
        return True

    @override
    def _may_decode(self, document: str) -> bool:
        return True

    @override
    def _check(self, options: RenderOptions) -> None:
        super()._check(options)
        for address, status in self._bad_answers:
            raise PageRefused(
                RESOURCE_STATUS,
                f"{_shown(address)} answered {status}, see fail_on_resource_http_status",
                address,
            )
        if options.fail_on_resource_failure and self._refused:
            raise resource_failed(_shown(self._refused[0]), "")

    @override
    def _warnings(self) -> tuple[str, ...]:
        """Those of scripts; what was not loaded is known better to the way out."""
        return omissions.list_losses((), self._console.exceptions)


def _check_status(response: async_api.Response, options: RenderOptions) -> None:
    if _is_of_proxy(response):
        raise PageFailed(f"{_shown(response.url)} was not loaded", response.url)
    if matches_status(response.status, options.fail_on_http_status):
        raise PageRefused(
            PAGE_STATUS, f"{_shown(response.url)} answered {response.status}", response.url
        )


def _cookie(cookie: dict[str, Any], url: str) -> Any:
    """A cookie for the host of `url` alone: its domain has no dot at the beginning."""
    scheme, host, _ = origin_of(url)
    return {
        "name": cookie["name"],
        "value": cookie["value"],
        "domain": host,
        "path": cookie.get("path", "/"),
        "secure": cookie.get("secure", scheme == "https"),
        "httpOnly": cookie.get("http_only", False),
        "sameSite": cookie.get("same_site", "Lax"),
    }


def _is_of_proxy(response: async_api.Response) -> bool:
    """Whether our proxy answered in place of a server, which cannot say this (RFC 9209)."""
    return response.headers.get("proxy-status", "").startswith("jobqueue")


def _shown(url: str) -> str:
    """A URL without its query, in which secrets stand."""
    return url.partition("?")[0].partition("#")[0][:300]
