"""The whole way of a report: a service is started, a job submitted, its PDF downloaded."""

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.configuration import Configuration
from jobqueue.cli.documents import describe
from jobqueue.cli.failures import Exit
from jobqueue.cli.follow import conclude, wait
from jobqueue.cli.laps import Laps
from jobqueue.cli.loop import loop_factory
from jobqueue.cli.payload import REPORT_TYPE
from jobqueue.cli.roles import ROLES
from jobqueue.client import Client
from jobqueue.jwt_settings import JwtSettings
from jobqueue.logs import configure_logging
from jobqueue.render.templates import Templates
from jobqueue.service import running_service
from jobqueue.settings import Settings
from jobqueue.state import State

TEMPLATE = "invoice"

TIMEOUT = 60.0
"""Seconds for the demo's job, which takes about one."""

NEXT = """\
To go on:
  {jobqueue} serve      run the service (leave it running)
  {jobqueue} submit report-generation --template {template} \\
      --data @{data} --wait --out invoice.pdf
  {jobqueue} check      what of this machine the service can use"""


def demonstrate(out: Path, laps: Laps) -> Exit:
    """Make the sample invoice in the folder `out`, and stop all that was started for it."""
    with tempfile.TemporaryDirectory(prefix="jobqueue-demo-") as folder:
        settings, _ = Configuration(None, _flags(Path(folder))).load()
        # only the demo itself calls: it has no token of anybody's identity provider
        http = settings.http.model_copy(update={"jwt": JwtSettings()})
        settings = settings.model_copy(update={"http": http})
        configure_logging(settings.log)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_run(settings, out, laps))


def _flags(folder: Path) -> dict[str, Any]:
    """Nothing of the user's own queues, documents and ports is touched."""
    return {
        "data_dir": str(folder),
        "redis": {"url": "embedded:"},
        "storage": {"url": "file:"},
        "http": {"host": "127.0.0.1", "port": 0},
        "worker": {"queues": {"reports": 1}, "processes": 1},
        "log": {"level": "error"},
    }


async def _run(settings: Settings, out: Path, laps: Laps) -> Exit:
    data = Templates().sample(TEMPLATE)
    async with AsyncExitStack() as stack:
        with laps.doing("starting Redis, API, worker and reaper"):
            running = running_service(settings, roles=frozenset(ROLES), app=None)
            service = await stack.enter_async_context(running)
        laps.done(f"started Redis, API, worker and reaper at {service.url}")
        client = await stack.enter_async_context(Client(service.url, _token(settings)))
        job = await client.submit(REPORT_TYPE, {"template": TEMPLATE, "data": data})
        laps.done(f"submitted {job['id']}")
        job = await wait(client, job["id"], timeout=TIMEOUT)
        if job["state"] != State.COMPLETED:
            return conclude(job)
        laps.done("waited for Chromium to print it")
        pdf = _prepare(out, data)
        await client.download(job["id"], pdf)
        laps.done(f"downloaded {pdf.name}")
        await stack.aclose()
        laps.done("stopped all that was started")
    laps.all_done()
    show.put(Text.assemble("\n", (str(pdf), "bold green"), f": {describe(job['result'])}\n"))
    sample = pdf.with_suffix(".json")
    click.echo(NEXT.format(jobqueue=_this_command(), template=TEMPLATE, data=sample))
    return Exit.OK


def _token(settings: Settings) -> str | None:
    return settings.http.token.get_secret_value() if settings.http.token else None


def _prepare(out: Path, data: object) -> Path:
    """The folder for the invoice, with its data as an example to change; gives the PDF's path."""
    out.mkdir(parents=True, exist_ok=True)
    pdf = out / f"{TEMPLATE}.pdf"
    pdf.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=2))
    return pdf


def _this_command() -> str:
    """What to type for this program: its name where it is on the PATH, else where it is."""
    installed = Path(sys.executable).with_name("jobqueue")
    if shutil.which(installed.name) or not installed.exists():
        return installed.name
    return min(os.path.relpath(installed), str(installed), key=len)
