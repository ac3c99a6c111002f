"""Reading, cancelling and retrying single jobs."""

from typing import Any

import pytest

from jobqueue.model import CancelResult, Failure, Outcome, Progress
from jobqueue.state import State

from .service import Service

UNKNOWN = "images-01ARZ3NDEKTSV4RRFFQ69G5FAV"

PARTS = ["", "/status", "/progress", "/result"]


@pytest.mark.parametrize("job_id", [UNKNOWN, "nonsense", "images-short", "%20", "a%2Fb", "%00"])
@pytest.mark.parametrize("part", PARTS)
async def test_unknown_jobs_are_404(service: Service, job_id: str, part: str) -> None:
    """Whatever is asked about a job that is not there is 404 `job_not_found`."""
    answer = await service.get(f"/api/v1/jobs/{job_id}{part}")
    assert (answer.status, answer.code) == (404, "job_not_found")


async def test_shows_a_running_job(service: Service) -> None:
    """A running job shows its worker, attempt and progress."""
    job_id = await service.submit()
    await service.start()
    document = (await service.get(f"/api/v1/jobs/{job_id}")).json()
    assert document["state"] == "active"
    assert document["worker_id"] == "tester"
    assert (document["attempt"], document["deliveries"]) == (1, 1)
    assert document["started_at"] >= document["created_at"]
    assert document["finished_at"] is None


async def test_shows_progress(service: Service) -> None:
    """Progress has percent, message and time, and is zero before any is reported."""
    job_id = await service.submit()
    before = (await service.get(f"/api/v1/jobs/{job_id}/progress")).json()
    assert before == {
        "id": job_id,
        "state": "queued",
        "percent": 0.0,
        "message": None,
        "updated_at": None,
    }
    job = await service.start()
    await service.report(job, Progress(40, "half way"))
    after = (await service.get(f"/api/v1/jobs/{job_id}/progress")).json()
    assert (after["state"], after["percent"], after["message"]) == ("active", 40.0, "half way")
    document = (await service.get(f"/api/v1/jobs/{job_id}")).json()
    assert document["progress"] == {
        "percent": 40.0,
        "message": "half way",
        "updated_at": after["updated_at"],
    }
    await service.finish(job, Outcome.COMPLETED, result=b"{}")
    ended = (await service.get(f"/api/v1/jobs/{job_id}/progress")).json()
    assert (ended["state"], ended["percent"], ended["message"]) == ("completed", 100.0, None)


async def test_gives_the_result(service: Service) -> None:
    """A completed job's result is in its document and at its own address, as it was made."""
    job_id = await service.submit()
    assert (await service.get(f"/api/v1/jobs/{job_id}/result")).code == "not_ready"
    await service.complete(job_id, {"width": 12345678901234567890})
    answer = await service.get(f"/api/v1/jobs/{job_id}/result")
    assert answer.json() == {
        "id": job_id,
        "state": "completed",
        "result": {"width": 12345678901234567890},
    }
    document = (await service.get(f"/api/v1/jobs/{job_id}")).json()
    assert (document["state"], document["result"]) == ("completed", {"width": 12345678901234567890})
    assert document["finished_at"] >= document["started_at"]


async def test_says_why_there_is_no_result(service: Service) -> None:
    """The result of a dead or cancelled job is 409 with a code that says which."""
    dead, cancelled = await service.submit(), await service.submit()
    failure = Failure("ValueError", "no such picture", 1, "Traceback …")
    await service.finish(await service.start(), Outcome.DEAD, failure=failure, reason="broken")
    await service.delete(f"/api/v1/jobs/{cancelled}")
    answer = await service.get(f"/api/v1/jobs/{dead}/result")
    assert (answer.status, answer.code) == (409, "job_failed")
    assert "no such picture" in answer.json()["detail"]
    answer = await service.get(f"/api/v1/jobs/{cancelled}/result")
    assert (answer.status, answer.code) == (409, "job_cancelled")


async def test_shows_large_parts_only_on_demand(service: Service) -> None:
    """Payload, traceback and metadata are there only with ?include=."""
    job_id = await service.submit(metadata={"order": 1})
    failure = Failure("ValueError", "no such picture", 1, "Traceback …")
    await service.finish(await service.start(), Outcome.DEAD, failure=failure, reason="broken")
    plain = (await service.get(f"/api/v1/jobs/{job_id}")).json()
    assert plain["error"] == {"code": "ValueError", "message": "no such picture", "attempt": 1}
    assert plain["reason"] == "broken"
    assert not {"payload", "metadata"} & plain.keys()
    full = await service.get(f"/api/v1/jobs/{job_id}?include=payload,traceback,metadata,result")
    document = full.json()
    assert document["payload"] == {"url": "http://example.test/a.png"}
    assert document["error"]["traceback"] == "Traceback …"
    assert document["metadata"] == {"order": 1}
    answer = await service.get(f"/api/v1/jobs/{job_id}?include=secrets")
    assert (answer.status, list(answer.errors())) == (422, ["/include"])


async def test_status_is_what_changes(service: Service) -> None:
    """The status route answers state, attempts, progress and error only."""
    job_id = await service.submit()
    assert (await service.get(f"/api/v1/jobs/{job_id}/status")).json() == {
        "id": job_id,
        "state": "queued",
        "attempt": 0,
        "max_attempts": 5,
        "progress": None,
        "error": None,
        "reason": None,
    }


async def test_cancels_a_waiting_job_at_once(service: Service) -> None:
    """Cancelling a job that has not started ends it: 200; a second time is 409."""
    job_id = await service.submit()
    answer = await service.delete(f"/api/v1/jobs/{job_id}")
    assert (answer.status, answer.json()["state"]) == (200, "cancelled")
    answer = await service.delete(f"/api/v1/jobs/{job_id}")
    assert (answer.status, answer.code) == (409, "already_finished")
    assert (await service.delete(f"/api/v1/jobs/{UNKNOWN}")).code == "job_not_found"


async def test_asks_a_running_job_to_stop(service: Service) -> None:
    """Cancelling a running job answers 202: its worker ends it."""
    job_id = await service.submit()
    await service.start()
    answer = await service.delete(f"/api/v1/jobs/{job_id}")
    assert (answer.status, answer.json()["state"]) == (202, "active")
    job = await service.broker.get(job_id)
    assert job is not None
    assert job.cancel_requested
    assert await service.broker.cancel(job_id) is CancelResult.REQUESTED


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.CANCELLED])
async def test_retries_jobs_that_ended_badly(service: Service, outcome: Outcome) -> None:
    """A dead or cancelled job runs again under its id, all its attempts before it."""
    job_id = await service.submit()
    failure = Failure("Boom", "it broke", 1)
    await service.finish(await service.start(), outcome, failure=failure, reason="r")
    answer = await service.post(f"/api/v1/jobs/{job_id}/retry")
    assert (answer.status, answer.headers["Location"]) == (202, f"/api/v1/jobs/{job_id}")
    assert (answer.json()["id"], answer.json()["state"]) == (job_id, "queued")
    assert (await service.start()).id == job_id


async def test_refuses_to_retry_other_jobs(service: Service) -> None:
    """Only what ended badly can be retried."""
    job_id = await service.submit()
    answer = await service.post(f"/api/v1/jobs/{job_id}/retry")
    assert (answer.status, answer.code) == (409, "not_retryable")
    await service.complete(job_id, {})
    assert (await service.post(f"/api/v1/jobs/{job_id}/retry")).code == "not_retryable"
    assert (await service.post(f"/api/v1/jobs/{UNKNOWN}/retry")).code == "job_not_found"


async def _ids(service: Service, query: str) -> list[str]:
    """All ids of a listing, over all its pages."""
    ids: list[str] = []
    cursor = ""
    while True:
        answer = await service.get(f"/api/v1/jobs?{query}{cursor}")
        assert answer.status == 200, answer.body
        page: dict[str, Any] = answer.json()
        ids += [job["id"] for job in page["jobs"]]
        if page["cursor"] is None:
            return ids
        cursor = f"&cursor={page['cursor']}"


async def test_lists_by_state_page_by_page(service: Service) -> None:
    """Listing a state gives each of its jobs once, next to run first, in pages of `limit`."""
    done = await service.submit()
    await service.complete(done, {})
    ids = [await service.submit() for _ in range(5)]
    assert await _ids(service, "state=queued&limit=2") == ids
    assert await _ids(service, "state=waiting") == ids
    assert await _ids(service, "state=completed") == [done]
    assert await _ids(service, "state=dead") == []
    first = (await service.get("/api/v1/jobs?state=queued&limit=2")).json()
    assert len(first["jobs"]) == 2
    assert first["cursor"] is not None


async def test_lists_by_queue_type_and_tag(service: Service) -> None:
    """Filters narrow a listing, alone and together."""
    plain = await service.submit()
    tagged = await service.submit(tags=["red"])
    echo = await service.submit("echo", tags=["red", "blue"])
    for query, expected in (
        ("state=queued&queue=images", [plain, tagged]),
        ("state=queued&type=echo", [echo]),
        ("state=queued&tag=red&queue=images", [tagged]),
        ("state=queued&tag=red&type=echo", [echo]),
        ("state=queued&tag=green", []),
        ("state=queued&queue=nowhere", []),
    ):
        assert await _ids(service, query) == expected, query


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_lists_all_states_one_after_the_other(service: Service, limit: int) -> None:
    """Without a state, a listing goes through all of them and gives each job once."""
    completed = await service.submit()
    await service.complete(completed, {})
    active = await service.submit()
    await service.start()
    queued = [await service.submit(), await service.submit()]
    scheduled = await service.submit(delay=60)
    expected = [active, *queued, scheduled, completed]
    assert await _ids(service, f"limit={limit}") == expected


async def test_lists_without_large_parts(service: Service) -> None:
    """A listing has results and payloads only with ?include=."""
    job_id = await service.submit()
    await service.complete(job_id, {"width": 1})
    (job,) = (await service.get("/api/v1/jobs?state=completed")).json()["jobs"]
    assert not {"result", "payload"} & job.keys()
    answer = await service.get("/api/v1/jobs?state=completed&include=result,payload")
    (job,) = answer.json()["jobs"]
    assert job["result"] == {"width": 1}
    assert job["payload"]["url"] == "http://example.test/a.png"


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("state=done", "/state"),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=x", "/limit"),
        ("limit=" + "9" * 5000, "/limit"),
        ("limit=%D9%A3", "/limit"),
        ("queue=A", "/queue"),
        ("type=A", "/type"),
        ("state=queued&state=dead", "/state"),
        ("staet=queued", "/staet"),
        ("cursor=x", "/cursor"),
        ("state=queued&cursor=x", "/cursor"),
        ("cursor=queued.x", "/cursor"),
        ("include=everything", "/include"),
    ],
)
async def test_names_the_wrong_query_parameter(service: Service, query: str, path: str) -> None:
    """A wrong query parameter is refused with 422 and its name."""
    answer = await service.get(f"/api/v1/jobs?{query}")
    assert (answer.status, list(answer.errors())) == (422, [path])


async def test_cursors_belong_to_their_listing(service: Service) -> None:
    """A cursor of one state's listing is refused in another's."""
    for _ in range(3):
        await service.submit()
    cursor = (await service.get("/api/v1/jobs?state=queued&limit=1")).json()["cursor"]
    answer = await service.get(f"/api/v1/jobs?state=dead&cursor={cursor}")
    assert (answer.status, list(answer.errors())) == (422, ["/cursor"])


async def test_states_are_the_ones_of_the_model(service: Service) -> None:
    """Every state can be listed under its own name."""
    for state in State:
        assert (await service.get(f"/api/v1/jobs?state={state}")).status == 200
