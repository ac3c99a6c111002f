"""The guide to the features: what it shows runs, what it says is so."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import jobqueue
from jobqueue import JobQueue, Priority, UniqueMode
from jobqueue.app.requests import MAX_PARENTS
from jobqueue.app.sweeping import SWEEP_TIME
from jobqueue.broker.operator import STEP
from jobqueue.http.routes import API_ROUTES
from jobqueue.limits import GroupLimits, QueueLimits

from .harness import Harness
from .test_reaper import reaping

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "features.md").read_text()
WORDS = " ".join(GUIDE.split())
EXAMPLES = re.findall(
    r"^## (.*?)$(?:(?!^## ).)*?^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("title", "example"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
async def test_each_example_runs(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, title: str, example: str
) -> None:
    """Every program of the guide does what it says beside a worker that serves its types."""
    monkeypatch.setenv("JOBQUEUE_REDIS__URL", harness.url)
    monkeypatch.setenv("JOBQUEUE_REDIS__NAMESPACE", harness.namespace)
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(example, f"features.md: {title}", "exec", dont_inherit=True), names)  # noqa: S102 - our own
    app = names["app"]
    assert isinstance(app, JobQueue)
    harness.registry = app.registry
    queues = dict.fromkeys(app.registry.queues(), 4)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(harness.worker(queues=queues))
        await stack.enter_async_context(reaping(harness))
        await asyncio.wait_for(names["main"](), 40)


def test_every_section_with_a_program_is_run() -> None:
    """No program of the guide is left out."""
    assert len(EXAMPLES) == GUIDE.count("```python\n") > 5


def test_the_guide_has_all_names() -> None:
    """Each mode, priority, limit and name of an error in the guide is one of the package."""
    assert all(f"| `{mode}` |" in GUIDE for mode in UniqueMode)
    assert all(f"`{priority.label}` ({priority})" in GUIDE for priority in Priority)
    for limits in (QueueLimits, GroupLimits):
        assert all(f"`{name}`" in GUIDE or name in GUIDE for name in limits.__struct_fields__)
    errors = set(re.findall(r"`((?:[A-Z][a-z]+){2,})`", GUIDE))
    assert {"AlreadyStarted", "QueueFull", "WaitForChildren"} <= errors <= set(jobqueue.__all__)


def test_the_guide_has_the_numbers() -> None:
    """The bounds in the guide are those of the code."""
    assert f"at most {MAX_PARENTS:,}" in WORDS
    assert f"about {SWEEP_TIME:g} seconds" in WORDS
    assert f"steps of at most {STEP}" in WORDS


def test_the_guide_has_routes_that_there_are() -> None:
    """A route in the table of operators can be called."""
    routes = {(route.method, re.sub(r"{(\w+):.*}", r"{\1}", route.path)) for route in API_ROUTES}
    table = re.findall(r"`(GET|POST|PUT|DELETE) (/[^`?]*)", GUIDE)
    assert len(table) > 12
    for method, shown in table:
        path = f"/api/v1{shown.removeprefix('/api/v1')}"
        assert (method, path) in routes, path
