"""Draws the charts of documents, in one process for all."""

import asyncio
import importlib.util
from collections.abc import Sequence

from jobqueue.errors import Unrecoverable
from jobqueue.render.charts.specification import DRAWN
from jobqueue.render.filling.messages import ChartCall
from jobqueue.render.filling.process import Child, ChildLost

CHILD = "jobqueue.render.charts.child"

CHART_SECONDS = 15.0
"""Seconds for one chart, the start of Vega included, which takes half a second."""

MAX_CHARTS = 500
"""Charts after which the process is replaced: Vega does not give all memory back."""

MAX_SVG = 8 * 1024 * 1024
"""Bytes of one drawing; Chromium takes seconds for it."""

HOW_TO_INSTALL = "pip install 'jobqueue[charts]'"


class Drawing:
    """The drawing process, started with the first chart."""

    def __init__(self) -> None:
        self._child = Child(CHILD, most=MAX_CHARTS)
        self._turn = asyncio.Lock()

    async def draw(self, label: str, charts: Sequence[ChartCall]) -> list[str]:
        """The charts of one document as SVG, in their order.

        Args:
            label: what errors call the document's template.
            charts: what was asked for, and where.

        Raises:
            Unrecoverable: `chart_error`, `chart_too_slow`, `chart_too_large`, or
                `charts_unavailable` where vl-convert is not installed.
        """
        if charts and importlib.util.find_spec("vl_convert") is None:
            raise Unrecoverable(
                "charts_unavailable",
                f"template {label}, {charts[0].place}: this worker cannot draw charts:"
                f" {HOW_TO_INSTALL}",
            )
        return [await self._draw(f"template {label}, {each.place}", each.spec) for each in charts]

    async def close(self) -> None:
        """End the process."""
        await self._child.close()

    async def _draw(self, place: str, specification: bytes) -> str:
        async with self._turn:
            try:
                answer = await self._child.ask(specification, seconds=CHART_SECONDS)
            except TimeoutError:
                message = f"{place}: the chart was not drawn in {CHART_SECONDS:.0f} s"
                raise Unrecoverable("chart_too_slow", message) from None
            except ChildLost:
                message = f"{place}: drawing the chart needs more memory than a chart has"
                raise Unrecoverable("chart_too_large", message) from None
        status, content = answer[:1], answer[1:]
        if status != DRAWN:
            raise Unrecoverable("chart_error", f"{place}: the chart: {content.decode()}")
        if len(content) > MAX_SVG:
            message = f"{place}: the chart has {len(content)} bytes, at most {MAX_SVG} are printed"
            raise Unrecoverable("chart_too_large", message)
        return content.decode()
