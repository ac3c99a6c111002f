"""From what a report is made of to the HTML that is printed."""

import time
from typing import Any

from jobqueue import metrics
from jobqueue.jobs.report_request import (
    HtmlKind,
    HtmlSource,
    MarkdownSource,
    OwnTemplateSource,
    TemplateSource,
)
from jobqueue.jobs.report_sources import OwnSources
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.render.options import RenderOptions
from jobqueue.render.templates import Templates

SMALL = 4 * 1024
"""Bytes of a payload up to which its template is filled on the loop, in about 1 ms."""


class ReportHtml:
    """Fills templates, shipped ones and users', and turns Markdown into documents.

    Args:
        templates: the shipped templates.
        shelf: users' templates; None: there are none.
    """

    def __init__(self, templates: Templates, shelf: TemplateShelf | None) -> None:
        self._templates = templates
        self._own = OwnSources(shelf)

    async def of(self, source: HtmlKind, options: RenderOptions, size: int) -> str:
        """The HTML of a source.

        Args:
            source: what the document is made from.
            options: what it is to look like.
            size: bytes of the payload that the source came in.

        Raises:
            Unrecoverable: the template or its data cannot give a document.
        """
        match source:
            case HtmlSource(html):
                return html
            case TemplateSource(name, data):
                return await self._fill(name, data, options, size)
            case OwnTemplateSource(label, data):
                return await self._own.fill(label, data, options)
            case MarkdownSource(text):
                return await self._own.markdown(text, options)

    async def _fill(
        self, name: str, data: dict[str, Any], options: RenderOptions, size: int
    ) -> str:
        started = time.perf_counter()
        html = await self._templates.render(name, data, options, small=size <= SMALL)
        metrics.RENDER.labels("static", "template").observe(time.perf_counter() - started)
        return html
