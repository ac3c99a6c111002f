"""Printing a report's HTML, twice where it has the numbers of its own pages in it."""

from contextlib import closing

from jobqueue.render.options import RenderOptions
from jobqueue.render.page_numbers import has_page_numbers, pages_of_targets, with_page_numbers
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import RenderedPdf


async def print_html(
    renderer: RenderPool, html: str, options: RenderOptions, *, deadline: float
) -> RenderedPdf:
    """The PDF of a document; raises what `RenderPool.pdf` does."""
    if has_page_numbers(html):
        with closing(await renderer.pdf(html, options, deadline=deadline)) as draft:
            html = with_page_numbers(html, pages_of_targets(draft.data))
    return await renderer.pdf(html, options, deadline=deadline)
