"""Printing a document on one sheet that is as long as it is."""

import math
from typing import Any

from jobqueue.render.options import RenderOptions
from jobqueue.render.paper import MAX_SIDE
from jobqueue.render.printing import print_parameters
from jobqueue.render.tab import Tab

_CSS_PIXELS = 96
"""In an inch."""

_SLACK = 2
"""CSS pixels more than measured: a fraction too few would make a second sheet."""


async def long_page_parameters(tab: Tab, options: RenderOptions) -> dict[str, Any]:
    """The parameters of `Page.printToPDF` for one sheet; what is beyond its limit follows on more.

    The page must be as wide as the content of the sheet.
    """
    metrics = await tab.session.send("Page.getLayoutMetrics")
    pixels = math.ceil(metrics["cssContentSize"]["height"]) + _SLACK
    height = pixels * options.scale / _CSS_PIXELS + options.margin_top + options.margin_bottom
    width, _ = options.paper
    sheet = {"paperWidth": width, "paperHeight": min(height, MAX_SIDE), "landscape": False}
    return {**print_parameters(options), **sheet}
