"""Queues in partitions over HTTP."""

from typing import Any

import pytest

from jobqueue.ids import partition_names, split_job_id
from jobqueue.model import Outcome

from .service import QUEUE, Service

BASE = f"/api/v1/queues/{QUEUE}"
PARTITIONS = partition_names(QUEUE, 3)


async def split(service: Service) -> list[str]:
    """Split the queue, and give the ids of a job in each partition, by name."""
    answer = await service.call("PUT", f"{BASE}/partitions", {"partitions": len(PARTITIONS)})
    assert (answer.status, answer.json()) == (200, {"partitions": 3})
    ids = [await service.submit() for _ in PARTITIONS]
    assert {str(split_job_id(job_id)[0]) for job_id in ids} == set(PARTITIONS)  # type: ignore[index]  # it is one
    return sorted(ids)


async def test_a_split_queue_is_shown_as_one(service: Service) -> None:
    """Documents, lists and stats know the queue only, and how many partitions it has."""
    ids = await split(service)
    assert (await service.get(f"{BASE}/partitions")).json() == {"partitions": 3}
    (queue,) = (await service.get("/api/v1/queues")).json()["queues"]
    assert (queue["name"], queue["partitions"], queue["counts"]["queued"]) == (QUEUE, 3, 3)
    assert (await service.get("/api/v1/stats")).json()["queues"].keys() == {QUEUE}
    page = (await service.get(f"/api/v1/jobs?queue={QUEUE}")).json()
    assert sorted(job["id"] for job in page["jobs"]) == ids
    assert {job["queue"] for job in page["jobs"]} == {QUEUE}


async def test_a_whole_queue_has_one_partition(service: Service) -> None:
    """A queue that nobody has split has one, used or not."""
    await service.submit()
    assert (await service.get(f"{BASE}/partitions")).json() == {"partitions": 1}
    assert (await service.get("/api/v1/queues/unused/partitions")).json() == {"partitions": 1}
    (queue,) = (await service.get("/api/v1/queues")).json()["queues"]
    assert queue["partitions"] == 1


async def test_jobs_of_partitions_are_reached(service: Service) -> None:
    """Every route of a job takes the ids of all partitions."""
    for job_id in await split(service):
        names = split_job_id(job_id)
        assert names
        job = await service.start(names[0])
        assert (job.id, job.queue) == (job_id, QUEUE)
        consumer = service._consumers[names[0]]
        service._consumers[QUEUE] = consumer
        await service.finish(job, Outcome.COMPLETED, result=b'{"width": 1}')
        for path in ("", "/status", "/progress", "/result", "/logs"):
            assert (await service.get(f"/api/v1/jobs/{job_id}{path}")).status == 200
        assert (await service.get(f"/jobs/{job_id}/status")).json()["state"] == "completed"
        assert (await service.delete(f"/api/v1/jobs/{job_id}")).code == "already_finished"
        assert (await service.get(f"/api/v1/reports/{job_id}")).code == "job_not_found"


async def test_split_queues_are_operated_whole(service: Service) -> None:
    """Pause and drain are of all partitions, and clear of all queues is too."""
    await split(service)
    assert (await service.post(f"{BASE}/pause")).json()["changed"]
    for name in PARTITIONS:
        consumer = await service.broker.consumer(name, worker_id="w", lease=15)
        assert (await consumer.claim(1)).jobs == []
    assert (await service.post(f"{BASE}/drain")).json()["count"] == 3
    assert (await service.delete("/jobs/cancelled")).json()["count"] == 3


async def test_limits_and_partitions_are_refused_together(service: Service) -> None:
    """The answer is 409 with a code of its own, and says what to do."""
    await split(service)
    answer = await service.call("PUT", f"{BASE}/limits", {"concurrency": 1})
    assert (answer.status, answer.code) == (409, "queue_partitioned")
    assert "set its partitions to 1 first" in answer.json()["detail"]
    limited = "/api/v1/queues/limited"
    assert (await service.call("PUT", f"{limited}/limits", {"size": 0})).status == 200
    answer = await service.call("PUT", f"{limited}/partitions", {"partitions": 2})
    assert (answer.status, answer.code) == (409, "queue_limited")


@pytest.mark.parametrize(
    "body", [{}, {"partitions": 0}, {"partitions": 65}, {"partitions": "2"}, {"parts": 2}]
)
async def test_wrong_numbers_are_refused(service: Service, body: Any) -> None:
    """A wrong body is refused by field, and changes nothing."""
    answer = await service.call("PUT", f"{BASE}/partitions", body)
    assert (answer.status, answer.code) == (422, "validation_error")
    assert (await service.get(f"{BASE}/partitions")).json() == {"partitions": 1}


async def test_partitions_have_no_name_for_clients(service: Service) -> None:
    """What names a partition is refused like any wrong name."""
    await split(service)
    name = PARTITIONS[1]
    assert (await service.get(f"/api/v1/jobs?queue={name}")).status == 422
    body = {"type": "echo", "payload": 1, "queue": name}
    assert (await service.post("/api/v1/jobs", body)).status == 422
    assert (await service.post(f"/api/v1/queues/{name}/pause")).status == 422
    assert (await service.get(f"/api/v1/queues/{name}/partitions")).status == 422
