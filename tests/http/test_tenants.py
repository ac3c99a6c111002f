"""Callers that are confined to a tenant: what is another's is as if it were not there."""

from typing import Any

import pytest

from jobqueue.http.routes import ALIAS_ROUTES, API_ROUTES, STATE, Route
from jobqueue.model import Outcome
from jobqueue.storage.whole import chunks_of

from .callers import Caller, caller
from .service import QUEUE, Service

BODY: dict[str, Any] = {"type": "thumbnail", "payload": {"url": "a.png"}}
JOBS = "/api/v1/jobs"
OF_ONE_JOB = [
    route
    for route in API_ROUTES + ALIAS_ROUTES
    if route.tenants and "{id}" in route.path and STATE not in route.path
]
BODIES = {
    "reschedule": {"run_at": "2030-01-01T00:00:00Z"},
    "prioritize": {"priority": "high"},
    "move": {"queue": "elsewhere"},
}


@pytest.fixture
async def acme(service: Service) -> Caller:
    """Who is confined to the tenant acme."""
    return await caller(service, tenant="acme")


@pytest.fixture
async def other(service: Service) -> Caller:
    """Who is confined to another tenant."""
    return await caller(service, tenant="other")


@pytest.fixture
async def everybody(service: Service) -> Caller:
    """Who is not confined."""
    return await caller(service)


async def submit(by: Caller, **fields: Any) -> str:
    """Submit a job; gives its id."""
    answer = await by.call("POST", JOBS, {**BODY, **fields})
    assert answer.status == 202, answer.body
    return str(answer.json()["id"])


async def ids(by: Caller, path: str) -> list[str]:
    """The ids of a listing."""
    answer = await by.call("GET", path)
    assert answer.status == 200, answer.body
    return [job["id"] for job in answer.json()["jobs"]]


async def test_what_a_tenant_submits_is_its_own(acme: Caller) -> None:
    """A job carries the tenant of its key; one that is said to be another's is refused."""
    answer = await acme.call("POST", JOBS, BODY)
    assert (answer.status, answer.json()["tenant"]) == (202, "acme")
    assert (await acme.call("POST", JOBS, {**BODY, "tenant": "acme"})).status == 202
    wrong = await acme.call("POST", JOBS, {**BODY, "tenant": "other"})
    assert (wrong.status, set(wrong.errors())) == (422, {"/tenant"})
    bulk = await acme.call("POST", f"{JOBS}/bulk", [BODY, {**BODY, "tenant": "other"}])
    assert (bulk.status, set(bulk.errors())) == (422, {"/1/tenant"})
    flow = {"steps": {"a": BODY, "b": {**BODY, "tenant": "other"}}}
    steps = await acme.call("POST", "/api/v1/flows", flow)
    assert (steps.status, set(steps.errors())) == (422, {"/steps/b/tenant"})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{JOBS}/bulk", [BODY]),
        ("/api/v1/flows", {"steps": {"a": BODY}}),
        ("/jobs/enqueue", BODY),
        ("/thumbnail/enqueue", {"url": "a.png"}),
        ("/api/v1/reports/generate", {"html": "<p>Hello</p>"}),
    ],
)
async def test_every_way_to_submit_confines(
    acme: Caller, other: Caller, path: str, body: Any
) -> None:
    """Whichever route takes a job, it is the tenant's and nobody else's."""
    assert (await acme.call("POST", path, body)).status == 202
    assert len(await ids(acme, JOBS)) == 1
    assert await ids(other, JOBS) == []


@pytest.mark.parametrize("route", OF_ONE_JOB, ids=lambda route: f"{route.method} {route.path}")
async def test_another_tenants_job_is_not_there(
    acme: Caller, other: Caller, everybody: Caller, route: Route
) -> None:
    """Every route about one job answers 404 as for an unknown one, and changes nothing."""
    job_id = await submit(acme, delay=3600)
    unknown = f"{QUEUE}-01ARZ3NDEKTSV4RRFFQ69G5FAV"
    body = BODIES.get(route.path.rpartition("/")[2])
    theirs = await other.call(route.method, route.path.replace("{id}", job_id), body)
    nobodys = await other.call(route.method, route.path.replace("{id}", unknown), body)
    assert (theirs.status, theirs.code) == (404, "job_not_found")
    assert theirs.json()["detail"].replace(job_id, unknown) == nobodys.json()["detail"]

    job = (await everybody.call("GET", f"{JOBS}/{job_id}")).json()
    assert (job["state"], job["priority"], job["queue"]) == ("scheduled", "normal", QUEUE)
    ours = await acme.call(route.method, route.path.replace("{id}", job_id), body)
    assert ours.status != 404


async def test_listings_have_the_tenants_jobs_only(
    acme: Caller, other: Caller, everybody: Caller
) -> None:
    """Lists, by whatever filter and route, show a tenant its own jobs and nobody else's."""
    mine, theirs, shared = await submit(acme), await submit(other), await submit(everybody)
    for path in (JOBS, f"{JOBS}?state=queued", "/jobs", "/jobs/queued", "/jobs/thumbnail/jobs"):
        assert await ids(acme, path) == [mine]
        assert set(await ids(everybody, path)) == {mine, theirs, shared}
    assert await ids(acme, f"{JOBS}?tenant=acme") == [mine]
    assert await ids(acme, f"{JOBS}?tenant=other") == []


async def test_pages_go_on_over_others_jobs(acme: Caller, other: Caller) -> None:
    """A tenant's jobs are all found page by page, however many of others' lie between."""
    mine = []
    for _ in range(3):
        mine.append(await submit(acme))
        for _ in range(4):
            await submit(other)
    found, cursor = [], ""
    while True:
        page = (await acme.call("GET", f"{JOBS}?limit=1&cursor={cursor}")).json()
        found += [job["id"] for job in page["jobs"]]
        if page["cursor"] is None:
            break
        cursor = page["cursor"]
    assert found == mine


async def test_a_key_of_ones_own_meets_no_other_tenants(
    acme: Caller, other: Caller, everybody: Caller
) -> None:
    """The same idempotency or unique key of two tenants, or of nobody's, are different keys."""
    for fields in ({"key": "order-1"}, {"unique": {"key": "order-1"}}):
        made = [await submit(by, **fields) for by in (acme, other, everybody)]
        assert len(set(made)) == 3
        again = await acme.call("POST", JOBS, {**BODY, **fields})
        assert (again.status, again.json()["id"]) == (200, made[0])
    different = await other.call("POST", JOBS, {**BODY, "key": "order-1", "priority": "high"})
    assert (different.status, different.code) == (409, "idempotency_conflict")
    assert "key 'order-1' was" in different.json()["detail"]
    flow = {"steps": {"a": BODY}, "key": "flow-1"}
    steps = [(await by.call("POST", "/api/v1/flows", flow)).json() for by in (acme, other, acme)]
    assert steps[0] == steps[2] != steps[1]


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_job_does_not_wait_for_another_tenants(
    acme: Caller, other: Caller, *, bulk: bool
) -> None:
    """Another tenant's job is no parent, as one that is not there is none: its result stays its."""
    theirs, mine = await submit(other), await submit(acme)
    path = f"{JOBS}/bulk" if bulk else JOBS
    for parent, status in ((theirs, 422), (f"{theirs[:-1]}0", 422), (mine, 202)):
        body = {**BODY, "depends_on": [parent]}
        answer = await acme.call("POST", path, [body] if bulk else body)
        assert answer.status == status
        if status == 422:
            assert answer.code == "unknown_parent"


async def test_dead_letters_of_others_stay_dead(
    service: Service, acme: Caller, other: Caller
) -> None:
    """List, replay and purge, by id or filter, reach a tenant's own dead jobs only."""
    mine, theirs = await submit(acme), await submit(other)
    for _ in range(2):
        job = await service.start()
        await service.finish(job, Outcome.DEAD)
    assert await ids(acme, "/api/v1/dead") == [mine]
    for body in ({}, {"ids": [theirs]}, {"filter": {"tenant": "other"}}):
        count = 0 if body else 1
        dry = {**body, "dry_run": True}
        answer = await acme.call("POST", "/api/v1/dead/replay", dry)
        assert (answer.status, answer.json()["count"]) == (200, count)
    assert (await acme.call("POST", "/api/v1/dead/replay", {})).json()["count"] == 1
    assert (await acme.call("DELETE", "/api/v1/dead")).json()["count"] == 0
    assert await ids(other, "/api/v1/dead") == [theirs]


async def test_a_document_is_its_jobs_own(
    service: Service, acme: Caller, everybody: Caller
) -> None:
    """A result that names a stored file of somebody else does not open it."""
    job_id = await submit(acme, type="echo", payload=1)
    foreign = f"reports/{QUEUE}-01ARZ3NDEKTSV4RRFFQ69G5FAV.abc.pdf"
    await service.storage.put(
        foreign, chunks_of(b"secret"), content_type="application/pdf", filename="a.pdf"
    )
    result = {"key": foreign, "filename": "a.pdf", "content_type": "application/pdf", "bytes": 6}
    await service.complete(job_id, result)
    answer = await acme.call("GET", f"/api/v1/reports/{job_id}")
    assert (answer.status, answer.code) == (404, "job_not_found")
    assert (await everybody.call("GET", f"/api/v1/reports/{job_id}")).body == b"secret"
