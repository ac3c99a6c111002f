"""The `jobqueue` command as tests start it, and what they ask of it."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

from tests.support.command import REPOSITORY, clean_environ, command

T = TypeVar("T")

STARTED_WITHIN = 30.0
"""Seconds; generous, because test machines are shared."""


def eventually(look: Callable[[], T | None], *, within: float, what: str) -> T:
    """What `look` gives as soon as that is true."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what}: not within {within:g} s"
        time.sleep(0.02)
    return seen


class Program:
    """One `jobqueue serve`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self._url: str | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def url(self) -> str:
        """Where it listens, as its log tells."""
        if self._url is None:
            self._url = eventually(self._find_url, within=STARTED_WITHIN, what=str(self.log))
        return self._url

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body of a GET; status 0 when nobody answers."""
        return self._ask("GET", path)

    def post(self, path: str, body: object) -> tuple[int, Any]:
        """Status and body of a POST of JSON."""
        return self._ask("POST", path, json.dumps(body))

    def delete(self, path: str) -> tuple[int, Any]:
        """Status and body of a DELETE."""
        return self._ask("DELETE", path)

    def submit(self, job_type: str, **payload: Any) -> str:
        """Submit a job and give its id."""
        status, job = self.post("/api/v1/jobs", {"type": job_type, "payload": payload})
        assert status == 202, job
        return str(job["id"])

    def job(self, job_id: str) -> Any:
        """The job document."""
        return self.get(f"/api/v1/jobs/{job_id}")[1]

    def ended(self, job_id: str, *, within: float) -> Any:
        """The job document once the job is in a final state."""

        def look() -> Any:
            job = self.job(job_id)
            return job if job["state"] in {"completed", "dead", "cancelled"} else None

        return eventually(look, within=within, what=f"the end of {job_id}")

    def metric(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        _, text = self.get("/metrics")
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def ready(self) -> bool:
        """Whether /readyz says yes."""
        return self.get("/readyz")[0] == 200

    def wait_ready(self) -> None:
        """Wait until /readyz says yes."""
        eventually(self.ready, within=STARTED_WITHIN, what=f"readiness, see {self.log}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def exit_code(self, *, within: float) -> int:
        """How it ended."""
        return self.process.wait(within)

    def children(self) -> set[int]:
        """Process ids of its worker processes."""
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                command = (stat.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.pid and b"jobqueue.service.child" in command:
                found.add(int(stat.parent.name))
        return found

    def _find_url(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        for line in self.log.read_text().splitlines():
            if line.startswith("{") and '"service_started"' in line:
                url = json.loads(line)["url"]
                if url:
                    return str(url)
        return None

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException):
            return 0, None
        finally:
            connection.close()
        return response.status, json.loads(answer) if answer[:1] in b"{[" else answer.decode()


class Launcher:
    """Starts services on one Redis, in a folder of the test's own."""

    def __init__(self, folder: Path, redis_url: str, namespace: str) -> None:
        self.folder = folder
        self.trace = folder / "trace"
        self._redis_url = redis_url
        self._namespace = namespace
        self._count = 0

    @contextmanager
    def serve(self, roles: str, *arguments: str, **environ: str) -> Iterator[Program]:
        """A running `jobqueue serve` with the job types of `tests.system.jobs`."""
        self._count += 1
        log = self.folder / f"{self._count}-{roles}.log"
        common = ("--app", "tests.system.jobs:app", "--redis-url", self._redis_url)
        serve = command("serve", "--role", roles, "--port", "0", *common, *arguments)
        with log.open("wb") as output:
            process = subprocess.Popen(
                serve, stdout=output, stderr=output, cwd=REPOSITORY, env=self._environ(environ)
            )
        try:
            yield Program(process, log)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def two_workers(self, *arguments: str) -> Iterator[tuple[Program, Program, Program]]:
        """A ready api with a reaper, and two ready workers."""
        with (
            self.serve("api,reaper") as api,
            self.serve("worker", *arguments) as one,
            self.serve("worker", *arguments) as two,
        ):
            for program in (api, one, two):
                program.wait_ready()
            yield api, one, two

    def lines(self) -> list[list[str]]:
        """What jobs have written so far: word, name, pid."""
        return [line.split() for line in self._text().splitlines()]

    def count(self, word: str) -> int:
        """How often a word was written."""
        return sum(line[0] == word for line in self.lines())

    def first(self, word: str, *, within: float = 15.0) -> list[str]:
        """The first line of a word, once it is there."""

        def look() -> list[str] | None:
            return next((line for line in self.lines() if line[0] == word), None)

        return eventually(look, within=within, what=f"the trace {word!r}")

    def _text(self) -> str:
        return self.trace.read_text() if self.trace.exists() else ""

    def _environ(self, more: dict[str, str]) -> dict[str, str]:
        return {
            **clean_environ(),
            "JOBQUEUE_DATA_DIR": str(self.folder / "data"),
            "JOBQUEUE_REDIS__NAMESPACE": self._namespace,
            "JOBQUEUE_LOG__FORMAT": "json",
            "JOBQUEUE_WORKER__LEASE": "2",
            **more,
        }
