"""Reports too large to be held in memory."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobqueue.jobs.report_generation import ReportHandler
from jobqueue.jobs.report_html import ReportHtml
from jobqueue.render.failures import BrowserLost
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.settings import LimitSettings, RenderSettings, StorageSettings
from jobqueue.storage.factory import make_storage
from tests.render.helpers import unnamed_files, until
from tests.support.s3 import BUCKET, moto_with_credentials

from .large_report import SHEET, report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LARGE = 200_000_000
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The URL of a server with a bucket."""
    with moto_with_credentials() as url:
        yield url


async def large_report(folder: Path, endpoint: str | None) -> dict[str, Any]:
    """What a process reports that makes a large document, with the memory it took."""
    command = [sys.executable, "-m", "tests.jobs.large_report", *([endpoint] if endpoint else [])]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    seen: dict[str, Any] = json.loads(output.splitlines()[-1])
    return seen


@pytest.mark.parametrize("kind", ["file", "s3"])
async def test_200_mb_of_pdf_take_little_memory(tmp_path: Path, s3: str, kind: str) -> None:
    """A worker grows by less than 64 MiB, and what it stored is what it says."""
    endpoint = s3 if kind == "s3" else None
    seen = await large_report(tmp_path, endpoint)
    result = seen["result"]
    assert result["bytes"] > LARGE
    assert result["pages"] == 11
    assert seen["grown"] < 64 * MIB
    url = f"s3://{BUCKET}" if endpoint else f"file:{tmp_path}/documents"
    storage = make_storage(
        StorageSettings(url=url, endpoint_url=endpoint, region="us-east-1"), tmp_path
    )
    await storage.start()
    digest = hashlib.sha256()
    async with storage.open(result["key"]) as download:
        async for chunk in download.chunks():
            digest.update(chunk)
    await storage.close()
    assert digest.hexdigest() == result["sha256"]


async def test_a_document_that_breaks_off_is_not_stored(tmp_path: Path) -> None:
    """Chromium ends while its document is fetched: nothing is stored, another try succeeds."""
    storage = make_storage(StorageSettings(), tmp_path)
    await storage.start()
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await pool.start()
    try:
        handler = ReportHandler(ReportHtml(Templates(), None), pool, storage)
        html = "".join(map(SHEET.format, range(3)))
        before = unnamed_files()
        task = asyncio.create_task(report(handler, html, "t1"))
        await until(lambda: unnamed_files() > before)
        browser = pool._supply.browser
        assert browser is not None
        os.kill(browser._processes[0].pid, signal.SIGKILL)
        with pytest.raises(BrowserLost):
            await task
        assert unnamed_files() <= before
        async with storage.list("") as objects:
            assert [each async for each in objects] == []
        result = await report(handler, html, "t2")
        assert result.bytes > 3 * 20_000_000
        assert unnamed_files() <= before
    finally:
        await pool.close()
        await storage.close()
