"""Errors, request ids and headers of all answers."""

import asyncio

import pytest
from yarl import URL

from .service import Service

UNKNOWN = "images-01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def test_problems_have_all_members(service: Service) -> None:
    """An error says in one document what it is, for programs and for people."""
    answer = await service.get(f"/api/v1/jobs/{UNKNOWN}", headers={"X-Request-Id": "abc-1"})
    assert answer.json() == {
        "type": "urn:jobqueue:problem:job_not_found",
        "title": "Job not found",
        "status": 404,
        "detail": f"there is no job '{UNKNOWN}': it never was, or its retention is over",
        "code": "job_not_found",
        "request_id": "abc-1",
    }


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/api/v2/jobs", "/jobs/", "/api/v1/jobs/x/y/z", "/%00"]
)
async def test_unknown_paths_are_404(service: Service, path: str) -> None:
    """A path that there is not is a problem document, too."""
    answer = await service.get(path)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/jobs", "GET, HEAD, POST"),
        ("POST", f"/api/v1/jobs/{UNKNOWN}", "DELETE, GET, HEAD"),
        ("GET", "/api/v1/reports/x/y", None),
        ("OPTIONS", "/api/v1/stats", "GET, HEAD"),
        ("PROPFIND", "/healthz", "GET, HEAD"),
    ],
)
async def test_wrong_methods_are_405(
    service: Service, method: str, path: str, allowed: str | None
) -> None:
    """A method that a path has not is 405 and says which it has."""
    answer = await service.call(method, path)
    if allowed is None:
        assert (answer.status, answer.code) == (404, "not_found")
    else:
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "text",
    [
        b"BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_400(service: Service, text: bytes) -> None:
    """Whatever else arrives is answered with a problem document, and the connection ends."""
    url = URL(service.server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(text)
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"application/problem+json" in answer
    assert b'"code":"malformed_request"' in answer
    writer.close()


@pytest.mark.parametrize(
    "path",
    ["/api/v1/stats", "/api/v1/queues", "/api/v1/workers", "/jobs/stats", "/api/v1/jobs/x/status"],
)
async def test_unknown_query_parameters_are_refused(service: Service, path: str) -> None:
    """A parameter that would be ignored is refused instead."""
    answer = await service.get(path + "?verbose=1")
    assert (answer.status, list(answer.errors())) == (422, ["/verbose"])


async def test_gives_every_answer_an_id(service: Service) -> None:
    """Every answer has a request id: the client's where it sent a usable one, else a new one."""
    given = await service.get("/healthz", headers={"X-Request-Id": "trace/1:2"})
    assert given.headers["X-Request-Id"] == "trace/1:2"
    ids = [(await service.get("/healthz")).headers["X-Request-Id"] for _ in range(3)]
    assert len(set(ids)) == 3
    for unusable in ("", "x" * 200, "a b", 'a"b'):
        answer = await service.get("/nothing", headers={"X-Request-Id": unusable})
        assert answer.headers["X-Request-Id"] not in {"", unusable}
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/api/v1/stats", "/nothing"])
async def test_security_headers(service: Service, path: str) -> None:
    """No answer can be sniffed, framed or cached, or tells what software made it."""
    headers = (await service.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "jobqueue"
    assert "Access-Control-Allow-Origin" not in headers


async def test_surprises_are_500_without_details(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug, here in a user's payload model, is 500 and an id under which the log has it."""
    answer = await service.post("/api/v1/jobs", {"type": "buggy", "payload": {"a": 0}})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"ZeroDivision" not in answer.body
    assert b"Traceback" not in answer.body
    logged = capsys.readouterr()
    assert answer.json()["request_id"] in logged.out + logged.err
    assert "ZeroDivisionError" in logged.out + logged.err
    assert (await service.get("/healthz")).status == 200
