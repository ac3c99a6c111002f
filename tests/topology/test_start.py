"""A whole service on each kind of Redis, and the kinds on which it does not start."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobqueue import JobContext, JobQueue
from jobqueue.errors import ServerUnreachable, SettingsError
from jobqueue.service.service import running_service
from jobqueue.settings import RedisSettings, Settings, WorkerSettings
from tests.support.cluster import RedisCluster
from tests.support.command import clean_environ, command
from tests.support.nodes import RedisNode
from tests.support.redis import redis_server
from tests.support.sentinel import sentinel_setup


def _settings(url: str, socket_folder: Path, **redis: object) -> Settings:
    return Settings(
        data_dir=socket_folder / "data",
        redis=RedisSettings(url=url, namespace="start", **redis),
        worker=WorkerSettings(queues={"default": 2}),
    )


async def _double(url: str, socket_folder: Path) -> int:
    """What a job makes of 21, submitted by one program and run by another."""
    worker_app, producer = JobQueue(), JobQueue(settings=_settings(url, socket_folder))

    @worker_app.job("double")
    async def double(_job: JobContext, payload: int) -> int:
        return 2 * payload

    producer.job("double")(double)
    async with (
        running_service(
            _settings(url, socket_folder), roles=["worker", "reaper"], app=worker_app, listens=False
        ),
        producer,
    ):
        handle = await producer.enqueue("double", 21)
        result: int = await handle.result(timeout=20)
    return result


async def test_a_service_on_a_cluster(cluster: RedisCluster, socket_folder: Path) -> None:
    """A service, and a program that submits to it, need nothing but the URL."""
    assert await _double(cluster.url, socket_folder) == 42


async def test_a_service_behind_sentinels(socket_folder: Path) -> None:
    """The same with the URL of sentinels."""
    with sentinel_setup(socket_folder) as setup:
        assert await _double(setup.url, socket_folder) == 42


def test_check_looks_at_the_whole_cluster(cluster: RedisCluster, socket_folder: Path) -> None:
    """`jobqueue check` says what it found, and what one of the masters lacks."""
    master = cluster.masters()[-1].client
    master.config_set("maxmemory-policy", "allkeys-lru")
    try:
        findings = _check(cluster.url, socket_folder)
    finally:
        master.config_set("maxmemory-policy", "noeviction")
    assert "3 masters" in findings["redis"]["detail"]
    assert (findings["eviction"]["ok"], findings["eviction"]["required"]) == (False, True)
    assert "neither append-only file nor snapshots" in findings["persistence"]["detail"]
    assert not findings["persistence"]["required"]
    assert _check(cluster.url, socket_folder)["eviction"]["ok"]


def _check(url: str, socket_folder: Path) -> dict[str, dict[str, Any]]:
    answer = subprocess.run(
        command("check", "--role", "reaper", "--json", "--redis-url", url),
        cwd=socket_folder,
        env=clean_environ(),
        stdout=subprocess.PIPE,
        check=False,
        timeout=30,
    )
    return {finding["name"]: finding for finding in json.loads(answer.stdout)}


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_redis_that_evicts_is_refused(socket_folder: Path, policy: str) -> None:
    """The service does not start where a full Redis drops keys, unless it is told to."""
    with redis_server(socket_folder, "--maxmemory-policy", policy) as url:
        with pytest.raises(SettingsError, match=f"{policy}.*redis.allow_unsafe = true"):
            await _start(_settings(url, socket_folder))
        with capture_logs() as logs:
            await _start(_settings(url, socket_folder, allow_unsafe=True))
    assert [entry["problem"] for entry in logs if entry["event"] == "redis_is_unsafe"]


async def test_a_redis_without_persistence_is_warned_of(socket_folder: Path) -> None:
    """A Redis that a restart empties will do for a trial, and the log says so."""
    with redis_server(socket_folder) as url, capture_logs() as logs:
        await _start(_settings(url, socket_folder))
    (warning,) = [entry for entry in logs if entry["event"] == "redis_is_not_persistent"]
    assert warning["log_level"] == "warning"


async def test_a_redis_with_persistence_is_not(socket_folder: Path) -> None:
    """An append-only file is enough."""
    with redis_server(socket_folder, "--appendonly", "yes") as url, capture_logs() as logs:
        await _start(_settings(url, socket_folder))
    assert {"redis_is_not_persistent", "redis_is_unsafe"}.isdisjoint(
        entry["event"] for entry in logs
    )


async def test_the_url_of_one_node_of_a_cluster_is_refused(
    cluster: RedisCluster, socket_folder: Path
) -> None:
    """A plain URL that leads to a cluster is told which form it must have."""
    with pytest.raises(SettingsError, match=r"use redis\+cluster://"):
        await _start(_settings(f"redis://127.0.0.1:{cluster.nodes[0].port}", socket_folder))


async def test_the_url_of_a_cluster_that_is_none_is_refused(socket_folder: Path) -> None:
    """A server without cluster support is named as such."""
    with ExitStack() as stack:
        node = RedisNode(stack, socket_folder)
        url = f"redis+cluster://:hunter2@127.0.0.1:{node.port}"
        node.client.config_set("requirepass", "hunter2")
        with pytest.raises(ServerUnreachable, match="cluster support disabled") as caught:
            await _start(_settings(url, socket_folder))
    assert "hunter2" not in str(caught.value)


async def _start(settings: Settings) -> None:
    async with running_service(settings, roles=["reaper"], listens=False):
        pass
