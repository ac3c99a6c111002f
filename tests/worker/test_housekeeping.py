"""Housekeeping: which documents go, and when."""

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from jobqueue import Settings, housekeeping
from jobqueue.broker.broker import Consumer
from jobqueue.errors import RedisUnavailable
from jobqueue.housekeeping import Housekeeper
from jobqueue.ids import new_job_id
from jobqueue.jobs.report_documents import document_key, job_of_document
from jobqueue.model import ClaimedJob, Failure, Outcome, Verdict
from jobqueue.service import running_service
from jobqueue.storage.base import Storage
from tests.storage.steps import keys, put, started
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .harness import QUEUE, Harness, open_broker

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
JOB = "reports-01ARZ3NDEKTSV4RRFFQ69G5FAV"
TOKEN = "0123456789abcdef" * 2
FOREIGN = ["reports/logo.pdf", "reports/2024/summary.pdf", "images/a.pdf"]
"""Documents of somebody else in the same place."""


class Press:
    """A worker that stores documents, without rendering anything."""

    def __init__(self, harness: Harness, consumer: Consumer, storage: Storage) -> None:
        self._harness = harness
        self._consumer = consumer
        self._storage = storage

    async def begin(self) -> tuple[ClaimedJob, str]:
        """Start the job that waits, else a new one; gives it and the key of its document."""
        jobs = (await self._consumer.claim(1)).jobs
        if not jobs:
            await self._harness.submit("report-generation", {})
            jobs = (await self._consumer.claim(1)).jobs
        key = document_key(jobs[0].id, jobs[0].token)
        await put(self._storage, key, b"%PDF")
        return jobs[0], key

    async def print(self, outcome: Outcome) -> str:
        """Run a job to this end; gives the key of its document."""
        job, key = await self.begin()
        verdict = Verdict(job.id, job.token, outcome, failure=Failure("Boom", "it broke"))
        if outcome is Outcome.COMPLETED:
            result = msgspec.json.encode({"key": key, "filename": "a-rather-long-name.pdf"})
            verdict = Verdict(job.id, job.token, outcome, result=result)
        await self._consumer.settle([verdict])
        return key


async def press_on(harness: Harness, storage: Storage) -> Press:
    """A press that takes jobs from the tests' queue."""
    consumer = await harness.broker.consumer(QUEUE, worker_id="press", lease=60)
    return Press(harness, consumer, storage)


async def store_documents(storage: Storage, count: int) -> list[str]:
    """Documents of jobs that nobody knows any more."""
    made = [document_key(new_job_id("reports"), TOKEN) for _ in range(count)]
    for key in made:
        await put(storage, key, b"%PDF")
    return made


async def test_documents_that_no_job_points_at_are_removed(
    harness: Harness, storage: Storage
) -> None:
    """What failed, dead and cancelled attempts stored goes, an hour later and no sooner."""
    housekeeper = Housekeeper(harness.broker, storage, retention=None)
    press = await press_on(harness, storage)
    failed = await press.print(Outcome.RETRY)
    published = await press.print(Outcome.COMPLETED)
    others = [await press.print(outcome) for outcome in (Outcome.DEAD, Outcome.CANCELLED)]
    assert job_of_document(failed) == job_of_document(published)

    early = await housekeeper.tidy(now=time.time() + 59 * MINUTE)
    assert (early.documents, early.orphans) == (4, 0)
    assert await keys(storage) == sorted([failed, published, *others])
    tidied = await housekeeper.tidy(now=time.time() + 61 * MINUTE)
    assert (tidied.documents, tidied.orphans, tidied.expired) == (4, 3, 0)
    assert await keys(storage) == [published]


async def test_documents_that_may_still_be_wanted_stay(harness: Harness, storage: Storage) -> None:
    """Nothing is removed of jobs that have not ended or are forgotten, nor what is not ours."""
    housekeeper = Housekeeper(harness.broker, storage, retention=None)
    press = await press_on(harness, storage)
    wanted = [await press.print(Outcome.COMPLETED)]
    wanted += [(await press.begin())[1], await press.print(Outcome.RETRY)]
    wanted += await store_documents(storage, 1)
    for key in FOREIGN:
        await put(storage, key, b"%PDF")
    tidied = await housekeeper.tidy(now=time.time() + 1000 * DAY)
    assert (tidied.documents, tidied.orphans, tidied.expired) == (4, 0, 0)
    assert await keys(storage) == sorted([*wanted, *FOREIGN])


async def test_a_completed_job_that_names_no_document_keeps_all(
    harness: Harness, folder: Storage
) -> None:
    """A result that another version wrote, and this one cannot read, costs no document."""
    press = await press_on(harness, folder)
    job, key = await press.begin()
    consumer = await harness.broker.consumer(QUEUE, worker_id="newer", lease=60)
    await consumer.settle(
        [Verdict(job.id, job.token, Outcome.COMPLETED, result=b'{"objects":["%s"]}' % key.encode())]
    )
    await Housekeeper(harness.broker, folder, retention=None).tidy(now=time.time() + DAY)
    assert await keys(folder) == [key]


async def test_documents_past_their_retention_are_removed(
    harness: Harness, storage: Storage
) -> None:
    """`storage.retention` ends documents, of known and of forgotten jobs, and only ours."""
    housekeeper = Housekeeper(harness.broker, storage, retention=30 * DAY)
    press = await press_on(harness, storage)
    ours = [await press.print(Outcome.COMPLETED), *await store_documents(storage, 1)]
    for key in FOREIGN:
        await put(storage, key, b"%PDF")
    await housekeeper.tidy(now=time.time() + 29 * DAY)
    assert await keys(storage) == sorted([*ours, *FOREIGN])
    tidied = await housekeeper.tidy(now=time.time() + 31 * DAY)
    assert (tidied.documents, tidied.orphans, tidied.expired) == (2, 0, 2)
    assert await keys(storage) == sorted(FOREIGN)


async def test_uploaded_bundles_are_kept_for_a_week(harness: Harness, storage: Storage) -> None:
    """A bundle goes when its time is over; what is beside it and none is left alone."""
    ours, foreign = f"bundles/{'0' * 32}.zip", "bundles/mine.zip"
    for key in (ours, foreign):
        await put(storage, key, b"PK")
    housekeeper = Housekeeper(harness.broker, storage, retention=None)
    assert (await housekeeper.tidy(now=time.time() + 6 * DAY)).bundles == 0
    assert (await housekeeper.tidy(now=time.time() + 8 * DAY)).bundles == 1
    assert await keys(storage) == [foreign]


async def test_several_at_once_share_a_large_storage(
    harness: Harness, folder: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several housekeepers go over more documents than fit a batch, each in spite of the other."""
    monkeypatch.setattr(housekeeping, "BATCH", 7)
    press = await press_on(harness, folder)
    published = [await press.print(Outcome.COMPLETED) for _ in range(20)]
    orphans = [await press.print(Outcome.DEAD) for _ in range(20)]
    housekeepers = [Housekeeper(harness.broker, folder, retention=None) for _ in range(3)]
    rounds = [each.tidy(now=time.time() + 2 * HOUR) for each in housekeepers]
    tidied = await asyncio.gather(*rounds)
    assert await keys(folder) == sorted(published)
    assert sum(each.orphans for each in tidied) >= len(orphans)


async def test_outages_cost_nothing_but_time(
    namespace: str, folder: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Redis is away nothing is removed; when it is back, housekeeping goes on by itself."""
    monkeypatch.setattr(housekeeping, "FIRST_WITHIN", 0.0)
    monkeypatch.setattr(housekeeping, "PAUSE_AFTER_FAILURE", 0.05)
    monkeypatch.setattr(housekeeping, "UNTOUCHED", -1.0)
    with tempfile.TemporaryDirectory(prefix="jq-") as place:
        with redis_server(Path(place), "--appendonly", "yes") as url:
            broker = await open_broker(url, namespace)
            press = await press_on(Harness(broker, url, namespace, Path(place)), folder)
            key = await press.print(Outcome.DEAD)
        housekeeper = Housekeeper(broker, folder, retention=None)
        with pytest.raises(RedisUnavailable):
            await housekeeper.tidy(now=time.time())
        assert await keys(folder) == [key]
        async with asyncio.TaskGroup() as group:
            with capture_logs() as logs:
                running = group.create_task(housekeeper.run())
                await eventually(lambda: any(e["event"] == "storage_not_tidied" for e in logs))
                with redis_server(Path(place), "--appendonly", "yes"):
                    await eventually(lambda: any(e["event"] == "storage_tidied" for e in logs))
            running.cancel()
        await broker.close()
    assert await keys(folder) == []
    counts = {"documents": 1, "expired": 0, "orphans": 1, "contents": 0, "unneeded": 0}
    told = {"event": "storage_tidied", "log_level": "info", **counts, "bundles": 0}
    assert logs[-1] == told


async def test_an_outage_of_the_storage_passes(
    harness: Harness, tmp_path: Path, folder: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storage that cannot be read is looked at again until it can."""
    monkeypatch.setattr(housekeeping, "FIRST_WITHIN", 0.0)
    monkeypatch.setattr(housekeeping, "PAUSE_AFTER_FAILURE", 0.05)
    await store_documents(folder, 1)
    reports = tmp_path / "storage" / "reports"
    reports.rename(tmp_path / "aside")
    reports.symlink_to(reports.name)  # a loop: no file system can follow it
    async with asyncio.TaskGroup() as group:
        with capture_logs() as logs:
            housekeeper = Housekeeper(harness.broker, folder, retention=0.001)
            running = group.create_task(housekeeper.run())
            await eventually(lambda: any(e["event"] == "storage_not_tidied" for e in logs))
            reports.unlink()
            (tmp_path / "aside").rename(reports)
            await eventually(lambda: any(e["event"] == "storage_tidied" for e in logs))
        running.cancel()
    assert await keys(folder) == []


async def test_the_reaper_role_keeps_house(
    redis_url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service with the role reaper enforces `storage.retention` without being asked."""
    monkeypatch.setattr(housekeeping, "FIRST_WITHIN", 0.0)
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "redis": {"url": redis_url, "namespace": namespace},
            "storage": {"retention": 0.001},
            "http": {"port": 0},
        }
    )
    async with started(settings.storage, tmp_path) as storage:
        (key,) = await store_documents(storage, 1)
        assert await keys(storage) == [key]

        async def is_empty() -> bool:
            return not await keys(storage)

        async with running_service(settings, roles=["reaper"]):
            await eventually(is_empty)


@pytest.mark.parametrize(
    "key",
    [
        *FOREIGN,
        f"reports/not-an-id/{TOKEN}.pdf",
        f"reports/{JOB}.{TOKEN}.txt",
        f"reports/deeper/{JOB}.{TOKEN}.pdf",
        f"old/reports/{JOB}.{TOKEN}.pdf",
    ],
)
def test_only_documents_of_jobs_are_ours(key: str) -> None:
    """A key is a report's only when it has the shape that the worker gives it."""
    assert job_of_document(key) is None


def test_a_document_tells_its_job() -> None:
    """The job of a document is read off its key."""
    assert job_of_document(document_key(JOB, TOKEN)) == JOB
