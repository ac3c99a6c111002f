"""Large payloads and results over HTTP: clients do not see where they are kept."""

from pathlib import Path

import msgspec

from jobqueue.model import Outcome
from tests.storage.steps import keys

from .service import Service

LARGE = "x" * 70_000


async def submit_large(service: Service) -> str:
    """Submit a job with a large payload, and give its id."""
    answer = await service.post("/api/v1/jobs", {"type": "echo", "payload": LARGE})
    assert answer.status == 202, answer.body
    return str(answer.json()["id"])


async def complete_large(service: Service) -> None:
    """Run the next job to its end, with a large result."""
    job = await service.start("default")
    result = msgspec.json.encode([LARGE])
    kept = await service.operations._contents.keep_result(job.id, job.token, result)
    await service.finish(job, Outcome.COMPLETED, result=kept)


async def test_every_answer_has_the_real_thing(service: Service) -> None:
    """A job, its result and lists show large payloads and results as they were sent."""
    job_id = await submit_large(service)
    await complete_large(service)
    path = f"/api/v1/jobs/{job_id}"
    assert (await service.get(path)).json()["result"] == [LARGE]
    both = (await service.get(f"{path}?include=payload,result")).json()
    assert (both["payload"], both["result"]) == (LARGE, [LARGE])
    assert (await service.get(f"{path}/result")).json()["result"] == [LARGE]
    listed = (await service.get("/api/v1/jobs?include=payload,result")).json()["jobs"]
    assert [(job["payload"], job["result"]) for job in listed] == [(LARGE, [LARGE])]
    assert len(await keys(service.storage)) == 2


async def test_a_bulk_may_mix_sizes(service: Service) -> None:
    """Large and small jobs of one bulk are accepted in their order and all readable."""
    payloads = [LARGE if number % 3 else number for number in range(12)]
    answer = await service.post(
        "/api/v1/jobs/bulk", [{"type": "echo", "payload": payload} for payload in payloads]
    )
    assert answer.status == 202
    for job, payload in zip(answer.json()["jobs"], payloads, strict=True):
        read = await service.get(f"/api/v1/jobs/{job['id']}?include=payload")
        assert read.json()["payload"] == payload


async def test_a_storage_that_is_away_refuses_large_jobs_only(
    service: Service, tmp_path: Path
) -> None:
    """Without a storage large jobs are 503 and nothing is enqueued; small ones are accepted."""
    (tmp_path / "storage").write_bytes(b"")
    body = {"type": "echo", "payload": LARGE}
    single = await service.post("/api/v1/jobs", body)
    bulk = await service.post("/api/v1/jobs/bulk", [{"type": "echo", "payload": 1}, body])
    assert [(answer.status, answer.code) for answer in (single, bulk)] == [
        (503, "storage_unavailable")
    ] * 2
    assert (await service.get("/api/v1/jobs")).json()["jobs"] == []
    assert (await service.post("/api/v1/jobs", {"type": "echo", "payload": 1})).status == 202


async def test_a_removed_result_is_gone(service: Service) -> None:
    """A result that was removed from the storage is 410; the job's status goes on answering."""
    job_id = await submit_large(service)
    await complete_large(service)
    await service.storage.delete(await keys(service.storage))
    for path in (f"/api/v1/jobs/{job_id}", f"/api/v1/jobs/{job_id}/result"):
        answer = await service.get(path)
        assert (answer.status, answer.code) == (410, "content_gone")
    status = await service.get(f"/api/v1/jobs/{job_id}/status")
    assert status.json()["state"] == "completed"
    assert (await service.get("/api/v1/jobs")).json()["jobs"][0]["id"] == job_id


async def test_a_cancel_needs_no_storage(service: Service, tmp_path: Path) -> None:
    """A job with a large payload can be cancelled, and retried, while the storage is away."""
    job_id = await submit_large(service)
    (tmp_path / "storage").rename(tmp_path / "aside")
    (tmp_path / "storage").write_bytes(b"")
    assert (await service.delete(f"/api/v1/jobs/{job_id}")).status == 200
    assert (await service.post(f"/api/v1/jobs/{job_id}/retry")).status == 202
