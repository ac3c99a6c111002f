"""Waiting until the document of a live page is complete; deadlines are the caller's."""

import asyncio
from typing import Any

from playwright import async_api

from jobqueue.errors import Unrecoverable
from jobqueue.render.failures import INVALID_EXPRESSION, INVALID_SELECTOR
from jobqueue.render.tab import Tab

POLL = 0.05
"""Seconds between two looks at an expression."""

_DRAWABLE = """(async () => {
    for (const image of document.images) image.loading = 'eager';
    await document.fonts.ready;
    await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
})()"""

_DRAWN = """new Promise(drawn => {
    requestAnimationFrame(() => requestAnimationFrame(() => drawn()));
    setTimeout(drawn, 1000);
})"""
"""Two frames: in the first, charts that wait for one are drawn. A document may have taken the
call away, hence the timer."""

_NO_SELECTOR = ("while parsing", "not a valid selector")
"""What Playwright says of one, itself or for Chromium."""


async def until_visible(page: async_api.Page, selector: str) -> None:
    """Wait for an element of this CSS selector that can be seen.

    Raises:
        Unrecoverable: it is no selector.
    """
    try:
        await page.wait_for_selector(f"css={selector}", timeout=0)
    except async_api.Error as error:
        if any(words in str(error) for words in _NO_SELECTOR):
            raise invalid_selector("wait_selector", selector) from error
        raise


async def until_true(tab: Tab, expression: str) -> None:
    """Wait until an expression is true; while it raises, it is not.

    Raises:
        Unrecoverable: it is no JavaScript.
    """
    while not await _is_true(tab, expression):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(POLL)


async def _is_true(tab: Tab, expression: str) -> bool:
    answer = await tab.session.send(
        "Runtime.evaluate", {"expression": expression, "awaitPromise": True}
    )
    failed = answer.get("exceptionDetails")
    if failed is None:
        return _is_truthy(answer["result"])
    described = str(failed.get("exception", {}).get("description", failed["text"]))
    if described.startswith("SyntaxError"):
        raise Unrecoverable(
            INVALID_EXPRESSION, f"wait_expression is no JavaScript: {described.splitlines()[0]}"
        )
    return False


def _is_truthy(value: dict[str, Any]) -> bool:
    """Whether JavaScript takes a value, as the protocol describes it, for true."""
    if value["type"] == "undefined" or value.get("subtype") == "null":
        return False
    if "unserializableValue" in value:
        return value["unserializableValue"] not in {"0n", "-0", "NaN"}
    return bool(value.get("value", True))


async def until_drawable(tab: Tab, *, frames: bool) -> None:
    """Wait until fonts and images can be drawn and, with `frames`, two frames have been."""
    for expression in (_DRAWABLE, _DRAWN) if frames else (_DRAWABLE,):
        await tab.session.send("Runtime.evaluate", {"expression": expression, "awaitPromise": True})


def invalid_selector(field: str, selector: str) -> Unrecoverable:
    """What to raise when an option is no selector."""
    return Unrecoverable(INVALID_SELECTOR, f"{field} {selector[:100]!r} is no CSS selector")
