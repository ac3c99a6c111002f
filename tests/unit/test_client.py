"""What the HTTP client makes of answers, refusals and broken connections."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jobqueue.client import Client
from jobqueue.errors import (
    FieldError,
    InvalidRequest,
    JobNotFound,
    ServerUnreachable,
    SettingsError,
    Unavailable,
    UnexpectedAnswer,
    UnknownTemplate,
)

CUT = b""
"""An answer that never comes: the connection is closed."""


class Peer:
    """An HTTP server that gives these answers, one a connection, and keeps the requests."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        self.url = ""
        self.requests: list[str] = []
        self._answers = iter(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request without its body, answer, hang up."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode())
        writer.write(next(self._answers).replace(b"URL", self.url.encode()))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def peer(*answers: bytes) -> AsyncIterator[Peer]:
    """A peer on a free port."""
    served = Peer(answers)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    async with server:
        served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield served


def answer(
    body: Any, status: str = "200 OK", kind: str = "application/json", headers: str = ""
) -> bytes:
    """An HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}Connection: close\r\n{headers}\r\n".encode() + content


def problem(status: str, **fields: Any) -> bytes:
    """A refusal in the service's own form."""
    return answer(fields, status, "application/problem+json")


async def test_an_absent_service_is_named() -> None:
    """Where nothing listens, the error says which address, why, and what to do."""
    async with peer() as served:
        url = served.url
    async with Client(url) as client:
        with pytest.raises(ServerUnreachable, match="jobqueue serve") as caught:
            await client.stats()
    assert f"cannot reach the service at {url} (Connection refused)" in str(caught.value)


def test_an_address_needs_its_scheme() -> None:
    """An address that is none is refused before anything is sent."""
    with pytest.raises(SettingsError, match="use http://host:port"):
        Client("localhost:8080")


async def test_reads_survive_a_cut_connection() -> None:
    """A read whose connection breaks is sent again."""
    async with peer(CUT, answer({"queued": 1})) as served, Client(served.url) as client:
        assert await client.stats() == {"queued": 1}
        assert len(served.requests) == 2


async def test_reads_survive_a_short_outage() -> None:
    """A read that a proxy could not pass on is sent again."""
    gone = answer(b"<h1>Bad Gateway</h1>", "502 Bad Gateway", "text/html")
    async with peer(gone, answer({"queued": 1})) as served, Client(served.url) as client:
        assert await client.stats() == {"queued": 1}


def keys(served: Peer) -> set[str]:
    """The idempotency keys of the requests, of which each must have one."""
    lines = [line for request in served.requests for line in request.splitlines()]
    found = [line.partition(": ")[2] for line in lines if line.startswith("Idempotency-Key: ")]
    assert len(found) == len(served.requests)
    return set(found)


async def test_a_submit_is_sent_again_under_its_key() -> None:
    """A submit whose fate is unknown is sent again with the key that it had, so never doubled."""
    async with peer(CUT, answer({}), answer({})) as served, Client(served.url) as client:
        await client.submit("echo", {})
        assert len(served.requests) == 2
        assert len(keys(served)) == 1
        await client.submit("echo", {})
        assert len(keys(served)) == 2


async def test_a_key_of_ones_own_is_kept() -> None:
    """A submit that has an idempotency key is sent with that."""
    async with peer(answer({})) as served, Client(served.url) as client:
        await client.submit("echo", {}, key="order-7")
        assert keys(served) == {"order-7"}


async def test_a_service_that_stays_overloaded_is_reported() -> None:
    """A submit that the service refuses again and again ends with what it says."""
    busy = problem("503 Unavailable", code="redis_full", detail="Redis is full")
    async with peer(busy, busy, busy) as served, Client(served.url) as client:
        with pytest.raises(Unavailable, match="Redis is full"):
            await client.submit("echo", {})
        assert len(served.requests) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("404 Not Found", "job_not_found", JobNotFound),
        ("422 Unprocessable", "validation_error", InvalidRequest),
        ("422 Unprocessable", "unknown_template", UnknownTemplate),
        ("418 Teapot", "a_code_of_tomorrow", UnexpectedAnswer),
    ],
)
async def test_refusals_are_the_services_own_exceptions(
    status: str, code: str, kind: type[Exception]
) -> None:
    """What the service refuses is raised with its own type and message."""
    refusal = problem(status, code=code, detail="it is wrong")
    async with peer(refusal) as served, Client(served.url) as client:
        with pytest.raises(kind, match="it is wrong"):
            await client.get("reports-1")


async def test_wrong_fields_are_named() -> None:
    """A refused submit tells which fields are wrong, and how."""
    errors = [{"path": "/payload/data/total", "message": "must be a number"}]
    refusal = problem("422 X", code="validation_error", detail="wrong", errors=errors)
    async with peer(refusal) as served, Client(served.url) as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.submit("echo", {})
    assert caught.value.errors == (FieldError("/payload/data/total", "must be a number"),)


@pytest.mark.parametrize(
    "strange",
    [answer(b"<h1>It works</h1>", kind="text/html"), answer(b"no", "404 Not Found", "text/plain")],
)
async def test_another_server_is_recognised(strange: bytes) -> None:
    """An address at which something else answers is said to be the wrong one."""
    async with peer(strange) as served, Client(served.url) as client:
        with pytest.raises(UnexpectedAnswer, match="check JOBQUEUE_URL"):
            await client.stats()


async def test_the_token_goes_to_the_service_only() -> None:
    """The token is sent with every call, but not to where a document's link leads."""
    async with peer(answer(b"%PDF-1.7", kind="application/pdf")) as store:
        link = answer(b"", "302 Found", headers=f"Location: {store.url}/bucket/a.pdf\r\n")
        async with peer(link) as served, Client(served.url, "s3cret") as client:
            target = io.BytesIO()
            assert await client.download("reports-1", target) == 8
    assert target.getvalue() == b"%PDF-1.7"
    assert "Authorization: Bearer s3cret" in served.requests[0]
    assert "s3cret" not in store.requests[0]


async def test_a_file_is_there_only_when_complete(tmp_path: Path) -> None:
    """A download that breaks off leaves neither a part of a document nor other files."""
    whole = answer(b"%PDF-1.7 and more", kind="application/pdf")
    async with peer(whole[:-4], whole) as served, Client(served.url) as client:
        with pytest.raises(ServerUnreachable):
            await client.download("reports-1", tmp_path / "report.pdf")
        assert list(tmp_path.iterdir()) == []
        assert await client.download("reports-1", tmp_path / "report.pdf") == 17
    assert (tmp_path / "report.pdf").read_bytes() == b"%PDF-1.7 and more"


def stream(*states: str) -> bytes:
    """Events of a job in these states, and then the end of the connection."""
    texts = [json.dumps({"id": "a-1", "state": state}) for state in states]
    events = [f": alive\n\nid: {number}\ndata: {text}\n\n" for number, text in enumerate(texts)]
    return answer("".join(events).encode(), kind="text/event-stream")


async def test_waiting_ends_with_the_job() -> None:
    """`wait` gives the document of the job's end, and shows each one on the way to it."""
    states = ["queued", "active", "completed"]
    seen: list[str] = []
    done = answer({"id": "a-1", "state": "completed", "result": 7})
    async with peer(stream(*states), done) as served, Client(served.url) as client:
        job = await client.wait("a-1", timeout=10, on_update=lambda job: seen.append(job["state"]))
    assert job["result"] == 7
    assert seen == states


async def test_waiting_survives_a_restart_of_the_service() -> None:
    """A service that is away for a moment does not end the wait, which goes on where it was."""
    done = answer({"id": "a-1", "state": "completed"})
    peers = peer(CUT, stream("queued", "active"), CUT, stream("completed"), done)
    async with peers as served, Client(served.url) as client:
        assert (await client.wait("a-1", timeout=20))["state"] == "completed"
    assert "Last-Event-ID" not in served.requests[1]
    assert "Last-Event-ID: 1" in served.requests[3]


async def test_waiting_has_an_end() -> None:
    """A job that has not ended in time is reported with its state."""
    async with peer(*[stream("active")] * 10) as served, Client(served.url) as client:
        with pytest.raises(TimeoutError, match=r"a-1 is still active after 0\.3 s"):
            await client.wait("a-1", timeout=0.3)
