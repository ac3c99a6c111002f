"""Images of a live page, and its HTML.

Source: DevTools protocol, https://chromedevtools.github.io/devtools-protocol/tot/Page/.
"""

import asyncio
import base64
import math
from typing import Any

from playwright import async_api

from jobqueue.errors import Unrecoverable
from jobqueue.render.failures import DOCUMENT_TOO_LARGE, RENDER_FAILED
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.page import MAX_PIXELS, MAX_VIEWPORT
from jobqueue.render.tab import Tab
from jobqueue.render.waiting import invalid_selector

LAST_LOOK = 1.0
"""Seconds for a picture of a document that was too slow: it must not be much slower for it."""

_STOP: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Emulation.setScriptExecutionDisabled", {"value": True}),
    ("Runtime.terminateExecution", {}),
)
"""Both reach a renderer that is busy with a script."""

MAX_LAST_LOOK = 512 * 1024
"""Bytes of that picture; a larger one is not kept."""

DEFAULT_QUALITY = 80

_Clip = dict[str, float]


async def draw(tab: Tab, options: RenderOptions) -> dict[str, Any]:
    """The parameters of `Page.captureScreenshot` for `options`.

    Raises:
        Unrecoverable: there is no such element, or the image would be too large.
    """
    parameters: dict[str, Any] = {"format": options.output}
    if options.output != "png":
        parameters["quality"] = DEFAULT_QUALITY if options.quality is None else options.quality
    clip = await _clip(tab, options)
    if clip is not None:
        _check_size(clip, options.device_scale)
        parameters |= {"clip": clip, "captureBeyondViewport": True}
    return parameters


async def capture(tab: Tab, parameters: dict[str, Any]) -> bytes:
    """The image that Chromium draws with `parameters`."""
    answer = await tab.session.send("Page.captureScreenshot", parameters)
    return base64.b64decode(answer["data"])


async def _clip(tab: Tab, options: RenderOptions) -> _Clip | None:
    """The part of the page to draw, in CSS pixels; None for what the viewport shows."""
    if not options.full_page and options.selector is None:
        return None
    metrics = await tab.session.send("Page.getLayoutMetrics")
    if options.selector is None:
        size = metrics["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    return await _box(tab, options.selector, metrics["cssVisualViewport"])


async def _box(tab: Tab, selector: str, viewport: dict[str, float]) -> _Clip:
    """Where the first element of a selector is on the page, its border included."""
    missing = Unrecoverable(RENDER_FAILED, f"selector {selector[:100]!r} matches nothing visible")
    root = await tab.session.send("DOM.getDocument", {"depth": 0})
    query = {"nodeId": root["root"]["nodeId"], "selector": selector}
    try:
        node_id = (await tab.session.send("DOM.querySelector", query))["nodeId"]
    except async_api.Error as error:
        if "DOM Error" in str(error):
            raise invalid_selector("selector", selector) from error
        raise
    if not node_id:
        raise missing
    try:
        model = await tab.session.send("DOM.getBoxModel", {"nodeId": node_id})
    except async_api.Error as error:
        if "box model" in str(error):  # display: none
            raise missing from error
        raise
    xs, ys = model["model"]["border"][0::2], model["model"]["border"][1::2]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    if width <= 0 or height <= 0:
        raise missing
    left, top = min(xs) + viewport["pageX"], min(ys) + viewport["pageY"]
    return {"x": left, "y": top, "width": width, "height": height, "scale": 1}


def _check_size(clip: _Clip, device_scale: float) -> None:
    width, height = (math.ceil(clip[side] * device_scale) for side in ("width", "height"))
    if max(width, height) > MAX_VIEWPORT or width * height > MAX_PIXELS:
        raise Unrecoverable(
            DOCUMENT_TOO_LARGE,
            f"the image would have {width} x {height} pixels; {MAX_VIEWPORT} a side and"
            f" {MAX_PIXELS} in all are the most: draw less, or with a smaller device_scale",
        )


async def html_of(tab: Tab) -> bytes:
    """The document as it is now, doctype included, in UTF-8."""
    root = await tab.session.send("DOM.getDocument", {"depth": 0})
    answer = await tab.session.send("DOM.getOuterHTML", {"nodeId": root["root"]["nodeId"]})
    return str(answer["outerHTML"]).encode(errors="replace")


async def last_look(tab: Tab) -> bytes | None:
    """Stop a page's scripts and take a JPEG of what is there, if it can be had quickly."""
    try:
        async with asyncio.timeout(LAST_LOOK):
            for stop in _STOP:
                await tab.session.send(*stop)
            picture = await capture(tab, {"format": "jpeg", "quality": 50})
    except (async_api.Error, TimeoutError):
        return None
    return picture if len(picture) <= MAX_LAST_LOOK else None
