"""A report of 200 MB in a process of its own: prints as JSON what it was and what memory it took.

python -m tests.jobs.large_report [ENDPOINT] - into that bucket, or a folder below the current one.
"""

import asyncio
import json
import sys
from pathlib import Path

import msgspec

from jobqueue.context import JobContext
from jobqueue.jobs.report_generation import ReportHandler, ReportResult
from jobqueue.jobs.report_html import ReportHtml
from jobqueue.jobs.report_request import ReportParser
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.settings import LimitSettings, RenderSettings, StorageSettings
from jobqueue.storage.factory import make_storage
from tests.support.s3 import BUCKET

SHEETS = 11
"""Of 20 MB each."""

SHEET = (
    '<svg width="700" height="1000"><filter id="f{0}"><feTurbulence baseFrequency="0.9"'
    ' numOctaves="1" seed="{0}"/></filter><rect width="700" height="1000"'
    ' filter="url(#f{0})"/></svg>'
)
"""A page of noise, which no compression makes smaller, drawn by Chromium itself."""


def memory(field: str) -> int:
    """Bytes that this process has (VmRSS) or has had at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def forget_peak() -> None:
    """Let the largest size be that of now."""
    Path("/proc/self/clear_refs").write_text("5")


async def report(handler: ReportHandler, html: str, token: str) -> ReportResult:
    """The result of one attempt."""
    context = JobContext(
        id="reports-01J00000000000000000000000",
        type="report-generation",
        attempt=1,
        max_attempts=1,
        token=token,
        deadline=asyncio.get_running_loop().time() + 150,
        report=lambda _job, _progress: None,
    )
    request = ReportParser(Templates())(json.dumps({"html": html}).encode())
    return await handler(context, request)


async def main(endpoint: str | None) -> None:
    """Make a small report first, which loads what all need."""
    url = f"s3://{BUCKET}" if endpoint else "file:documents"
    settings = StorageSettings(url=url, endpoint_url=endpoint, region="us-east-1")
    storage = make_storage(settings, Path())
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await storage.start()
    await pool.start()
    try:
        handler = ReportHandler(ReportHtml(Templates(), None), pool, storage)
        await report(handler, "small", "t0")
        before = memory("VmRSS")
        forget_peak()
        result = await report(handler, "".join(map(SHEET.format, range(SHEETS))), "t1")
        grown = memory("VmHWM") - before
    finally:
        await pool.close()
        await storage.close()
    sys.stdout.write(json.dumps({"result": msgspec.to_builtins(result), "grown": grown}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
