"""Waiting until the document of a live page is complete; deadlines are the caller's."""

import asyncio
from typing import Any

from playwright import async_api

from jobqueue.errors import Unrecoverable
from jobqueue.render.failures import INVALID_EXPRESSION, INVALID_SELECTOR
from jobqueue.render.tab import Tab

POLL = 0.05
"""Seconds between two looks at an expression."""

_FONTS = "document.fonts.ready.then(() => 1)"

_IMAGES = """(async () => {
    for (const image of document.images) image.loading = 'eager';
    await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
})()"""
"""Only where frames are drawn: without them no image says that it is decoded."""

_DRAWN = """new Promise(drawn => {
    let still = 0, frames = 0;
    new MutationObserver(() => { still = 0; }).observe(
        document, {subtree: true, childList: true, attributes: true, characterData: true});
    const frame = () => {
        if (still++ === 2 || frames++ === 20) drawn(); else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    setTimeout(drawn, 1000);
})"""
"""Until two frames in a row have changed nothing. A chart may be drawn in one frame, measured in
the next, and then be cleared and drawn again; one that is always in motion gets 20 frames, and
one that has taken these calls away 1 s."""

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
    answer = await _evaluate(tab, expression)
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


async def until_fonts(tab: Tab) -> None:
    """Wait until the fonts that the document uses are there."""
    await _evaluate(tab, _FONTS)


async def until_drawable(tab: Tab, *, at_rest: bool) -> None:
    """Wait until fonts and images can be drawn and, if asked to, the document is `at_rest`."""
    steps = (_IMAGES, _FONTS, _DRAWN) if at_rest else (_IMAGES, _FONTS)
    await _evaluate(tab, f"(async () => {{ {'; '.join(f'await {step}' for step in steps)} }})()")


async def _evaluate(tab: Tab, expression: str) -> dict[str, Any]:
    return await tab.session.send(
        "Runtime.evaluate", {"expression": expression, "awaitPromise": True}
    )


def invalid_selector(field: str, selector: str) -> Unrecoverable:
    """What to raise when an option is no selector."""
    return Unrecoverable(INVALID_SELECTOR, f"{field} {selector[:100]!r} is no CSS selector")
