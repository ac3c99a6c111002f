"""Submitting what may be there already, or may not come in: keys, unique jobs, full queues."""

import pytest

from jobqueue.limits import GroupLimits, QueueLimits

from .service import QUEUE, Service

BODY = {"type": "thumbnail", "payload": {"url": "a.png"}}
HEADER = "Idempotency-Key"


async def test_a_key_makes_two_submits_one_job(service: Service) -> None:
    """The same body with the same key is answered 200 with the first job, wherever the key is."""
    first = await service.post("/api/v1/jobs", BODY, headers={HEADER: "order-1"})
    again = await service.post("/api/v1/jobs", BODY, headers={HEADER: "order-1"})
    in_body = await service.post("/api/v1/jobs", {**BODY, "key": "order-1"})
    assert (first.status, again.status, in_body.status) == (202, 200, 200)
    job_id = first.json()["id"]
    assert job_id == again.json()["id"] == in_body.json()["id"]
    assert again.headers["Location"] == f"/api/v1/jobs/{job_id}"
    assert "duplicate" not in again.json()


async def test_a_key_is_for_one_request(service: Service) -> None:
    """Another body with the same key is refused, and so is a second key in the body."""
    await service.post("/api/v1/jobs", BODY, headers={HEADER: "order-1"})
    other = {**BODY, "priority": "high"}
    answer = await service.post("/api/v1/jobs", other, headers={HEADER: "order-1"})
    assert (answer.status, answer.code) == (409, "idempotency_conflict")
    two = await service.post("/api/v1/jobs", {**BODY, "key": "b"}, headers={HEADER: "a"})
    assert (two.status, set(two.errors())) == (422, {"/key"})
    bad = await service.post("/api/v1/jobs", BODY, headers={HEADER: "x" * 256})
    assert (bad.status, set(bad.errors())) == (422, {f"/{HEADER}"})


async def test_the_key_of_a_bulk_is_one_for_each_job(service: Service) -> None:
    """A bulk that is sent again with its key gives the same ids, and doubles nothing."""
    bulk = [BODY, BODY, {"type": "echo", "payload": 1}]
    first = await service.post("/api/v1/jobs/bulk", bulk, headers={HEADER: "order-1"})
    again = await service.post("/api/v1/jobs/bulk", bulk, headers={HEADER: "order-1"})
    ids = [job["id"] for job in first.json()["jobs"]]
    assert ids == [job["id"] for job in again.json()["jobs"]]
    assert len(set(ids)) == 3
    assert (await service.get("/api/v1/stats")).json()["queued"] == 3


async def test_keys_hold_on_aliases_too(service: Service) -> None:
    """The routes that users of earlier systems know take the header as well."""
    first = await service.post("/thumbnail/enqueue", {"url": "a.png"}, headers={HEADER: "k"})
    again = await service.post("/thumbnail/enqueue", {"url": "a.png"}, headers={HEADER: "k"})
    assert (first.status, again.status) == (202, 200)
    assert first.json()["id"] == again.json()["id"]


async def test_a_duplicate_is_told_so(service: Service) -> None:
    """Where another job holds the unique key the answer is 200, that job, and `duplicate`."""
    unique = {**BODY, "unique": {"key": "a.png"}}
    first = await service.post("/api/v1/jobs", unique)
    again = await service.post("/api/v1/jobs", unique)
    assert (first.status, again.status) == (202, 200)
    assert (again.json()["id"], again.json()["duplicate"]) == (first.json()["id"], True)
    bulk = (await service.post("/api/v1/jobs/bulk", [unique, BODY])).json()["jobs"]
    assert (bulk[0]["id"], bulk[0]["duplicate"]) == (first.json()["id"], True)
    assert "duplicate" not in bulk[1]


async def test_a_full_queue_answers_429(service: Service) -> None:
    """Too many jobs of a queue or tenant are refused, with when to try again."""
    limits = {"size": 2, "groups": {"acme": {"size": 1}}}
    await service.call("PUT", f"/api/v1/queues/{QUEUE}/limits", limits)
    await service.submit(tenant="acme")
    tenant = await service.post("/api/v1/jobs", {**BODY, "tenant": "acme"})
    assert (tenant.status, tenant.code) == (429, "tenant_full")
    await service.submit()
    for path, body in (("/api/v1/jobs", BODY), ("/api/v1/jobs/bulk", [BODY])):
        full = await service.post(path, body)
        assert (full.status, full.code) == (429, "queue_full")
        assert int(full.headers["Retry-After"]) > 0
    kept = await service.operations.queues.limits(QUEUE)
    assert (kept.queue, kept.groups) == (QueueLimits(size=2), {"acme": GroupLimits(size=1)})


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/flows"])
async def test_durability_that_cannot_be_had_is_503(service: Service, path: str) -> None:
    """Who asks for a replica where there is none hears so; who asks for nonsense, too."""
    body = BODY if path.endswith("jobs") else {"steps": {"a": BODY}}
    answer = await service.post(f"{path}?durability=replicated", body)
    assert (answer.status, answer.code) == (503, "not_durable")
    assert "Retry-After" in answer.headers
    wrong = await service.post(f"{path}?durability=eternal", body)
    assert (wrong.status, set(wrong.errors())) == (422, {"/durability"})


async def test_a_key_that_is_not_utf8_is_refused(service: Service) -> None:
    """A header with bytes that are no text is refused as a wrong key is."""
    answer = await service.post("/api/v1/jobs", BODY, headers={HEADER: "\udce9"})
    assert (answer.status, set(answer.errors())) == (422, {f"/{HEADER}"})


async def test_an_unknown_parent_is_422(service: Service) -> None:
    """A job that depends on one that is not there is refused."""
    answer = await service.post(
        "/api/v1/jobs", {**BODY, "depends_on": [f"{QUEUE}-01ARZ3NDEKTSV4RRFFQ69G5FAV"]}
    )
    assert (answer.status, answer.code) == (422, "unknown_parent")
