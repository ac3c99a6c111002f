"""Submitting many jobs in one call."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobqueue.settings import LimitSettings

from .service import Service, running_service

BULK = "/api/v1/jobs/bulk"
LINES = {"Content-Type": "application/x-ndjson"}


def thumbnail(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A job that is right."""
    return {
        "type": "thumbnail",
        "payload": {"url": f"http://example.test/{number}.png"},
        **fields,
    }


def lines(jobs: list[dict[str, Any]]) -> bytes:
    """Jobs as NDJSON."""
    return b"\n".join(map(msgspec.json.encode, jobs))


async def total(service: Service) -> int:
    """How many jobs there are in all queues."""
    stats = await service.broker.stats()
    return sum(sum(each.counts.values()) for each in stats)


async def test_answers_ids_in_the_order_given(service: Service) -> None:
    """A bulk submit answers 202 with each job's id and state, in order, over several queues."""
    jobs = [thumbnail(0), {"type": "echo", "payload": 1}, thumbnail(2, delay=60)]
    answer = await service.post(BULK, jobs)
    assert answer.status == 202
    accepted = answer.json()["jobs"]
    assert [job["state"] for job in accepted] == ["queued", "queued", "scheduled"]
    assert [job["id"].rpartition("-")[0] for job in accepted] == ["images", "default", "images"]
    stored = await service.broker.get(accepted[2]["id"])
    assert stored is not None
    assert stored.payload == b'{"url":"http://example.test/2.png"}'


async def test_takes_one_job_a_line(service: Service) -> None:
    """NDJSON is taken too; blank lines and CRLF do not matter."""
    body = b"\r\n\n" + lines([thumbnail(0), thumbnail(1)]) + b"\r\n\n" + lines([thumbnail(2)])
    answer = await service.post(BULK, data=body, headers=LINES)
    assert answer.status == 202, answer.body
    assert len(answer.json()["jobs"]) == 3
    assert await total(service) == 3


async def test_accepts_more_than_one_script_takes(service: Service) -> None:
    """A bulk of a few thousand is accepted whole, each job once."""
    answer = await service.post(
        BULK, data=lines([thumbnail(n) for n in range(2500)]), headers=LINES
    )
    ids = {job["id"] for job in answer.json()["jobs"]}
    assert len(ids) == 2500
    assert await total(service) == 2500


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (thumbnail(payload={"url": "a", "width": "wide"}), "/57/payload/width"),
        (thumbnail(type="nothing"), "/57/type"),
        (thumbnail(priority="urgent"), "/57/priority"),
        (thumbnail(unique_key="a"), "/57/unique_key"),
        ({"type": "thumbnail"}, "/57/payload"),
        (5, "/57"),
    ],
)
@pytest.mark.parametrize("as_lines", [False, True])
async def test_accepts_none_when_one_is_wrong(
    service: Service, wrong: Any, path: str, as_lines: bool
) -> None:
    """One wrong job in a hundred: none is accepted, and the answer says which and why."""
    jobs = [thumbnail(number) for number in range(100)]
    jobs[57] = wrong
    if as_lines:
        answer = await service.post(BULK, data=lines(jobs), headers=LINES)
    else:
        answer = await service.post(BULK, jobs)
    assert answer.status == 422
    assert list(answer.errors()) == [path]
    assert "none was accepted" in answer.json()["detail"]
    assert await total(service) == 0


async def test_names_all_wrong_jobs(service: Service) -> None:
    """Several wrong jobs are all named, up to a hundred fields."""
    answer = await service.post(BULK, [thumbnail(), {}, thumbnail(queue="A"), {}])
    assert answer.errors().keys() == {"/1/type", "/1/payload", "/3/type", "/3/payload"}
    answer = await service.post(BULK, [thumbnail(queue="A")] * 3)
    assert answer.errors().keys() == {"/0/queue", "/1/queue", "/2/queue"}
    answer = await service.post(BULK, [{}] * 500)
    assert len(answer.json()["errors"]) == 100
    answer = await service.post(BULK, [thumbnail(type="nothing")] * 2)
    assert answer.code == "unknown_type"


async def test_refuses_a_body_without_jobs(service: Service) -> None:
    """An empty bulk is a mistake of the caller, who is told."""
    assert (await service.post(BULK, [])).status == 422
    assert (await service.post(BULK, data=b"\n\n", headers=LINES)).status == 422
    assert (await service.post(BULK, thumbnail())).status == 422


async def test_says_which_line_is_broken(service: Service) -> None:
    """Broken JSON in one line is 400 with the line's number, and nothing is accepted."""
    body = lines([thumbnail()]) + b'\n\n{"type": thumbnail}\n'
    answer = await service.post(BULK, data=body, headers=LINES)
    assert (answer.status, answer.code) == (400, "malformed_body")
    assert "line 3" in answer.json()["detail"]
    assert await total(service) == 0


async def test_limits_what_one_call_may_bring(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """Too many jobs, or one that is too large, is 413 and nothing is accepted."""
    limits = LimitSettings(bulk=3, payload=1000)
    async with running_service(redis_url, namespace, tmp_path, limits=limits) as service:
        too_many = [thumbnail()] * 4
        answer = await service.post(BULK, too_many)
        assert (answer.status, answer.code) == (413, "payload_too_large")
        answer = await service.post(BULK, data=lines(too_many), headers=LINES)
        assert (answer.status, answer.code) == (413, "payload_too_large")
        answer = await service.post(BULK, [thumbnail(), {"type": "echo", "payload": "x" * 1000}])
        assert (answer.status, answer.code) == (413, "payload_too_large")
        assert "job 1" in answer.json()["detail"]
        assert await total(service) == 0
        assert (await service.post(BULK, [thumbnail()] * 3)).status == 202
