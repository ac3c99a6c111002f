"""`/healthz`, `/readyz` and `/metrics`."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .service import Service


async def test_is_alive_and_ready(service: Service) -> None:
    """A process without problems says ok to both probes."""
    for path in ("/healthz", "/readyz"):
        answer = await service.get(path)
        assert (answer.status, answer.json()["status"]) == (200, "ok")


async def test_names_what_is_missing(service: Service) -> None:
    """A failing probe is 503 and named; one that is not required only warns."""
    problems: dict[str, str | None] = {"redis": None, "sandbox": "Chromium runs without one"}

    async def redis() -> str | None:
        return problems["redis"]

    async def sandbox() -> str | None:
        return problems["sandbox"]

    service.health.add_readiness("redis", redis)
    service.health.add_readiness("sandbox", sandbox, required=False)
    answer = await service.get("/readyz")
    assert (answer.status, answer.json()["status"]) == (200, "warning")
    problems["redis"] = "no answer from Redis"
    answer = await service.get("/readyz")
    assert (answer.status, answer.json()["status"]) == (503, "failing")
    assert {
        "name": "redis",
        "ok": False,
        "required": True,
        "detail": "no answer from Redis",
    } in [{"required": True, **check} for check in answer.json()["checks"]]
    assert (await service.get("/healthz")).status == 200


async def test_a_wedged_process_is_not_alive(service: Service) -> None:
    """A failing liveness probe makes /healthz 503."""
    service.health.add_liveness("fetcher", lambda: "overdue")
    assert (await service.get("/healthz")).status == 503


async def test_is_not_ready_while_it_drains(service: Service) -> None:
    """From SIGTERM on /readyz is 503, while /healthz and the API go on."""
    service.health.draining = True
    assert (await service.get("/readyz")).status == 503
    assert (await service.get("/healthz")).status == 200
    assert await service.submit()


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/api/v1/stats"])
async def test_head_is_get_without_a_body(service: Service, path: str) -> None:
    """HEAD answers as GET does, without the body."""
    answer = await service.call("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")


async def _samples(service: Service, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric by the values of their labels, in the order of their names."""
    text = (await service.get("/metrics")).body.decode()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def test_counts_requests_by_route(service: Service) -> None:
    """Requests are counted by the route's pattern, never by what clients put into a path."""
    name = "jobqueue_http_request_seconds_count"
    before = await _samples(service, name)
    job_id = await service.submit()
    await service.get(f"/api/v1/jobs/{job_id}")
    await service.get("/api/v1/jobs/images-nothing")
    await service.get("/wp-login.php")
    await service.call("PROPFIND", "/coffee")
    after = await _samples(service, name)
    added = {labels: after[labels] - before.get(labels, 0) for labels in after}
    expected = {
        ("POST", "/api/v1/jobs", "202"): 1,
        ("GET", "/api/v1/jobs/{id}", "200"): 1,
        ("GET", "/api/v1/jobs/{id}", "404"): 1,
        ("GET", "unmatched", "404"): 1,
        ("OTHER", "unmatched", "404"): 1,
    }
    assert expected.items() <= added.items()


async def test_counts_jobs(service: Service) -> None:
    """Enqueued and finished jobs add up, whichever way a job went in and out."""
    enqueued, finished = "jobqueue_jobs_enqueued_total", "jobqueue_jobs_finished_total"
    before = (await _samples(service, enqueued), await _samples(service, finished))
    body = {"type": "thumbnail", "payload": {"url": "a"}, "queue": "counted"}
    ids = [(await service.post("/api/v1/jobs", body)).json()["id"]]
    bulk = await service.post("/api/v1/jobs/bulk", [body, body])
    ids += [job["id"] for job in bulk.json()["jobs"]]
    for job_id in ids:
        assert (await service.delete(f"/api/v1/jobs/{job_id}")).status == 200
    assert (await service.post(f"/api/v1/jobs/{ids[0]}/retry")).status == 202
    assert (await service.delete(f"/api/v1/jobs/{ids[0]}")).status == 200
    after = (await _samples(service, enqueued), await _samples(service, finished))
    job = ("counted", "thumbnail")
    assert after[0][job] - before[0].get(job, 0) == 4
    ended = ("cancelled", *job)
    assert after[1][ended] - before[1].get(ended, 0) == 4
