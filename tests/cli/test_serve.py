"""Starting and stopping the service from the command line."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.command import answers, clean_environ, command
from tests.support.process import free_port, wait_until
from tests.support.redis import redis_server

from .conftest import Cli


def test_an_absent_redis_is_named(cli: Cli) -> None:
    """A Redis that does not answer ends the start with 3 and its URL, password masked."""
    answer = cli("serve", "--role", "reaper", "--redis-url", "redis://:hunter2@127.0.0.1:9/0")
    assert answer.returncode == 3
    last = answer.stderr.splitlines()[-1]
    assert "redis://:***@127.0.0.1:9/0" in last
    assert "hunter2" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_redis_that_drops_jobs_stops_the_start(cli: Cli, tmp_path: Path) -> None:
    """A Redis that evicts ends the start with 2 and one line that says what to set."""
    with redis_server(tmp_path, "--maxmemory-policy", "allkeys-lru") as url:
        answer = cli("serve", "--role", "reaper", "--redis-url", url)
    assert answer.returncode == 2
    last = answer.stderr.splitlines()[-1]
    assert "set maxmemory-policy noeviction" in last
    assert "redis.allow_unsafe = true" in last
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("jobs", "write it as module:object"),
        ("nothing.here:app", "No module named 'nothing'"),
        ("jobs:missing", "no attribute 'missing'"),
        ("jobs:number", "jobs:number is a int, not a JobQueue"),
        ("broken:app", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_wrong_app_is_one_line(cli: Cli, tmp_path: Path, where: str, message: str) -> None:
    """An app that cannot be loaded ends the start with 2 and one line that says why."""
    (tmp_path / "jobs.py").write_text("number = 1")
    (tmp_path / "broken.py").write_text("1 / 0")
    answer = cli("serve", "--app", where)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_wrong_setting_stops_the_start(cli: Cli, tmp_path: Path) -> None:
    """A wrong argument or config file ends with 2 and one line that names it."""
    (tmp_path / "service.toml").write_text("[worker]\nconcurency = 3\n")
    answer = cli("serve", "--config", "service.toml")
    assert answer.returncode == 2
    assert "worker.concurency in service.toml" in answer.stderr
    assert "did you mean worker.concurrency" in answer.stderr
    assert "worker.concurrency" in cli("serve", "--concurrency", "0").stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_service(redis_url: str, tmp_path: Path, stop: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end a service that has nothing to do at once, without a traceback."""
    port = free_port()
    log = tmp_path / "serve.log"
    arguments = ["--role", "api,reaper", "--port", str(port), "--redis-url", redis_url]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command("serve", *arguments), stderr=output, cwd=tmp_path, env=clean_environ()
        )
    try:
        wait_until(
            lambda: answers(f"http://127.0.0.1:{port}/readyz"),
            failed=lambda: process.poll() is not None,
            log=log,
        )
        process.send_signal(stop)
        code = process.wait(20)
    finally:
        process.kill()
        process.wait()
    assert code in {0, 130, -stop}
    assert "Traceback" not in log.read_text()
