"""The guide to Python: every program in it does what it says."""

import asyncio
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import jobqueue.testing
from jobqueue import JobQueue
from jobqueue.client import Client, SyncClient
from jobqueue.service.service import running_service
from jobqueue.settings import HttpSettings, RedisSettings, Settings, WorkerSettings
from jobqueue.worker.attempt import CANCEL_GRACE
from jobqueue.worker.wedge import EXIT_REPLACE
from tests.support.command import clean_environ

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "python.md").read_text()
WORDS = " ".join(GUIDE.split())
EXAMPLES = re.findall(
    r"^## (.*?)$(?:(?!^## ).)*?^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL
)
PROGRAMS = [example for example in EXAMPLES if "main()" in example[1]]
TESTS = [example for example in EXAMPLES if "test_" in example[1]]
SERVICE = "http://127.0.0.1:8080"


def test_every_program_is_run() -> None:
    """No program of the guide is left out."""
    assert len(EXAMPLES) == GUIDE.count("```python\n") == len(PROGRAMS) + len(TESTS) > 7


@pytest.mark.parametrize(("title", "program"), PROGRAMS, ids=[title for title, _ in PROGRAMS])
async def test_each_program_runs(
    *,
    redis_url: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    title: str,
    program: str,
) -> None:
    """Each program works as it stands, beside a service that has its types, or the first one's."""
    monkeypatch.syspath_prepend(tmp_path)
    is_client = SERVICE in program
    name = f"guide_{title.lower().replace(' ', '_')}"
    types = imported(tmp_path, name, PROGRAMS[0][1] if is_client else program)
    app = types.app
    assert isinstance(app, JobQueue)
    settings = Settings(
        redis=RedisSettings(url=redis_url, namespace=namespace),
        http=HttpSettings(port=0),
        worker=WorkerSettings(queues=dict.fromkeys(app.registry.queues(), 2)),
        data_dir=tmp_path / "data",
    )
    async with running_service(settings, roles=["api", "worker", "reaper"], app=app) as service:
        client = program.replace(SERVICE, service.url)
        main = (imported(tmp_path, f"{name}_client", client) if is_client else types).main
        if asyncio.iscoroutinefunction(main):
            await asyncio.wait_for(main(), 40)
        else:
            await asyncio.wait_for(asyncio.to_thread(main), 40)


@pytest.mark.parametrize(("title", "program"), TESTS, ids=[title for title, _ in TESTS])
def test_each_test_passes(tmp_path: Path, title: str, program: str) -> None:
    """Each test of the guide passes as it stands, with the plugin that the guide names."""
    assert 'pytest_plugins = ["jobqueue.testing.plugin"]' in GUIDE, title
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["jobqueue.testing.plugin"]\n')
    (tmp_path / "test_example.py").write_text(program)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_example.py"],
        env={**clean_environ(), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_guide_has_the_names_and_numbers() -> None:
    """What the guide says of names, bounds and codes is so."""
    assert all(f"`{name}`" in GUIDE or f"`{name}(" in GUIDE for name in USED)
    assert f"has not returned {CANCEL_GRACE:g} s later" in WORDS
    assert f"exits with code {EXIT_REPLACE}" in WORDS
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", GUIDE.partition("## Over HTTP")[2], re.MULTILINE)
    verbs = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {"submit", "submit_many", "result", "events", "cancel", "retry", "download"} <= verbs
    for verb in verbs:
        assert hasattr(Client, verb)
        assert hasattr(SyncClient, verb)


USED = set(jobqueue.testing.__all__) - {"Run"}


def imported(folder: Path, name: str, text: str) -> ModuleType:
    """A program as a module of its own, which the processes of its handlers can import too."""
    (folder / f"{name}.py").write_text(text)
    importlib.invalidate_caches()
    sys.modules.pop(name, None)
    return importlib.import_module(name)
