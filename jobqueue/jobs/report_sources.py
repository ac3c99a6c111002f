"""The HTML of what users wrote: their templates, and Markdown."""

import time
from typing import Any

from jobqueue import metrics
from jobqueue.errors import InvalidRequest, UnknownTemplate, Unrecoverable
from jobqueue.jobs.template_keys import split_label
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.render.options import RenderOptions


class OwnSources:
    """Makes HTML of them, in processes of their own.

    Args:
        shelf: finds templates and fills them; None: this process has none.
    """

    def __init__(self, shelf: TemplateShelf | None) -> None:
        self._shelf = shelf

    async def fill(self, label: str, data: dict[str, Any], options: RenderOptions) -> str:
        """A template with data.

        Raises:
            Unrecoverable: there is no such template, the data does not fit it, or it fails.
            StorageUnavailable: the storage does not answer.
        """
        shelf = self._needed()
        try:
            template = await shelf.find(label, hidden=True)
            _, version = split_label(label) or (label, None)
            if version is None:  # nobody pinned it, so nobody checked the data either
                await shelf.filler.validate(template, data, at="/data")
        except (UnknownTemplate, InvalidRequest) as error:
            wrong = "; ".join(f"{each.path} {each.message}" for each in error.errors)
            raise Unrecoverable(error.code, f"{error}: {wrong}"[:500]) from error
        started = time.perf_counter()
        html = await shelf.filler.fill(template, data, options)
        metrics.RENDER.labels("static", "template").observe(time.perf_counter() - started)
        return html

    async def markdown(self, text: str, options: RenderOptions) -> str:
        """A text in Markdown as a document; raises as `fill` does."""
        return await self._needed().filler.markdown(text, options)

    def _needed(self) -> TemplateShelf:
        if self._shelf is None:
            raise Unrecoverable("unknown_template", "this worker has no templates but the shipped")
        return self._shelf
