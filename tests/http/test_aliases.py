"""The routes that users of earlier systems know."""

from typing import Any

import pytest

from jobqueue.http.routes import ALIAS_ROUTES, API_ROUTES, HEALTH_ROUTES, STATE, TYPE
from jobqueue.state import STATE_ALIASES, State

from .service import Service

PAYLOAD = {"url": "http://example.test/a.png"}
SUBMIT = {"type": "thumbnail", "payload": PAYLOAD}

EXAMPLES: dict[tuple[str, str], tuple[str, Any, int]] = {
    ("GET", "/api/jobs/completed"): ("/api/jobs/completed", None, 200),
    ("GET", "/api/stats"): ("/api/stats", None, 200),
    ("GET", "/api/workers"): ("/api/workers", None, 200),
    ("GET", "/jobs"): ("/jobs?limit=1", None, 200),
    ("POST", "/jobs"): ("/jobs", SUBMIT, 202),
    ("POST", "/jobs/enqueue"): ("/jobs/enqueue", SUBMIT, 202),
    ("GET", "/jobs/stats"): ("/jobs/stats", None, 200),
    ("GET", "/jobs/workers"): ("/jobs/workers", None, 200),
    ("GET", "/jobs/health"): ("/jobs/health", None, 200),
    ("GET", "/jobs/{state}"): ("/jobs/pending", None, 200),
    ("GET", "/jobs/{id}"): ("/jobs/{id}", None, 200),
    ("DELETE", "/jobs/{id}"): ("/jobs/{id}", None, 200),
    ("DELETE", "/jobs/{state}"): ("/jobs/failed", None, 200),
    ("GET", "/jobs/{id}/status"): ("/jobs/{id}/status", None, 200),
    ("GET", "/jobs/{id}/progress"): ("/jobs/{id}/progress", None, 200),
    ("GET", "/jobs/{type}/jobs"): ("/jobs/thumbnail/jobs", None, 200),
    ("POST", "/{type}/enqueue"): ("/thumbnail/enqueue", PAYLOAD, 202),
}
"""A request for each alias, and the status of its answer."""


def canonical(path: str) -> str:
    """A path of the table without the patterns of its variables."""
    return path.replace(STATE, "{state}").replace(TYPE, "{type}")


def test_every_alias_has_an_example() -> None:
    """No alias is without a test."""
    rows = {(route.method, canonical(route.path)) for route in ALIAS_ROUTES}
    assert rows == EXAMPLES.keys()


def test_every_alias_names_a_route() -> None:
    """What an alias is another name for exists."""
    paths = {route.path for route in API_ROUTES + HEALTH_ROUTES}
    assert {route.alias_of for route in ALIAS_ROUTES} <= paths


@pytest.mark.parametrize(("method", "row"), EXAMPLES)
async def test_answers_each_alias(service: Service, method: str, row: str) -> None:
    """Every alias answers as its route does."""
    path, body, status = EXAMPLES[method, row]
    job_id = await service.submit()
    answer = await service.call(method, path.replace("{id}", job_id), body)
    assert answer.status == status, answer.body


@pytest.mark.parametrize("word", [*State, *STATE_ALIASES])
async def test_lists_each_state_by_its_word(service: Service, word: str) -> None:
    """`/jobs/{state}` takes every state under every name that it has."""
    state = STATE_ALIASES.get(word, word)
    waiting, later = await service.submit(), await service.submit(delay=60)
    jobs = (await service.get(f"/jobs/{word}")).json()["jobs"]
    expected = {"queued": [waiting], "scheduled": [later]}.get(state, [])
    assert [job["id"] for job in jobs] == expected


async def test_lists_filter_and_page_as_their_route(service: Service) -> None:
    """Filters and cursors work on the aliases of the listing; the path's own filter does not."""
    ids = [await service.submit(tags=["red"]) for _ in range(3)]
    page = (await service.get("/jobs/waiting?limit=2&tag=red")).json()
    rest = (await service.get(f"/jobs/waiting?limit=2&tag=red&cursor={page['cursor']}")).json()
    assert [job["id"] for job in page["jobs"] + rest["jobs"]] == ids
    assert list((await service.get("/jobs/waiting?state=dead")).errors()) == ["/state"]
    assert list((await service.get("/jobs/thumbnail/jobs?type=echo")).errors()) == ["/type"]


async def test_lists_the_jobs_of_a_type(service: Service) -> None:
    """`/jobs/{type}/jobs` has the jobs of that type in all states."""
    thumbnails = [await service.submit(), await service.submit(delay=60)]
    await service.submit("echo")
    jobs = (await service.get("/jobs/thumbnail/jobs")).json()["jobs"]
    assert [job["id"] for job in jobs] == thumbnails


@pytest.mark.parametrize("path", ["/jobs", "/jobs/enqueue"])
async def test_takes_data_for_payload(service: Service, path: str) -> None:
    """Alias submits take `data` for `payload`, and name it so in errors."""
    body = {"type": "thumbnail", "data": PAYLOAD, "priority": "high"}
    answer = await service.post(path, body)
    assert answer.status == 202
    job = await service.broker.get(answer.json()["id"])
    assert job is not None
    assert job.payload == b'{"url":"http://example.test/a.png"}'
    answer = await service.post(path, {"type": "thumbnail", "data": {"width": 0}})
    assert answer.errors().keys() == {"/data/url", "/data/width"}
    assert "/data" in (await service.post(path, {**body, "payload": PAYLOAD})).errors()
    assert "/data" in (await service.post("/api/v1/jobs", body)).errors()


async def test_takes_the_payload_itself(service: Service) -> None:
    """`/{type}/enqueue` takes the payload as its body, and names its fields from there."""
    answer = await service.post("/echo/enqueue", data=b' {"a": [1, 2]} \n')
    assert answer.status == 202
    job = await service.broker.get(answer.json()["id"])
    assert job is not None
    assert (job.type, job.payload) == ("echo", b'{"a": [1, 2]}')
    answer = await service.post("/thumbnail/enqueue", {"width": 0})
    assert answer.errors().keys() == {"/url", "/width"}
    assert (await service.post("/nothing/enqueue", {})).code == "unknown_type"
    assert (await service.post("/Nothing!/enqueue", {})).code == "not_found"


@pytest.mark.parametrize("path", ["/jobs/stats", "/api/stats"])
async def test_counts_under_both_vocabularies(service: Service, path: str) -> None:
    """The alias statistics have our words for states and those of other systems."""
    await service.submit()
    await service.submit(delay=60)
    stats = (await service.get(path)).json()
    expected = dict.fromkeys([*State, *STATE_ALIASES], 0)
    expected |= {"queued": 1, "waiting": 1, "pending": 1, "scheduled": 1, "delayed": 1}
    assert stats["queues"]["images"].pop("oldest_queued_seconds") >= 0
    assert not stats["queues"]["images"].pop("paused")
    assert stats == {**expected, "queues": {"images": expected}}


async def test_literal_segments_win(service: Service) -> None:
    """Words of the routes are never taken for states, types or ids."""
    assert "queues" in (await service.get("/jobs/stats")).json()
    assert "workers" in (await service.get("/jobs/workers")).json()
    assert "checks" in (await service.get("/jobs/health")).json()
    assert (await service.post("/jobs/enqueue", SUBMIT)).json()["type"] == "thumbnail"
    assert (await service.get("/api/v1/jobs/queued")).code == "job_not_found"
