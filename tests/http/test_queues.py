"""Operating queues, jobs that wait, workers and schedules over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue.broker.broker import Lease
from jobqueue.job_log import NewLines
from jobqueue.model import Failure, Outcome, PoolInfo, WorkerInfo

from .service import QUEUE, Service

BASE = f"/api/v1/queues/{QUEUE}"
NO_LIMITS: dict[str, Any] = {
    "concurrency": None,
    "rate": None,
    "size": None,
    "group_concurrency": None,
    "group_rate": None,
    "group_size": None,
    "starvation_after": None,
    "groups": {},
}


async def test_pauses_and_resumes(service: Service) -> None:
    """A paused queue is shown as such, and starts nothing until it is resumed."""
    await service.submit()
    assert (await service.post(f"{BASE}/pause")).json() == {
        "queue": QUEUE,
        "paused": True,
        "changed": True,
    }
    assert not (await service.post(f"{BASE}/pause")).json()["changed"]
    (queue,) = (await service.get("/api/v1/queues")).json()["queues"]
    assert queue["paused"]
    assert (await service.get("/api/v1/stats")).json()["queues"][QUEUE]["paused"]
    assert (await service.post(f"{BASE}/resume")).json()["changed"]
    await service.start()


async def test_a_queue_can_be_paused_before_its_first_job(service: Service) -> None:
    """A queue that an operator set up is listed, and its first job waits."""
    await service.post("/api/v1/queues/fresh/pause")
    await service.call("PUT", "/api/v1/queues/limited/limits", {"size": 1})
    queues = (await service.get("/api/v1/queues")).json()["queues"]
    assert {queue["name"]: queue["paused"] for queue in queues} == {"fresh": True, "limited": False}
    await service.submit("echo", queue="fresh")
    consumer = await service.broker.consumer("fresh", worker_id="w", lease=15)
    assert (await consumer.claim(1)).jobs == []


async def test_drains(service: Service) -> None:
    """A drain cancels what is queued, and what is scheduled where it is asked to."""
    job_id = await service.submit()
    await service.submit(delay=60)
    assert (await service.post(f"{BASE}/drain")).json() == {
        "count": 1,
        "more": False,
        "cursor": None,
    }
    assert (await service.get(f"/api/v1/jobs/{job_id}")).json()["reason"] == "drained"
    assert (await service.post(f"{BASE}/drain?delayed=true")).json()["count"] == 1
    answer = await service.post(f"{BASE}/drain?delayed=maybe")
    assert set(answer.errors()) == {"/delayed"}


async def test_clears_a_state(service: Service) -> None:
    """A state is emptied under its own name or another system's; running jobs are not."""
    await service.submit()
    assert (await service.delete(f"{BASE}/waiting")).json()["count"] == 1
    assert (await service.delete(f"{BASE}/cancelled")).json()["count"] == 1
    active = await service.delete(f"{BASE}/active")
    assert (active.status, set(active.errors())) == (422, {"/state"})
    assert (await service.delete(f"{BASE}/colourful")).status == 404


async def test_clears_a_state_of_all_queues(service: Service) -> None:
    """The route that users of earlier systems know empties a state everywhere."""
    await service.submit()
    await service.submit("echo")
    assert (await service.delete("/jobs/pending")).json()["count"] == 2
    assert (await service.get("/api/v1/stats")).json()["cancelled"] == 2


async def test_limits_are_one_document(service: Service) -> None:
    """What was put is what is read; what is not named is lifted."""
    assert (await service.get(f"{BASE}/limits")).json() == NO_LIMITS
    put = {
        "concurrency": 5,
        "rate": {"count": 100, "period": 60},
        "group_size": 3,
        "starvation_after": 30,
        "groups": {"acme": {"weight": 2, "paused": True, "rate": {"count": 1, "period": 0.5}}},
    }
    answer = await service.call("PUT", f"{BASE}/limits", put)
    group = {"weight": 2, "paused": True, "concurrency": None, "size": None}
    kept = {**NO_LIMITS, **put, "groups": {"acme": {**group, "rate": {"count": 1, "period": 0.5}}}}
    assert answer.json() == kept
    assert (await service.get(f"{BASE}/limits")).json() == kept
    await service.call("PUT", f"{BASE}/limits", {})
    assert (await service.get(f"{BASE}/limits")).json() == NO_LIMITS


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"concurrency": 0}, "/concurrency"),
        ({"rate": {"count": 1}}, "/rate/period"),
        ({"groups": {"a": {"weight": 0}}}, "/groups"),
        ({"concurency": 1}, "/concurency"),
    ],
)
async def test_refuses_wrong_limits(service: Service, body: object, path: str) -> None:
    """A limit that is none is named."""
    answer = await service.call("PUT", f"{BASE}/limits", body)
    assert (answer.status, set(answer.errors())) == (422, {path})


async def test_a_name_that_is_none_is_refused(service: Service) -> None:
    """No queue of a reserved or impossible name comes to be."""
    for name in ("UPPER", "stats"):
        answer = await service.post(f"/api/v1/queues/{name}/pause")
        assert (answer.status, set(answer.errors())) == (422, {"/queue"})


async def test_changes_a_job_that_waits(service: Service) -> None:
    """A job can be put off, brought forward, given another priority, and moved."""
    path = f"/api/v1/jobs/{await service.submit(delay=60)}"
    job = (await service.post(f"{path}/prioritize", {"priority": "critical"})).json()
    assert job["priority"] == "critical"
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    job = (await service.post(f"{path}/reschedule", {"run_at": at.isoformat()})).json()
    assert datetime.fromisoformat(job["run_at"]) == at
    assert (await service.post(f"{path}/promote")).json()["state"] == "queued"
    moved = await service.post(f"{path}/move", {"queue": "other"})
    assert moved.json()["queue"] == "other"
    assert moved.headers["Location"] == f"/api/v1/jobs/{moved.json()['id']}"
    assert (await service.get(moved.headers["Location"])).status == 200
    old = (await service.get(f"{path}?include=timeline")).json()
    assert old["id"] == moved.json()["id"]
    (entry,) = old["timeline"]
    assert (entry["outcome"], path.endswith(entry["moved_from"])) == ("moved", True)
    assert (await service.get(f"{path}/logs")).status == 200
    assert (await service.delete(path)).status == 200
    assert (await service.post(f"{path}/retry")).json()["id"] == moved.json()["id"]


async def test_refuses_to_change_a_job_that_runs(service: Service) -> None:
    """What is for jobs that wait is 409 for others, and wrong bodies are 422."""
    job_id = await service.submit()
    await service.start()
    for verb, body in (
        ("promote", None),
        ("prioritize", {"priority": "low"}),
        ("move", {"queue": "x"}),
    ):
        answer = await service.post(f"/api/v1/jobs/{job_id}/{verb}", body)
        assert (answer.status, answer.code) == (409, "already_started")
    wrong: list[tuple[str, Any, str]] = [
        ("reschedule", {"run_at": "2030-01-01T00:00:00"}, "/run_at"),
        ("reschedule", {"run_at": "9999-12-31T23:59:59-14:00"}, "/run_at"),
        ("prioritize", {"priority": "urgent"}, "/priority"),
        ("move", {"queue": "stats"}, "/queue"),
        ("move", {}, "/queue"),
    ]
    for verb, body, path in wrong:
        answer = await service.post(f"/api/v1/jobs/{job_id}/{verb}", body)
        assert (answer.status, set(answer.errors())) == (422, {path})
    assert (await service.post("/api/v1/jobs/images-x/promote")).status == 404


async def test_shows_logs_and_timeline(service: Service) -> None:
    """What a job logged, and how each of its deliveries ended, can be read."""
    job_id = await service.submit()
    job = await service.start()
    consumer = service._consumers[QUEUE]
    await consumer.report({}, {Lease(job.id, job.token): NewLines(1, ((0, "hello"),))})
    failure = Failure("Boom", "it broke", attempt=1)
    await service.finish(job, Outcome.RETRY, failure=failure)
    log = (await service.get(f"/api/v1/jobs/{job_id}/logs")).json()
    assert [line["text"] for line in log["lines"]] == ["hello"]
    document = (await service.get(f"/api/v1/jobs/{job_id}?include=timeline")).json()
    (delivery,) = document["timeline"]
    assert (delivery["outcome"], delivery["error"]) == ("retry", "it broke")
    assert delivery["worker_id"] == "tester"
    assert delivery["started_at"] <= delivery["ended_at"]
    assert "timeline" not in (await service.get(f"/api/v1/jobs/{job_id}")).json()
    assert (await service.get("/api/v1/jobs?include=timeline")).status == 422
    assert (await service.get("/api/v1/jobs/images-x/logs")).code == "job_not_found"


async def test_quiets_a_worker(service: Service) -> None:
    """A worker is told to claim nothing, and to go on; one that is not there is 404."""
    consumer = await service.broker.consumer(QUEUE, worker_id="w1", lease=15)
    info = WorkerInfo("w1", "box", 1, ("worker",), "1", (PoolInfo(QUEUE, 1, 0),), 0, 0, 0)
    await consumer.beat(info)
    assert (await service.post("/api/v1/workers/w1/quiet")).status == 204
    assert await consumer.beat(info)
    assert (await service.post("/api/v1/workers/w1/resume")).status == 204
    assert not await consumer.beat(info)
    answer = await service.post("/api/v1/workers/nobody/quiet")
    assert (answer.status, answer.code) == (404, "worker_not_found")


async def test_schedules(service: Service) -> None:
    """A schedule is put, read, listed, paused, and removed."""
    path = "/api/v1/schedules/nightly"
    body = {
        "type": "thumbnail",
        "payload": {"url": "a.png"},
        "cron": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "backoff": {"kind": "fixed", "delay": 5},
        "overlap": "skip",
    }
    put = await service.call("PUT", path, body)
    assert put.status == 200, put.body
    found = put.json()
    assert found == (await service.get(path)).json()
    assert {name: found[name] for name in body if name != "backoff"} == {
        name: value for name, value in body.items() if name != "backoff"
    }
    assert (found["name"], found["state"], found["queue"]) == ("nightly", "active", QUEUE)
    assert found["backoff"]["delay"] == 5
    assert datetime.fromisoformat(found["next_slot"]) > datetime.now(UTC)
    assert [
        each["name"] for each in (await service.get("/api/v1/schedules")).json()["schedules"]
    ] == ["nightly"]
    assert (await service.post(f"{path}/pause")).json()["state"] == "paused"
    assert (await service.post(f"{path}/resume")).json()["state"] == "active"
    assert (await service.delete(path)).status == 204
    for answer in (await service.get(path), await service.delete(path)):
        assert (answer.status, answer.code) == (404, "schedule_not_found")


async def test_refuses_a_wrong_schedule(service: Service) -> None:
    """Everything that is wrong with a schedule and its job is named."""
    body = {"type": "thumbnail", "payload": {}, "cron": "never", "timezone": "Mars"}
    answer = await service.call("PUT", "/api/v1/schedules/nightly", body)
    assert answer.status == 422
    assert {"/payload/url", "/cron", "/timezone"} <= set(answer.errors())
