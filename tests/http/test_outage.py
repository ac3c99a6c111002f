"""When Redis goes away, is full, and comes back."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import redis

from tests.support.proxy import lossy_proxy
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .service import Answer, Service, running_service

SUBMIT: dict[str, Any] = {"type": "echo", "payload": 1}

CUT_OFF = 8.0
"""Seconds within which a request is answered although no packet comes through; see
docs/guarantees.md."""


async def test_redis_away_is_503_and_back_is_202(
    socket_folder: Path, namespace: str, tmp_path: Path
) -> None:
    """Without Redis the API is 503 and says when to try again; with it all works again."""
    on_disk = ("--appendonly", "yes", "--appendfsync", "always")
    async with AsyncExitStack() as stack:
        with redis_server(socket_folder, *on_disk) as url:
            # who calls is known without Redis
            running = running_service(url, namespace, tmp_path, allow_anonymous=True)
            service = await stack.enter_async_context(running)
            job_id = await service.submit("echo")
        for method, path, body in (
            ("POST", "/api/v1/jobs", SUBMIT),
            ("POST", "/api/v1/jobs/bulk", [SUBMIT]),
            ("GET", f"/api/v1/jobs/{job_id}", None),
            ("DELETE", f"/api/v1/jobs/{job_id}", None),
            ("POST", f"/api/v1/jobs/{job_id}/retry", None),
            ("GET", "/api/v1/jobs", None),
            ("GET", "/api/v1/stats", None),
            ("GET", f"/api/v1/reports/{job_id}", None),
            ("POST", "/api/v1/jobs", {"type": "unheard-of", "payload": 1}),
        ):
            answer = await service.call(method, path, body)
            assert (answer.status, answer.code) == (503, "redis_unavailable"), path
            assert answer.headers["Retry-After"].isdigit()
        assert (await service.get("/healthz")).status == 200
        assert (await service.post("/api/v1/jobs", {**SUBMIT, "delay": -1})).status == 422
        with redis_server(socket_folder, *on_disk):
            assert (await service.post("/api/v1/jobs", SUBMIT)).status == 202
            assert (await service.get(f"/api/v1/jobs/{job_id}")).json()["state"] == "queued"
            assert (await service.get("/api/v1/stats")).json()["queued"] == 2


async def test_a_full_redis_is_503(socket_folder: Path, namespace: str, tmp_path: Path) -> None:
    """A Redis without memory refuses new jobs with 503, and is still read and cancelled."""
    with redis_server(socket_folder) as url:
        async with running_service(url, namespace, tmp_path) as service:
            job_id = await service.submit("echo")
            with redis.Redis.from_url(url) as client:
                client.config_set("maxmemory", "1")
            answer = await service.post("/api/v1/jobs", SUBMIT)
            assert (answer.status, answer.code) == (503, "redis_full")
            assert (await service.get(f"/api/v1/jobs/{job_id}")).status == 200
            assert (await service.delete(f"/api/v1/jobs/{job_id}")).status == 200


async def test_a_queue_of_another_version_is_503(
    socket_folder: Path, namespace: str, tmp_path: Path
) -> None:
    """A queue whose layout this version does not know is refused with words that say what to do."""
    with redis_server(socket_folder) as url:
        async with running_service(url, namespace, tmp_path) as service:
            with redis.Redis.from_url(url) as client:
                client.hset(f"{namespace}:{{default}}:meta", "version", 999)
            answer = await service.post("/api/v1/jobs", SUBMIT)
            assert (answer.status, answer.code) == (503, "schema_mismatch")
            assert "run the same version everywhere" in answer.json()["detail"]


async def test_a_redis_that_cannot_write_to_disk_is_503(
    socket_folder: Path, namespace: str, tmp_path: Path
) -> None:
    """What Redis could not keep it does not take; when it can again, all works by itself."""
    disk = socket_folder / "disk"
    disk.mkdir()
    with redis_server(socket_folder, "--dir", str(disk)) as url:
        async with running_service(url, namespace, tmp_path) as service:
            with redis.Redis.from_url(url) as client:
                client.config_set("save", "3600 1")  # 6.2 does not take it after an empty one
                disk.rmdir()
                client.bgsave()
                await eventually(lambda: client.info()["rdb_last_bgsave_status"] == "err")
                answer = await service.post("/api/v1/jobs", SUBMIT)
                assert (answer.status, answer.code) == (503, "redis_unavailable")
                assert "MISCONF" in answer.json()["detail"]
                client.config_set("save", "")
            assert (await service.post("/api/v1/jobs", SUBMIT)).status == 202


async def test_an_error_of_redis_is_not_the_clients(
    service: Service, namespace: str, redis_url: str
) -> None:
    """What Redis refuses for a reason of its own is 500, without its words."""
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{namespace}:queues", "not a set")
    answer = await service.get("/api/v1/stats")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"WRONGTYPE" not in answer.body


async def test_a_network_that_drops_all(
    socket_folder: Path, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """An API that is cut off from Redis says 503 in bounded time, and loses nothing it accepted.

    What it was sent meanwhile may arrive later: a submit that is repeated with its idempotency key
    is one job all the same.
    """
    server = Path(redis_url.removeprefix("unix://"))
    async with (
        lossy_proxy(server, socket_folder / "network") as network,
        running_service(f"unix://{socket_folder}/network", namespace, tmp_path) as service,
    ):
        accepted = [await service.submit("echo") for _ in range(3)]
        network.hold()
        keyed = {**SUBMIT, "key": "once"}
        requests = [("POST", "/api/v1/jobs", keyed), ("GET", "/api/v1/stats", None)]
        requests += [("POST", "/api/v1/jobs", SUBMIT), ("GET", f"/api/v1/jobs/{accepted[0]}", None)]
        began = monotonic()
        answers = await asyncio.gather(*(service.call(*request) for request in requests))
        answers.append(await service.post("/api/v1/jobs", keyed))  # it has to connect, too
        assert monotonic() - began < 2 * CUT_OFF
        assert {(answer.status, answer.code) for answer in answers} == {(503, "redis_unavailable")}
        assert all(answer.headers["Retry-After"].isdigit() for answer in answers)
        network.heal()

        async def again() -> Answer | None:
            answer = await service.post("/api/v1/jobs", keyed)
            return answer if answer.status != 503 else None

        answer = await eventually(again)
        assert answer is not None
        job_id = answer.json()["id"]
        known = {
            job["id"] for job in (await service.get("/api/v1/jobs?state=queued")).json()["jobs"]
        }
        assert known >= {*accepted, job_id}
        assert len(known) <= len(accepted) + 2
