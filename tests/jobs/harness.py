"""Running the report handler as a worker would."""

import json
from typing import TYPE_CHECKING, Any

from jobqueue.context import JobContext
from jobqueue.jobs.report_generation import ReportHandler, ReportResult
from jobqueue.jobs.report_html import ReportHtml
from jobqueue.jobs.report_request import ReportParser
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.net.egress import Egress
from jobqueue.net.ledger import EgressLimits
from jobqueue.net.vetting import NOTHING_ALLOWED, Vetting
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.storage.base import Storage
from tests.render.helpers import soon

if TYPE_CHECKING:
    from jobqueue.model import Progress

TEMPLATES = Templates()
JOB_ID = "reports-01J00000000000000000000000"


class Attempt:
    """Runs the handler as a worker would, and remembers what it reports."""

    def __init__(
        self,
        renderer: RenderPool,
        storage: Storage,
        shelf: TemplateShelf | None = None,
        *,
        vetting: Vetting = NOTHING_ALLOWED,
        limits: EgressLimits | None = None,
    ) -> None:
        self.progress: list[Progress] = []
        self.log: list[str] = []
        self._parse = ReportParser(TEMPLATES, own=shelf is not None, vetting=vetting)
        html, egress = ReportHtml(TEMPLATES, shelf), Egress(vetting, limits)
        self._handler = ReportHandler(html, renderer, storage, egress)

    async def run(self, payload: Any, *, token: str = "t0", seconds: float = 60) -> ReportResult:  # noqa: S107 - a fencing token
        """The result of one attempt at `payload`."""
        context = JobContext(
            id=JOB_ID,
            type="report-generation",
            attempt=1,
            max_attempts=3,
            token=token,
            deadline=soon(seconds),
            report=lambda _, progress: self.progress.append(progress),
            log=lambda _id, _token, line: self.log.append(line),
        )
        request = self._parse(json.dumps(payload).encode())
        return await self._handler(context, request)


async def stored(storage: Storage, key: str) -> bytes:
    """The bytes of a stored document."""
    async with storage.open(key) as download:
        return b"".join([chunk async for chunk in download.chunks()])
