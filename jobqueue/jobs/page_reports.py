"""Reports of pages: gives each a way out of its own, prints it, and says what it asked for."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

import msgspec

from jobqueue.context import JobContext
from jobqueue.errors import Unrecoverable
from jobqueue.jobs.bundle_uploads import read_bundle
from jobqueue.jobs.page_sources import (
    BundleSource,
    PageSource,
    StoredBundle,
    UrlSource,
    place_of,
)
from jobqueue.net.egress import Egress, EgressSession
from jobqueue.net.ledger import Entry, Ledger
from jobqueue.net.site import INDEX, Site, SiteFile
from jobqueue.render.failures import PageFailed, PageRefused
from jobqueue.render.networked import Visit
from jobqueue.render.omissions import MAX_WARNINGS
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered
from jobqueue.storage.base import Storage

HOST_REFUSED = "host_refused"
NETWORK_LIMIT = "network_limit"

HTML_TYPE = "text/html; charset=utf-8"


class PageReports:
    """Renders pages.

    Args:
        renderer: loads them, and makes what their options ask for.
        storage: has the uploaded bundles.
        egress: their way out.
    """

    def __init__(self, renderer: RenderPool, storage: Storage, egress: Egress) -> None:
        self._renderer = renderer
        self._storage = storage
        self._egress = egress

    async def render(
        self, job: JobContext, source: PageSource, options: RenderOptions, *, deadline: float
    ) -> Rendered:
        """The document of a URL or a bundle; its log says what was asked for.

        Raises:
            Unrecoverable: the page is forbidden, wrong, or asks for too much.
            PageFailed: it cannot be had now.
        """
        match source:
            case UrlSource(url):
                return await self._visit(job, url, None, options, deadline)
            case BundleSource(files):
                return await self._render_files(job, files, options, deadline)
            case StoredBundle(key):
                files = await read_bundle(self._storage, key)
                return await self._render_files(job, files, options, deadline)

    async def render_html(
        self, job: JobContext, html: str, options: RenderOptions, *, deadline: float
    ) -> Rendered:
        """The document of HTML that may load what it refers to."""
        self._renderer.check(html)
        files = {INDEX: SiteFile(html.encode(errors="replace"), HTML_TYPE)}
        return await self._render_files(job, files, options, deadline)

    async def _render_files(
        self,
        job: JobContext,
        files: Mapping[str, SiteFile],
        options: RenderOptions,
        deadline: float,
    ) -> Rendered:
        """What is made of files, which only their own page can reach."""
        site = Site(files)
        return await self._visit(job, site.url, site, options, deadline)

    async def _visit(
        self,
        job: JobContext,
        url: str,
        site: Site | None,
        options: RenderOptions,
        deadline: float,
    ) -> Rendered:
        network = site is None or options.network
        async with self._egress.session(site=site, network=network) as session:
            try:
                visit = Visit(url, options, session.serve)
                document = await _while_allowed(
                    self._renderer.visit(visit, deadline=deadline), session.ledger
                )
                _check_whole(session.ledger, url)
            except (PageFailed, PageRefused) as error:
                raise _explain(session.ledger, error) from error
            finally:
                await session.close()  # so that the log has what was still open
                _log(job, session)
        return msgspec.structs.replace(document, warnings=(*document.warnings, *_warnings(session)))


async def _while_allowed(printing: Coroutine[Any, Any, Rendered], ledger: Ledger) -> Rendered:
    """Print a page, unless it uses up its limits: then it is given up at once."""
    task = asyncio.create_task(printing)
    limit = asyncio.create_task(ledger.used_up())
    try:
        await asyncio.wait((task, limit), return_when=asyncio.FIRST_COMPLETED)
        if limit.done():
            raise Unrecoverable(NETWORK_LIMIT, f"the page was given up: {ledger.exhausted}")
        return await task
    finally:
        for each in (task, limit):
            each.cancel()
        await asyncio.gather(task, limit, return_exceptions=True)


def _check_whole(ledger: Ledger, url: str) -> None:
    """Raise when the page was printed although it was broken off."""
    entry = _last_of(ledger, url)
    if entry is not None and entry.outcome == "cut":
        raise PageFailed(f"{url.partition('?')[0]} was broken off", url)


def _explain(ledger: Ledger, error: PageFailed | PageRefused) -> Exception:
    """The reason for a page's failure that the way out knows."""
    entry = _last_of(ledger, error.url)
    if entry is None or entry.outcome in {"loaded", "missing"}:
        return error
    message = f"{error.url.partition('?')[0]} was not loaded: {entry.note}"
    if entry.outcome == "refused":
        return Unrecoverable(HOST_REFUSED, message)
    return PageFailed(message, error.url)


def _last_of(ledger: Ledger, url: str) -> Entry | None:
    """What became of the last request to the host of a URL."""
    try:
        host, port = place_of(url)
    except ValueError:  # a page may lead to any
        return None
    return ledger.last_of(host.lower(), port)


def _warnings(session: EgressSession) -> Iterator[str]:
    """What the document does without, each once and not too many."""
    ledger = session.ledger
    lost = dict.fromkeys(
        f"not loaded: {_shown(entry.target, session)} ({entry.note})"
        for entry in ledger.entries
        if entry.outcome != "loaded"
    )
    shown = list(lost)[: MAX_WARNINGS - 1]
    yield from shown
    if len(lost) > len(shown):
        yield f"and {len(lost) - len(shown)} more"


def _log(job: JobContext, session: EgressSession) -> None:
    """Tell the job's log what was asked for."""
    for entry in session.ledger.entries:
        job.log(f"network: {_shown(str(entry), session)}")
    if session.ledger.omitted:
        job.log(f"network: and {session.ledger.omitted} more")


def _shown(text: str, session: EgressSession) -> str:
    """A text in which the job's own files have the paths of the bundle."""
    return text if session.site is None else text.replace(session.site.url, "")
