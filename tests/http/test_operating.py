"""What operators look at."""

import time
from datetime import UTC, datetime, timedelta

from jobqueue.model import PoolInfo, WorkerInfo

from .service import QUEUE, Service


async def test_counts_jobs_by_state(service: Service) -> None:
    """The statistics count each job once, in all and in its queue."""
    for _ in range(3):
        await service.submit()
    await service.submit(delay=60)
    await service.submit("echo")
    await service.start()
    stats = (await service.get("/api/v1/stats")).json()
    assert stats["queues"].keys() == {"images", "default"}
    images = stats["queues"]["images"]
    assert (images["queued"], images["active"], images["scheduled"]) == (2, 1, 1)
    assert (stats["queued"], stats["active"], stats["scheduled"]) == (3, 1, 1)
    assert stats["completed"] == stats["dead"] == stats["cancelled"] == stats["blocked"] == 0
    assert not {"waiting", "failed"} & stats.keys()


async def test_an_empty_service_has_zeros(service: Service) -> None:
    """Before the first job all counts are there, and zero."""
    stats = (await service.get("/api/v1/stats")).json()
    assert stats.pop("queues") == {}
    assert set(stats.values()) == {0}
    assert (await service.get("/api/v1/queues")).json() == {"queues": []}
    assert (await service.get("/api/v1/workers")).json() == {"workers": []}


async def test_lists_queues(service: Service) -> None:
    """Each queue ever used has its counts, and how long its next job has waited."""
    await service.submit()
    (queue,) = (await service.get("/api/v1/queues")).json()["queues"]
    assert queue["name"] == "images"
    assert queue["counts"]["queued"] == 1
    assert 0 <= queue["oldest_queued_seconds"] < 60


async def test_lists_workers(service: Service) -> None:
    """A worker shows who it is, its pools and jobs, whether it is well, and if it is quiet."""
    started = time.time_ns() // 1_000_000
    info = WorkerInfo(
        id="w1",
        host="box",
        pid=4711,
        roles=("worker",),
        version="1.0",
        pools=(PoolInfo(QUEUE, slots=4, busy=1, jobs=("images-x",)), PoolInfo("mail", 2, 0)),
        processed=10,
        failed=1,
        started_at_ms=started,
        quiet=True,
    )
    consumer = await service.broker.consumer(QUEUE, worker_id="w1", lease=15)
    await consumer.beat(info)
    (worker,) = (await service.get("/api/v1/workers")).json()["workers"]
    beat_at = datetime.fromisoformat(worker.pop("last_beat_at"))
    assert abs(beat_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert datetime.fromisoformat(worker.pop("started_at")).timestamp() * 1000 == started
    assert worker == {
        "id": "w1",
        "host": "box",
        "pid": 4711,
        "roles": ["worker"],
        "version": "1.0",
        "pools": [
            {"queue": QUEUE, "slots": 4, "busy": 1, "jobs": ["images-x"]},
            {"queue": "mail", "slots": 2, "busy": 0, "jobs": []},
        ],
        "jobs": ["images-x"],
        "processed": 10,
        "failed": 1,
        "healthy": True,
        "quiet": True,
    }
