"""Submitting one job."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobqueue.ids import split_job_id
from jobqueue.model import TypeInfo
from jobqueue.settings import LimitSettings
from jobqueue.state import State
from jobqueue.submission import Priority
from tests.support.wait import eventually

from .service import Service, running_service

RIGHT = {"type": "thumbnail", "payload": {"url": "http://example.test/a.png"}}


async def test_answers_202_with_the_job(service: Service) -> None:
    """A submit answers 202, where the job is, and the whole document."""
    answer = await service.post("/api/v1/jobs", {**RIGHT, "tags": ["a"]})
    job = answer.json()
    assert answer.status == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    created_at = datetime.fromisoformat(job.pop("created_at"))
    assert abs(created_at - datetime.now(UTC)) < timedelta(seconds=5)
    job_id = job.pop("id")
    assert split_job_id(job_id) is not None
    assert job == {
        "type": "thumbnail",
        "queue": "images",
        "state": "queued",
        "priority": "normal",
        "tenant": None,
        "tags": ["a"],
        "attempt": 0,
        "max_attempts": 5,
        "deliveries": 0,
        "progress": None,
        "result": None,
        "error": None,
        "reason": None,
        "worker_id": None,
        "run_at": None,
        "started_at": None,
        "finished_at": None,
        "links": {
            "self": f"/api/v1/jobs/{job_id}",
            "status": f"/api/v1/jobs/{job_id}/status",
            "result": f"/api/v1/jobs/{job_id}/result",
        },
    }


async def test_reads_back_what_the_submit_answered(service: Service) -> None:
    """The document of a submit is the one that a read gives."""
    submitted = (await service.post("/api/v1/jobs", {**RIGHT, "delay": 60})).json()
    read = (await service.get(submitted["links"]["self"])).json()
    for document in (submitted, read):  # whose clock the delay counts on differs by a moment
        run_at = datetime.fromisoformat(document.pop("run_at"))
        assert abs(run_at - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=5)
    assert read == submitted


async def test_passes_every_option_on(service: Service) -> None:
    """Queue, priority, time and limits of a submit are those of the job."""
    options: dict[str, Any] = {
        "queue": "other",
        "priority": "high",
        "run_at": "2100-01-01T02:00:00.250+02:00",
        "timeout": 7,
        "max_attempts": 9,
        "backoff": {"kind": "linear", "delay": 2, "jitter": 0, "cap": 60},
        "tags": ["a", "b"],
        "metadata": {"order": 4711},
    }
    job_id = await service.submit(**options)
    job = await service.broker.get(job_id)
    assert job is not None
    assert (job.queue, job.priority, job.state) == ("other", Priority.HIGH, State.SCHEDULED)
    assert job.run_at_ms == datetime(2100, 1, 1, 0, 0, 0, 250_000, UTC).timestamp() * 1000
    assert (job.options.timeout, job.options.max_attempts) == (7, 9)
    assert job.options.backoff is not None
    assert (job.options.backoff.kind, job.options.backoff.cap) == ("linear", 60)
    assert job.options.tags == ("a", "b")
    assert job.options.metadata == {"order": 4711}


@pytest.mark.parametrize(
    "payload",
    [
        b"1234567890123456789",
        b'{"big":9223372036854775807123,"empty":[],"nothing":{},"exact":1.10,"e":1e2}',
        b'"gr\xc3\xbc\xc3\x9fe \\u00e9 \\ud83d\\ude00"',
        b"null",
        b'{ "spaces" : [ 1 , 2 ] }',
    ],
)
async def test_keeps_payloads_untouched(service: Service, payload: bytes) -> None:
    """A payload reaches the worker as the very bytes that were sent."""
    answer = await service.post("/api/v1/jobs", data=b'{"type":"echo","payload":%s}' % payload)
    assert answer.status == 202, answer.body
    job = await service.broker.get(answer.json()["id"])
    assert job is not None
    assert job.payload == payload


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"type": 5}, "/type", "expected a string"),
        ({"priority": "urgent"}, "/priority", "critical (20), high (15), normal (10), low (5)"),
        ({"priority": 7}, "/priority", "must be one of"),
        ({"priority": True}, "/priority", "expected"),
        ({"queue": "Not A Name"}, "/queue", "lower-case letters"),
        ({"queue": "failed"}, "/queue", "word of the API"),
        ({"delay": -1}, "/delay", ">= 0"),
        ({"delay": "5"}, "/delay", "expected a number"),
        ({"delay": 1, "run_at": "2100-01-01T00:00:00Z"}, "/run_at", "not both"),
        ({"run_at": "2100-01-01T00:00:00"}, "/run_at", "timezone"),
        ({"run_at": "tomorrow"}, "/run_at", "RFC3339"),
        ({"run_at": "9999-12-31T23:59:59-14:00"}, "/run_at", "before the year 9000"),
        ({"timeout": 0}, "/timeout", "> 0"),
        ({"max_attempts": 0}, "/max_attempts", ">= 1"),
        ({"max_attempts": 1.5}, "/max_attempts", "integer"),
        ({"backoff": {"kind": "random"}}, "/backoff/kind", "exponential, fixed, linear"),
        ({"backoff": {"dely": 1}}, "/backoff/dely", "unknown field"),
        ({"tags": "a"}, "/tags", "expected an array"),
        ({"tags": ["a", ""]}, "/tags/1", "length >= 1"),
        ({"metadata": []}, "/metadata", "expected an object"),
        ({"metadata": {"a": "x" * 20_000}}, "/metadata", "16384"),
        ({"unique_key": "t:42"}, "/unique_key", "unknown field"),
        ({"depends_on": ["nonsense"]}, "/depends_on/0", "is no job id"),
        ({"depends_on": [{"id": "a", "on_failure": "x"}]}, "/depends_on/0/on_failure", "ignore"),
        ({"unique": {"key": "t", "mode": "throttle"}}, "/unique/ttl", "needed in mode throttle"),
        ({"unique": {"key": "t", "mode": "once"}}, "/unique/mode", "debounce, latest"),
        ({"unique": {"key": "t", "mode": "throttle", "ttl": 0.0001}}, "/unique/ttl", "0.001"),
        ({"tenant": "a\n"}, "/tenant", "use letters, digits"),
        ({"tenant": "a b"}, "/tenant", "use letters, digits"),
        ({"key": ""}, "/key", ">= 1"),
        ({"key": "a\n"}, "/key", "visible characters"),
        ({"expires_in": 0}, "/expires_in", ">= 0.001"),
        ({"webhook": "https://example.com"}, "/webhook", "unknown field"),
        ({"priorty": "high"}, "/priorty", "did you mean priority"),
        ({"payload": {"url": "a", "width": 0}}, "/payload/width", "greater than 0"),
        ({"payload": {"url": "a", "height": 1}}, "/payload/height", "not permitted"),
        ({"payload": []}, "/payload", "should be an object"),
    ],
)
async def test_names_the_wrong_field(
    service: Service, change: dict[str, Any], path: str, words: str
) -> None:
    """A wrong field is refused with 422, its path and what it should be."""
    answer = await service.post("/api/v1/jobs", {**RIGHT, **change})
    assert answer.status == 422
    assert answer.code == "validation_error"
    assert words in answer.errors()[path]
    assert await service.broker.queues() == []


async def test_names_all_wrong_fields_at_once(service: Service) -> None:
    """One answer names everything that is wrong, in the options and in the payload."""
    answer = await service.post(
        "/api/v1/jobs", {"type": "thumbnail", "payload": {}, "queue": "A", "priority": "x"}
    )
    assert answer.errors().keys() == {"/queue", "/priority", "/payload/url"}
    answer = await service.post("/api/v1/jobs", {"delay": -1, "webhook": "a"})
    assert answer.errors().keys() == {"/type", "/payload", "/delay", "/webhook"}


async def test_refuses_unknown_types(service: Service) -> None:
    """A type that no worker runs is refused, and the answer says which there are."""
    answer = await service.post("/api/v1/jobs", {"type": "thumbnial", "payload": {}})
    assert (answer.status, answer.code) == (422, "unknown_type")
    assert "buggy, echo, report-generation, thumbnail" in answer.json()["detail"]
    assert "/type" in answer.errors()


async def test_checks_types_that_only_workers_know(service: Service) -> None:
    """A type that a worker elsewhere published is accepted, and its schema holds."""
    body: dict[str, Any] = {"type": "resize", "payload": {"width": "wide"}}
    assert (await service.post("/api/v1/jobs", body)).code == "unknown_type"
    schema = {
        "type": "object",
        "properties": {"width": {"type": "integer"}},
        "required": ["width"],
    }
    await service.broker.publish_types([TypeInfo("resize", "pictures", 30, 4, schema)])
    await _until_known(service, "resize")
    answer = await service.post("/api/v1/jobs", body)
    assert (answer.status, answer.code) == (422, "validation_error")
    assert "must be integer" in answer.errors()["/payload/width"]
    answer = await service.post("/api/v1/jobs", {**body, "payload": {"width": 5}})
    assert answer.status == 202
    assert (answer.json()["queue"], answer.json()["max_attempts"]) == ("pictures", 4)


async def _until_known(service: Service, name: str) -> None:
    async def known() -> bool:
        answer = await service.post("/api/v1/jobs", {"type": name, "payload": None})
        return answer.code != "unknown_type"

    await eventually(known)


async def test_refuses_payloads_over_the_limit(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """A payload over limits.payload is refused with 413, one at the limit is not."""
    limits = LimitSettings(payload=1000)
    async with running_service(redis_url, namespace, tmp_path, limits=limits) as service:
        body = {"type": "echo", "payload": "x" * 998}
        assert (await service.post("/api/v1/jobs", body)).status == 202
        answer = await service.post("/api/v1/jobs", {**body, "payload": "x" * 999})
        assert (answer.status, answer.code) == (413, "payload_too_large")
        assert "limits.payload" in answer.json()["detail"]


@pytest.mark.parametrize("explicit", [None, 2])
async def test_applies_the_default_number_of_attempts(
    redis_url: str, namespace: str, tmp_path: Path, explicit: int | None
) -> None:
    """limits.max_attempts counts where neither the type nor the submit says otherwise."""
    limits = LimitSettings(max_attempts=8)
    fields = {"max_attempts": explicit} if explicit else {}
    async with running_service(redis_url, namespace, tmp_path, limits=limits) as service:
        for name, expected in (("echo", 8), ("thumbnail", 5)):
            job_id = await service.submit(name, **fields)
            document = (await service.get(f"/api/v1/jobs/{job_id}")).json()
            assert document["max_attempts"] == (explicit or expected)
            job = await service.broker.get(job_id)
            assert job is not None
            assert (job.options.max_attempts is None) == (name == "thumbnail" and not explicit)
