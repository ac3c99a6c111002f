"""A whole service inside this process."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jobqueue import JobContext, JobQueue, Settings
from jobqueue.errors import ServerUnreachable, SettingsError
from jobqueue.service import Service, running_service
from jobqueue.service.assembly import divide
from tests.support.wait import eventually

ALL = frozenset({"api", "worker", "reaper"})


async def _completed(service: Service) -> bool:
    _, stats = await answer(f"{service.url}/api/v1/stats")
    return bool(stats["completed"] == 1)


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, namespace: str) -> Settings:
    """A service without browser on the tests' Redis."""
    return Settings.model_validate(
        {
            "data_dir": tmp_path,
            "redis": {"url": redis_url, "namespace": namespace},
            "http": {"port": 0},
            "worker": {"queues": {"default": 2}, "drain": 0.5},
        }
    )


async def answer(url: str) -> tuple[int, Any]:
    """Status and JSON of a GET."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


async def test_handlers_may_submit_jobs(settings: Settings) -> None:
    """A handler submits further jobs through its app, which uses the worker's connection."""
    app = JobQueue()

    @app.job("parent")
    async def parent(_: JobContext, count: int) -> list[str]:
        handles = await app.enqueue_many([{"type": "child", "payload": n} for n in range(count)])
        return [handle.id for handle in handles]

    @app.job("child")
    async def child(_: JobContext, number: int) -> int:
        return number * 2

    async with running_service(settings, roles=ALL, app=app):
        handle = await app.enqueue("parent", 3)
        children = await handle.result(timeout=15)
        results = [await app.handle(job_id).result(timeout=15) for job_id in children]
    assert results == [0, 2, 4]


async def test_no_browser_without_render_types(settings: Settings) -> None:
    """A worker whose queues render nothing starts no Chromium, and is ready without one."""
    broken = settings.render.model_copy(update={"executable_path": Path("/nowhere/chromium")})
    without = settings.model_copy(update={"render": broken})
    async with running_service(without, roles=ALL) as service:
        status, document = await answer(f"{service.url}/readyz")
    assert status == 200
    assert "browser" not in {check["name"] for check in document["checks"]}


async def test_a_missing_reaper_is_a_warning(settings: Settings) -> None:
    """A service without a reaper anywhere is ready, and says that one is missing."""
    app = JobQueue()

    @app.job("any")
    async def any_job(_: JobContext, __: object) -> None: ...

    async with running_service(settings, roles={"api", "worker"}, app=app) as service:
        await (await app.enqueue("any")).result(timeout=15)
        status, document = await answer(f"{service.url}/readyz")
    checks = {check["name"]: check for check in document["checks"]}
    assert (status, document["status"]) == (200, "warning")
    assert "--role reaper" in checks["reaper"]["detail"]


async def test_errors_of_the_caller_come_through(settings: Settings) -> None:
    """An error inside the service's context ends it in order and is raised as it is."""
    app = JobQueue()

    @app.job("any")
    async def any_job(_: JobContext, __: object) -> str:
        return "done"

    async def use() -> None:
        async with running_service(settings, roles=ALL, app=app):
            await app.enqueue("any")
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await use()
    async with running_service(settings, roles=ALL, app=app) as service:
        await eventually(lambda: _completed(service))


async def test_an_absent_redis_stops_the_start(settings: Settings) -> None:
    """A Redis that is not there is named, without its password."""
    url = "redis://:hunter2@127.0.0.1:9/0"
    absent = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:9") as caught:
        async with running_service(absent, roles=ALL):
            pass
    assert "hunter2" not in str(caught.value)


async def test_an_impossible_queue_stops_the_start(settings: Settings) -> None:
    """A queue name that cannot be is refused at start."""
    worker = settings.worker.model_copy(update={"queues": {"My Queue": 1}})
    with pytest.raises(SettingsError, match="My Queue"):
        async with running_service(settings.model_copy(update={"worker": worker}), roles=ALL):
            pass


@pytest.mark.parametrize(
    ("processes", "slots", "expected"),
    [(2, 8, [4, 4]), (3, 8, [3, 3, 2]), (4, 2, [1, 1, 1, 1]), (2, 1, [1, 1])],
)
def test_browser_slots_are_shared_out(processes: int, slots: int, expected: list[int]) -> None:
    """Worker processes share the browser slots, and each has one at least."""
    settings = Settings.model_validate(
        {"worker": {"processes": processes}, "render": {"slots": slots}}
    )
    assert [each.render.slots for each in divide(settings)] == expected
    assert {each.worker.processes for each in divide(settings)} == {1}
