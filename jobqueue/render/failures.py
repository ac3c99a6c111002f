"""What can go wrong while rendering: whose fault it is, and whether another try helps."""

import re

from jobqueue.errors import JobqueueError, Unavailable, Unrecoverable
from jobqueue.render.options import RenderOptions

RENDER_FAILED = "render_failed"
INVALID_PAGE_RANGE = "invalid_page_range"
DOCUMENT_TOO_LARGE = "document_too_large"
HTML_TOO_LARGE = "html_too_large"
TOO_MANY_PAGES = "too_many_pages"
SCRIPT_FAILED = "script_failed"
RESOURCE_FAILED = "resource_failed"
INVALID_SELECTOR = "invalid_selector"
INVALID_EXPRESSION = "invalid_expression"

_MESSAGE_LENGTH = 300
_LOST = re.compile(r"crashed|closed|broken pipe|connection (?:lost|reset)", re.IGNORECASE)


class BrowserLost(Unavailable):
    """Chromium or one of its processes ended under the job; another one can render it."""

    code = "browser_lost"


class RenderTimeout(JobqueueError):
    """The document was not rendered in the time that its job has.

    Args:
        message: what took too long, and what to do.
        picture: a JPEG of what was there by then; None where there is none.
    """

    code = "render_timeout"
    status = 504

    def __init__(self, message: str, picture: bytes | None = None) -> None:
        super().__init__(message)
        self.picture = picture


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


class PrintingFailed(JobqueueError):
    """Chromium said that it could not print, and nothing more; it may be short of memory."""

    code = "printing_failed"
    status = 503


def blame_options(error: Exception, options: RenderOptions) -> Unrecoverable | None:
    """What to raise when Chromium says that these options do not fit the document."""
    text = _summary(error)
    if "page range" in text.lower():
        return Unrecoverable(
            INVALID_PAGE_RANGE, f"page_ranges {options.page_ranges!r}: the document has fewer pages"
        )
    if "content area is empty" in text:
        return Unrecoverable(
            RENDER_FAILED, "the margins leave no room on the paper: make them smaller"
        )
    return None


def blame_chromium(error: Exception, options: RenderOptions, *, crashed: bool) -> Exception:
    """What to raise for any other error of Chromium or its driver.

    Args:
        error: what Playwright raised.
        options: those of the document.
        crashed: whether the page's renderer or the browser is known to be gone.
    """
    text = _summary(error)
    if crashed or _LOST.search(text):
        return BrowserLost(f"Chromium ended while it rendered the document ({text})")
    if options.header_html is not None or options.footer_html is not None:
        return Unrecoverable(
            RENDER_FAILED, f"Chromium could not print this header_html or footer_html ({text})"
        )
    return PrintingFailed(f"Chromium could not print the document ({text})")


def blame_size(memory: int) -> Unrecoverable:
    """What to raise when a document took more memory than there is for it."""
    return Unrecoverable(
        DOCUMENT_TOO_LARGE,
        f"printing the document takes more than {memory >> 20} MiB of memory: divide it",
    )


def too_slow(given: float, doing: str = "", picture: bytes | None = None) -> RenderTimeout:
    """What to raise when a document took more than the `given` seconds.

    Args:
        given: seconds that it had.
        doing: what it was still waiting for.
        picture: a JPEG of what was there.
    """
    return RenderTimeout(
        f"the document was not rendered in the {given:.0f} s that it had{doing and f' ({doing})'}:"
        " make it smaller, or submit it with a longer timeout",
        picture,
    )


def resource_failed(address: str, reason: str) -> Unrecoverable:
    """What to raise when something that must load did not.

    Args:
        address: of the first that was not had, as short as a message takes.
        reason: in Chromium's words; empty when it gave none.
    """
    return Unrecoverable(RESOURCE_FAILED, f"not loaded: {address}{reason and f' ({reason})'}")


def document_too_large(limit: int) -> Unrecoverable:
    """What to raise when a PDF has more than `limit` bytes."""
    return Unrecoverable(
        DOCUMENT_TOO_LARGE,
        f"the document has more than the {limit} bytes that are allowed (limits.document)",
    )


def html_too_large(limit: int) -> Unrecoverable:
    """What to raise when the HTML, images included, has more than `limit` bytes."""
    return Unrecoverable(
        HTML_TOO_LARGE,
        f"the HTML has more than the {limit} bytes that are allowed (limits.html):"
        " divide it, or make its images smaller",
    )


def too_many_pages(pages: int, limit: int) -> Unrecoverable:
    """What to raise when a PDF has `pages` pages, more than `limit`."""
    return Unrecoverable(
        TOO_MANY_PAGES,
        f"the document has {pages} pages, at most {limit} are allowed (limits.pages):"
        " divide it, or choose some with page_ranges",
    )


def _summary(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()[:_MESSAGE_LENGTH]
