"""The client against the service: the same verbs, over networks that break."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from jobqueue.client import Client, JobDocument, SyncClient
from jobqueue.conflicts import AlreadyFinished, JobCancelled, JobFailed
from jobqueue.errors import JobNotFound, UnexpectedAnswer
from jobqueue.http import job_events
from jobqueue.model import Failure, Outcome, Progress
from jobqueue.state import State
from tests.support.proxy import LossyProxy, lossy_network
from tests.support.wait import eventually

from .service import QUEUE, Service, Thumbnail

DOCUMENT = b"%PDF-1.7 " + bytes(range(256)) * 8000


class Size(BaseModel):
    """A result."""

    width: int


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    """A client of the service."""
    async with Client(service.server.url) as client:
        yield client


@asynccontextmanager
async def lossy(service: Service) -> AsyncIterator[tuple[LossyProxy, Client]]:
    """A client of the service behind a network that breaks."""
    port = int(service.server.url.rpartition(":")[2])
    async with lossy_network(port) as (proxy, url), Client(url) as client:
        yield proxy, client


async def count(service: Service, state: State = State.QUEUED) -> int:
    """Jobs of the thumbnails' queue in a state."""
    (stats,) = await service.broker.stats([QUEUE])
    return stats.counts[state]


async def report(service: Service, client: Client, *, digest: str | None = None) -> str:
    """A completed job that made the document."""
    job = await client.submit("report-generation", {"html": "<p>x</p>"})
    key = f"reports/{job['id']}.pdf"

    async def chunks() -> AsyncIterator[bytes]:
        yield DOCUMENT

    await service.storage.put(key, chunks(), content_type="application/pdf", filename=None)
    result = {"key": key, "filename": "a.pdf", "content_type": "application/pdf"}
    digest = digest or sha256(DOCUMENT).hexdigest()
    await service.complete(job["id"], {**result, "bytes": len(DOCUMENT), "sha256": digest})
    return job["id"]


async def test_a_submit_whose_answer_is_lost_is_not_doubled(service: Service) -> None:
    """A submit that was accepted and whose answer never came is one job in the end."""
    async with lossy(service) as (proxy, client):
        proxy.lose_replies(1)
        job = await client.submit("thumbnail", Thumbnail(url="a"))
        assert (proxy.lost, await count(service)) == (1, 1)
        assert (await service.start()).id == job["id"]


async def test_a_bulk_submit_whose_answer_is_lost_is_not_doubled(service: Service) -> None:
    """Many jobs that were accepted and whose answer never came are there once, in their order."""
    jobs = [{"type": "thumbnail", "payload": Thumbnail(url=f"{n}", width=n + 1)} for n in range(5)]
    async with lossy(service) as (proxy, client):
        proxy.lose_replies(2)
        accepted = await client.submit_many(jobs)
        assert (proxy.lost, await count(service)) == (2, 5)
        job = await client.get(accepted[4]["id"], include=["payload"])
        assert job["payload"] == {"url": "4", "width": 5}


async def test_a_result_comes_with_the_jobs_end(service: Service, client: Client) -> None:
    """A result is there when the job has ended, without being asked for again and again."""
    job = await client.submit("thumbnail", {"url": "a"})
    waiting = asyncio.create_task(client.result(job["id"], Size, timeout=20))
    claimed = await service.start()
    await service.finish(claimed, Outcome.COMPLETED, result=b'{"width":7}')
    assert await waiting == Size(width=7)
    assert await client.result(job["id"], dict[str, int]) == {"width": 7}
    with pytest.raises(UnexpectedAnswer, match="is another one"):
        await client.result(job["id"], list[int])


async def test_an_end_without_a_result_is_raised(service: Service, client: Client) -> None:
    """A job that is dead or cancelled raises what says so, and one that goes on a timeout."""
    dead = await client.submit("thumbnail", {"url": "a"})
    failure = Failure("Boom", "it broke", attempt=1)
    await service.finish(await service.start(), Outcome.DEAD, failure=failure, reason="broken")
    with pytest.raises(JobFailed, match=r"is dead \(broken\): it broke"):
        await client.result(dead["id"], timeout=10)
    cancelled = await client.submit("thumbnail", {"url": "a"})
    assert (await client.cancel(cancelled["id"]))["state"] == "cancelled"
    with pytest.raises(JobCancelled):
        await client.result(cancelled["id"], timeout=10)
    with pytest.raises(AlreadyFinished):
        await client.cancel(cancelled["id"])
    assert (await client.retry(cancelled["id"]))["state"] == "queued"
    with pytest.raises(TimeoutError, match="is still queued"):
        await client.result(cancelled["id"], timeout=0.2)
    with pytest.raises(JobNotFound):
        await client.result(f"{QUEUE}-01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_events_go_on_over_broken_connections(service: Service) -> None:
    """Each change is told once, with its progress, whatever becomes of the connection."""
    seen: list[JobDocument] = []
    async with lossy(service) as (proxy, client):
        job = await client.submit("thumbnail", {"url": "a"})

        async def listen() -> None:
            async with aclosing(client.events(job["id"])) as events:
                async for each in events:
                    seen.append(each)  # noqa: PERF401 - it is looked at on the way

        listening = asyncio.create_task(listen())
        await eventually(lambda: len(seen) == 1)
        claimed = await service.start()
        await eventually(lambda: seen[-1]["state"] == "active")
        proxy.break_all()
        await service.report(claimed, Progress(40.0, "half"))
        await eventually(lambda: seen[-1]["progress"] is not None)
        proxy.break_all()
        await service.finish(claimed, Outcome.COMPLETED, result=b"1")
        await asyncio.wait_for(listening, 20)
    states = [(each["state"], each["progress"] and each["progress"]["message"]) for each in seen]
    wanted = [("queued", None), ("active", None), ("active", "half"), ("completed", None)]
    assert states == wanted


async def test_a_quiet_stream_is_kept_alive(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of which there is nothing to tell still sends something, so that no proxy gives up."""
    monkeypatch.setattr(job_events, "HEARTBEAT", 0.05)
    job = await client.submit("thumbnail", {"url": "a"})
    url = f"{service.server.url}/api/v1/jobs/{job['id']}/events"
    headers = {"Accept": "text/event-stream"}
    async with service.session.get(url, headers=headers) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        text = await asyncio.wait_for(response.content.readuntil(b": alive\n\n"), 10)
    assert text.startswith(b"id: ")


async def test_who_takes_no_stream_gets_the_job_as_it_is(service: Service, client: Client) -> None:
    """Without `Accept: text/event-stream` the first event is all, so that no tool hangs."""
    job = await client.submit("thumbnail", {"url": "a"})
    url = f"{service.server.url}/api/v1/jobs/{job['id']}/events"
    async with service.session.get(url) as response:
        assert (await response.read()).count(b"data: ") == 1


async def test_a_broken_download_goes_on(service: Service, tmp_path: Path) -> None:
    """A document whose connection breaks in the middle arrives whole, and is checked."""
    async with lossy(service) as (proxy, client):
        job_id = await report(service, client)
        proxy.cut_after(1_000_000)
        assert await client.download(job_id, tmp_path / "a.pdf") == len(DOCUMENT)
        assert proxy.lost == 1
    assert (tmp_path / "a.pdf").read_bytes() == DOCUMENT


async def test_a_damaged_download_is_refused(
    service: Service, client: Client, tmp_path: Path
) -> None:
    """A document that is not what its digest says leaves no file."""
    damaged = await report(service, client, digest="0" * 64)
    with pytest.raises(UnexpectedAnswer, match="arrived damaged"):
        await client.download(damaged, tmp_path / "a.pdf")
    assert list(tmp_path.glob("*.pdf")) == []
    whole = await report(service, client)
    with pytest.raises(UnexpectedAnswer, match="arrived damaged"):
        await client.download(whole, io.BytesIO(), sha256="1" * 64)


async def test_a_range_of_another_document_is_not_given(service: Service, client: Client) -> None:
    """Who asks for the rest of what has changed since gets all of it."""
    job_id = await report(service, client)
    path, tag = f"/api/v1/reports/{job_id}", f'"{sha256(DOCUMENT).hexdigest()}"'
    answers = [
        await service.get(path, headers={"Range": wanted, **condition})
        for wanted, condition in (
            ("bytes=5-", {"If-Range": tag}),
            ("bytes=5-", {"If-Range": '"other"'}),
            ("bytes=5-", {}),
            ("bytes=0-3", {"If-Range": tag}),
            (f"bytes={len(DOCUMENT)}-", {"If-Range": tag}),
        )
    ]
    assert [answer.status for answer in answers] == [206, 200, 200, 200, 200]
    assert answers[0].body == DOCUMENT[5:]
    assert answers[0].headers["Content-Range"] == f"bytes 5-{len(DOCUMENT) - 1}/{len(DOCUMENT)}"
    assert answers[1].body == DOCUMENT


async def test_the_client_that_blocks_has_the_same_verbs(service: Service, tmp_path: Path) -> None:
    """Without an event loop, each call gives what the other client gives."""
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def use() -> list[Any]:
        with SyncClient(service.server.url) as client:
            job = client.submit("thumbnail", Thumbnail(url="a"))
            states = []
            for each in client.events(job["id"]):
                states.append(each["state"])
                loop.call_soon_threadsafe(began.set)
            many = client.submit_many([{"type": "thumbnail", "payload": {"url": "b"}}])
            cancelled = client.cancel(many[0]["id"])["state"]
            retried = client.retry(many[0]["id"])["state"]
            listed = client.list_jobs(queue=QUEUE, state="queued")["jobs"]
            result = client.result(job["id"], Size, timeout=10)
            assert client.wait(job["id"]) == client.get(job["id"])
            return [states[-1], cancelled, retried, {each["id"] for each in listed}, result]

    def fetch(job_id: str) -> int:
        with SyncClient(service.server.url) as client:
            return client.download(job_id, tmp_path / "a.pdf")

    using = asyncio.create_task(asyncio.to_thread(use))
    await began.wait()
    await service.finish(await service.start(), Outcome.COMPLETED, result=b'{"width":3}')
    last, cancelled, retried, listed, result = await using
    assert (last, cancelled, retried) == ("completed", "cancelled", "queued")
    assert (len(listed), result) == (1, Size(width=3))
    async with Client(service.server.url) as client:
        job_id = await report(service, client)
    assert await asyncio.to_thread(fetch, job_id) == len(DOCUMENT)


def test_a_client_that_is_not_open_says_so() -> None:
    """A call outside the context tells how to use the client."""
    with pytest.raises(RuntimeError, match="with SyncClient"):
        SyncClient().get("a-1")
