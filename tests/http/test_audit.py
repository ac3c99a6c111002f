"""The audit log: who did what, on what, and how it went."""

from typing import Any

import pytest
import redis
import structlog

from jobqueue.broker import audit_log

from .callers import Caller, caller, new_key
from .service import Service

AUDIT = "/api/v1/audit"
PAUSE = "/api/v1/queues/images/pause"


@pytest.fixture
async def admin(service: Service) -> Caller:
    """Who may read the log."""
    return await caller(service, "admin")


async def records(by: Caller, query: str = "") -> list[dict[str, Any]]:
    """The newest records."""
    answer = await by.call("GET", AUDIT + query)
    assert answer.status == 200, answer.body
    return list(answer.json()["records"])


async def test_what_an_operator_does_is_put_down(service: Service, admin: Caller) -> None:
    """A record says who, what, on what, with which outcome, and under which request id."""
    key_id, secret = await new_key(service, "operate", name="night shift", tenant=None)
    by = Caller(service, secret)
    await by.call("POST", PAUSE, headers={"X-Request-Id": "r-1"})
    await by.call("DELETE", "/api/v1/dead?queue=images&dry_run=true")
    await by.call("POST", "/api/v1/jobs/nothing/retry")
    with structlog.testing.capture_logs() as lines:
        await by.call("POST", PAUSE, headers={"X-Request-Id": "r-2"})

    again, retried, purged, paused = await records(admin)
    assert paused["actor"] == {
        "kind": "key",
        "id": key_id,
        "name": "night shift",
        "tenant": None,
    }
    assert (paused["action"], paused["target"]) == ("POST /api/v1/queues/{name}/pause", PAUSE)
    assert (paused["status"], paused["code"], paused["request_id"]) == (200, None, "r-1")
    assert paused["client"] == "127.0.0.1"
    assert purged["query"] == "queue=images&dry_run=true"
    assert (retried["status"], retried["code"]) == (404, "job_not_found")
    assert again["request_id"] == "r-2"
    (line,) = [line for line in lines if line["event"] == "operator_action"]
    assert (line["id"], line["request_id"], line["target"]) == (key_id, "r-2", PAUSE)


async def test_what_is_made_is_named(admin: Caller) -> None:
    """The record of a new key has the key's id, and neither its secret nor anybody else's."""
    body = {"name": "x", "scopes": ["read"]}
    made = (await admin.call("POST", "/api/v1/keys", body)).json()
    (record,) = await records(admin)
    assert record["target"] == f"/api/v1/keys/{made['id']}"
    answer = await admin.call("GET", AUDIT)
    assert made["key"].rpartition("_")[2].encode() not in answer.body


async def test_looking_and_submitting_are_not_put_down(service: Service, admin: Caller) -> None:
    """The log has what operators do, not the traffic of clients."""
    by = await caller(service, "submit", "read")
    await by.call("POST", "/api/v1/jobs", {"type": "echo", "payload": 1})
    await by.call("GET", "/api/v1/stats")
    await admin.call("GET", "/api/v1/keys")
    assert await records(admin) == []


async def test_who_may_not_cannot_fill_the_log(service: Service, admin: Caller) -> None:
    """What is refused for want of a scope is a log line and no record."""
    by = await caller(service, "read")
    with structlog.testing.capture_logs() as lines:
        assert (await by.call("POST", PAUSE)).status == 403
        assert (await service.post(PAUSE)).status == 401
    assert [line["code"] for line in lines if line["event"] == "operator_action"] == [
        "missing_scope"
    ]
    assert await records(admin) == []


async def test_pages_of_the_log(admin: Caller) -> None:
    """The log is read page by page, newest first, whatever is added meanwhile."""
    for number in range(5):
        await admin.call("POST", f"/api/v1/queues/q{number}/pause")
    found, cursor = [], ""
    while True:
        page = (await admin.call("GET", f"{AUDIT}?limit=2{cursor}")).json()
        found += [record["target"] for record in page["records"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
        await admin.call("POST", "/api/v1/queues/later/pause")
    assert found == [f"/api/v1/queues/q{number}/pause" for number in (4, 3, 2, 1, 0)]
    wrong = await admin.call("GET", f"{AUDIT}?cursor=%2B")
    assert (wrong.status, set(wrong.errors())) == (422, {"/cursor"})


async def test_the_log_is_bounded(
    admin: Caller, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old records give way, so that the log never fills Redis."""
    monkeypatch.setattr(audit_log, "MAX_RECORDS", 100)
    for _ in range(300):
        await admin.call("POST", "/api/v1/jobs/nothing/retry")
    length = redis.Redis.from_url(redis_url).xlen(f"{namespace}:audit")
    assert 100 <= int(str(length)) < 300
