"""Dead letters over HTTP."""

from typing import Any

import pytest

from jobqueue.model import Failure, Outcome

from .service import Service


async def die(service: Service, *, reason: str = "broken", **fields: Any) -> str:
    """Submit a job that ends dead, and give its id."""
    job_id = await service.submit(**fields)
    job = await service.start()
    assert job.id == job_id
    failure = Failure("Boom", "it broke", attempt=1)
    await service.finish(job, Outcome.DEAD, failure=failure, reason=reason)
    return job_id


async def ids(service: Service, query: str = "") -> list[str]:
    """The dead jobs that a query finds."""
    answer = await service.get(f"/api/v1/dead{query}")
    assert answer.status == 200, answer.body
    return [job["id"] for job in answer.json()["jobs"]]


async def test_lists_dead_jobs(service: Service) -> None:
    """Dead jobs are listed newest first, all or those that pass a filter."""
    broken = await die(service, tenant="acme", tags=["x"])
    poison = await die(service, reason="poison")
    await service.submit()
    assert await ids(service) == [poison, broken]
    assert await ids(service, "?reason=poison&type=thumbnail&queue=images") == [poison]
    assert await ids(service, "?tenant=acme&tag=x&older_than=0") == [broken]
    assert await ids(service, "?older_than=3600") == []
    assert (await service.get("/api/v1/dead?older_than=soon")).errors().keys() == {"/older_than"}


async def test_lists_jobs_of_a_tenant(service: Service) -> None:
    """A list of jobs can be about one tenant."""
    mine = await service.submit(tenant="acme")
    await service.submit(tenant="other")
    jobs = (await service.get("/api/v1/jobs?tenant=acme")).json()["jobs"]
    assert [(job["id"], job["tenant"]) for job in jobs] == [(mine, "acme")]


async def test_replays_what_passes_a_filter(service: Service) -> None:
    """A dry run only counts; a replay queues what passes its filter, the rest stays."""
    broken = await die(service)
    poison = await die(service, reason="poison")
    body = {"filter": {"reason": "poison"}}
    dry = await service.post("/api/v1/dead/replay", {**body, "dry_run": True})
    assert dry.json() == {"count": 1, "more": False, "cursor": None}
    assert len(await ids(service)) == 2
    assert (await service.post("/api/v1/dead/replay", body)).json()["count"] == 1
    assert await ids(service) == [broken]
    assert (await service.get(f"/api/v1/jobs/{poison}")).json()["state"] == "queued"


async def test_replays_by_id_and_all(service: Service) -> None:
    """Named jobs are replayed if they are dead; without ids and filter all are."""
    first, second = await die(service), await die(service, reason="poison")
    answer = await service.post("/api/v1/dead/replay", {"ids": [first, first, "images-x"]})
    assert answer.json()["count"] == 1
    assert await ids(service) == [second]
    assert (await service.post("/api/v1/dead/replay", {})).json()["count"] == 1
    assert await ids(service) == []


async def test_purges(service: Service) -> None:
    """What is purged is forgotten, and nothing that is not dead is."""
    kept = await die(service)
    gone = await die(service, reason="poison")
    assert (await service.delete("/api/v1/dead?reason=poison&dry_run=true")).json()["count"] == 1
    assert (await service.delete("/api/v1/dead?reason=poison")).json()["count"] == 1
    assert (await service.get(f"/api/v1/jobs/{gone}")).status == 404
    assert await ids(service) == [kept]
    assert (await service.delete("/api/v1/dead")).json()["count"] == 1
    assert await ids(service) == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"ids": []}, "/ids"),
        ({"ids": ["a"], "filter": {}}, "/ids"),
        ({"filter": {"colour": "red"}}, "/filter/colour"),
        ({"filter": {"older_than": -1}}, "/filter/older_than"),
        ({"cursor": "nonsense"}, "/cursor"),
        ({"dry_run": "yes"}, "/dry_run"),
    ],
)
async def test_refuses_a_wrong_replay(service: Service, body: object, path: str) -> None:
    """What is wrong with a replay is named, and nothing is replayed."""
    await die(service)
    answer = await service.post("/api/v1/dead/replay", body)
    assert (answer.status, set(answer.errors())) == (422, {path})
    assert len(await ids(service)) == 1
