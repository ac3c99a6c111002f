"""A page that is loaded from a URL through a proxy of its own: open, load, print.

Each has a fresh context, so that nothing crosses from one to another. What it may reach is
the proxy's business.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from playwright import async_api

from jobqueue import metrics
from jobqueue.errors import Unavailable, Unrecoverable
from jobqueue.render.browser import Browser
from jobqueue.render.failures import BrowserLost, blame_chromium, blame_options, blame_size
from jobqueue.render.loss import Loss
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.network import matches_status
from jobqueue.render.own_headers import OwnHeaders, origin_of
from jobqueue.render.printing import print_parameters
from jobqueue.render.tab import PdfStream, Tab

LANE = "network"

CLOSE_DEADLINE = 5.0
"""Seconds for a context to be closed with whatever still runs in it."""

MAX_NOTED = 100
"""Answers and failures remembered; a page may cause any number."""

PAGE_STATUS = "page_status"
PAGE_INVALID = "page_invalid"
RESOURCE_STATUS = "resource_status"

_MAX_TITLE = 1000
_HOPELESS = re.compile(
    r"ERR_(?:TOO_MANY_REDIRECTS|UNSAFE_PORT|INVALID_|CERT_|SSL_|BLOCKED|UNKNOWN_URL|ABORTED"
    r"|DISALLOWED)|Download is starting"
)
"""Errors of a page that are there the next time as well."""


class PageFailed(Unavailable):
    """The page at a URL was not loaded; another try may succeed.

    Attributes:
        url: what could not be had: the page, or where it leads.
    """

    code = "page_failed"

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url = url


class PageRefused(Unrecoverable):
    """The page at a URL is not one that can be printed; `url` is as in `PageFailed`."""

    def __init__(self, code: str, message: str, url: str) -> None:
        super().__init__(code, message)
        self.url = url


class Visit(msgspec.Struct, frozen=True):
    """A page to print.

    Attributes:
        proxy: URL of its only way out.
    """

    url: str
    options: RenderOptions
    proxy: str


class PrintedPage(msgspec.Struct, frozen=True):
    """A PDF, and what is known of its page."""

    data: bytes
    title: str


async def print_page(browser: Browser | None, visit: Visit, *, limit: int) -> PrintedPage:
    """Load a page and print it.

    Args:
        browser: where; None while there is none.
        visit: the page.
        limit: bytes that the PDF may have.

    Raises:
        PageFailed, BrowserLost, PrintingFailed: another try may succeed.
        Unrecoverable: none will.
    """
    if browser is None or not browser.alive:
        raise BrowserLost("Chromium is being restarted")
    kills = browser.memory_kills
    loss = Loss()
    browser.loss.tell(loss.happen)
    context: async_api.BrowserContext | None = None
    try:
        async with loss.interrupts():
            context = await _new_context(browser, visit)
            page = await NetworkedPage.open(context, visit, loss)
            return await _print(page, visit, limit)
    except (Unrecoverable, Unavailable):
        raise
    except Exception as error:
        if browser.memory_kills > kills:
            raise blame_size(browser.memory_limit) from error
        wrong_options = blame_options(error, visit.options)
        raise wrong_options or blame_chromium(
            error, visit.options, crashed=loss.happened
        ) from error
    finally:
        browser.loss.forget(loss.happen)
        if context is not None:
            await _close(browser, context)


async def _new_context(browser: Browser, visit: Visit) -> async_api.BrowserContext:
    options = visit.options
    return await browser.new_context(
        proxy=visit.proxy, user_agent=options.user_agent, javascript=options.javascript
    )


async def _print(page: "NetworkedPage", visit: Visit, limit: int) -> PrintedPage:
    with _measured("load"):
        await page.load(visit.url)
        title = await page.title()
    with _measured("print"):
        stream = await page.print()
    return PrintedPage(await stream.fetch(limit), title)


class NetworkedPage:
    """One page in a context of its own. Make one with `open`."""

    def __init__(self, page: async_api.Page, tab: Tab, options: RenderOptions) -> None:
        self._page = page
        self._tab = tab
        self._options = options
        self._closing: set[asyncio.Task[None]] = set()
        self._failed_navigation: str | None = None
        self._bad_resources: list[tuple[str, int]] = []
        page.on("requestfailed", self._notice_failure)
        page.on("response", self._notice_answer)
        page.context.on("page", self._close_popup)

    @classmethod
    async def open(
        cls, context: async_api.BrowserContext, visit: Visit, loss: Loss
    ) -> "NetworkedPage":
        """A page with its cookies and headers, not loaded yet.

        Args:
            context: a fresh one, with the visit's proxy.
            visit: what it will load.
            loss: told when it crashes.
        """
        page = await context.new_page()
        page.on("crash", lambda _: loss.happen())
        options = visit.options
        if options.cookies:
            await context.add_cookies([_cookie(each, visit.url) for each in options.cookies])
        if options.extra_headers:
            session = await context.new_cdp_session(page)
            await OwnHeaders(session, visit.url, options.extra_headers).start()
        return cls(page, await Tab.of(page), options)

    def _notice_failure(self, request: async_api.Request) -> None:
        if request.is_navigation_request() and request.frame == self._page.main_frame:
            self._failed_navigation = request.url

    def _notice_answer(self, response: async_api.Response) -> None:
        is_bad = matches_status(response.status, self._options.fail_on_resource_http_status)
        if is_bad and not _is_of_proxy(response) and len(self._bad_resources) < MAX_NOTED:
            self._bad_resources.append((response.url, response.status))

    def _close_popup(self, page: async_api.Page) -> None:
        task = asyncio.create_task(page.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def load(self, url: str) -> None:
        """Load the page with all that it refers to.

        Raises:
            PageFailed: it cannot be had, maybe only now.
            PageRefused: it answers with a status that fails the job, or cannot be printed.
        """
        try:
            response = await self._page.goto(url, wait_until="load", timeout=0)
        except async_api.Error as error:
            raise self._explain(error, url) from error
        if response is not None:
            self._check_status(response)
        for address, status in self._bad_resources:
            if response is None or address != response.url:
                raise PageRefused(
                    RESOURCE_STATUS,
                    f"{_shown(address)} answered {status}, see fail_on_resource_http_status",
                    url,
                )

    def _explain(self, error: async_api.Error, url: str) -> Exception:
        place = self._failed_navigation or url
        text = error.message.partition("\n")[0].removeprefix("Page.goto: ")
        reason = text.partition(" at http")[0]
        if "crashed" in text or "closed" in text:
            return error
        message = f"{_shown(place)} was not loaded ({reason})"
        if _HOPELESS.search(text):
            return PageRefused(PAGE_INVALID, message, place)
        return PageFailed(message, place)

    def _check_status(self, response: async_api.Response) -> None:
        if _is_of_proxy(response):
            raise PageFailed(f"{_shown(response.url)} was not loaded", response.url)
        if matches_status(response.status, self._options.fail_on_http_status):
            raise PageRefused(
                PAGE_STATUS,
                f"{_shown(response.url)} answered {response.status}",
                response.url,
            )

    async def title(self) -> str:
        """The page's title, as far as it may be one."""
        return (await self._page.title())[:_MAX_TITLE]

    async def print(self) -> PdfStream:
        """The PDF, which must be fetched while the page is open."""
        return await self._tab.print(print_parameters(self._options))


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


async def _close(browser: Browser, context: async_api.BrowserContext) -> None:
    """Close a context, whatever still runs in it; a browser that does not do it is lost."""
    try:
        with suppress(async_api.Error):  # it has gone with its browser
            async with asyncio.timeout(CLOSE_DEADLINE):
                await context.close()
    except TimeoutError:
        browser.loss.happen()


@contextmanager
def _measured(stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        metrics.RENDER.labels(LANE, stage).observe(time.perf_counter() - started)
