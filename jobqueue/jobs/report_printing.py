"""Rendering a report's HTML, twice where it has the numbers of its own pages in it."""

from contextlib import closing

from jobqueue.render.options import RenderOptions
from jobqueue.render.page_numbers import has_page_numbers, pages_of_targets, with_page_numbers
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered


async def print_html(
    renderer: RenderPool, html: str, options: RenderOptions, *, deadline: float
) -> Rendered:
    """What the options make of a document; raises what `RenderPool.render` does."""
    if options.output == "pdf" and has_page_numbers(html):
        with closing(await renderer.render(html, options, deadline=deadline)) as draft:
            html = with_page_numbers(html, pages_of_targets(draft.data))
    return await renderer.render(html, options, deadline=deadline)
