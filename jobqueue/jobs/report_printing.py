"""From what a report is made of to what Chromium makes of it."""

from collections.abc import Awaitable, Callable
from contextlib import closing

from jobqueue.context import JobContext
from jobqueue.jobs.page_reports import PageReports
from jobqueue.jobs.page_sources import PageSource
from jobqueue.jobs.report_html import ReportHtml
from jobqueue.jobs.report_request import Source
from jobqueue.render.options import RenderOptions
from jobqueue.render.page_numbers import has_page_numbers, pages_of_targets, with_page_numbers
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered

Render = Callable[[str], Awaitable[Rendered]]


class ReportPrinting:
    """Renders sources, each where it can be: with the network, or without.

    Args:
        html: gives the HTML of what is not loaded as a page.
        pages: renders what is.
        renderer: renders HTML.
    """

    def __init__(self, html: ReportHtml, pages: PageReports, renderer: RenderPool) -> None:
        self._html = html
        self._pages = pages
        self._renderer = renderer

    async def render(
        self, job: JobContext, source: Source, options: RenderOptions, *, size: int, deadline: float
    ) -> Rendered:
        """What the options make of a source.

        Args:
            job: whose log is told what was loaded.
            source: what to make it from.
            options: what it is to look like.
            size: bytes of the payload that the source came in.
            deadline: when to give up, in the loop's time.

        Raises:
            Exception: what `RenderPool.render` and `PageReports.render` raise.
        """
        if isinstance(source, PageSource):
            return await self._pages.render(job, source, options, deadline=deadline)

        async def alone(html: str) -> Rendered:
            return await self._renderer.render(html, options, deadline=deadline)

        async def networked(html: str) -> Rendered:
            return await self._pages.render_html(job, html, options, deadline=deadline)

        html = await self._html.of(source, options, size)
        render = networked if options.network else alone
        if options.output == "pdf" and has_page_numbers(html):
            return await _with_page_numbers(html, render)
        return await render(html)


async def _with_page_numbers(html: str, render: Render) -> Rendered:
    """Print a document that has the numbers of its own pages in it: twice."""
    with closing(await render(html)) as draft:
        html = with_page_numbers(html, pages_of_targets(draft.data))
    return await render(html)
