"""The real command as a process, and a real service for it to talk to."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.command import answers, clean_environ, command
from tests.support.process import free_port, running

TOKEN = "let-me-in"  # noqa: S105 - of the test's own service

APP = '''
import asyncio
from jobqueue import JobContext, JobQueue, Retry

app = JobQueue()


@app.job("echo")
async def echo(job: JobContext, payload: dict) -> dict:
    """Give back what came."""
    return payload


@app.job("count", timeout=60)
async def count(job: JobContext, payload: dict) -> str:
    """Count up to 100 in steps of 25, as fast or slowly as asked."""
    for percent in (25, 50, 75):
        job.progress(percent, f"counted to {percent}")
        await asyncio.sleep(payload["pause"])
    return "counted"


@app.job("fail", retry=Retry(max_attempts=1))
async def fail(job: JobContext, payload: dict) -> None:
    """Fail with a message that would harm a terminal."""
    raise ValueError("bad \\x1b[31mthing\\nin two lines, of which the second is too long to show")
'''


class Cli(Protocol):
    """Runs `jobqueue`."""

    def __call__(
        self, *arguments: str, stdin: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it with these arguments to its end."""
        ...


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command in an empty folder, not on a terminal."""

    def run(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            cwd=tmp_path,
            env=clean_environ() | environ,
        )

    return run


@pytest.fixture(scope="session")
def service_url(redis_url: str) -> Iterator[str]:
    """A service with all roles, its own namespace, and the job types of `APP`."""
    with tempfile.TemporaryDirectory(prefix="jq-cli-") as name:
        folder = Path(name)
        (folder / "sample.py").write_text(APP)
        url = f"http://127.0.0.1:{free_port()}"
        arguments = ["serve", "--port", url.rpartition(":")[2], "--redis-url", redis_url]
        arguments += ["--data-dir", name, "--app", "sample:app", "--drain", "1"]
        environ = clean_environ() | {
            "JOBQUEUE_REDIS__NAMESPACE": f"cli-{folder.name}",
            "JOBQUEUE_HTTP__TOKEN": TOKEN,
        }
        with running(
            command(*arguments),
            ready=lambda: answers(f"{url}/readyz"),
            log=folder / "serve.log",
            cwd=folder,
            env=environ,
        ):
            yield url


@pytest.fixture
def remote(cli: Cli, service_url: str) -> Cli:
    """The command, talking to the service."""

    def run(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return cli(*arguments, stdin=stdin, **{**address(service_url), **environ})

    return run


def address(url: str) -> dict[str, str]:
    """The variables that tell the command where the service is."""
    return {"JOBQUEUE_URL": url, "JOBQUEUE_TOKEN": TOKEN}
