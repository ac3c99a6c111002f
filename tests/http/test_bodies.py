"""What clients may send instead of a job."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from .service import Service, running_service

JOBS = "/api/v1/jobs"
RIGHT = b'{"type":"echo","payload":1}'
DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"type=echo",
        RIGHT + b"x",
        b"\xef\xbb\xbf" + RIGHT,
        b'{"type":"echo","payload":NaN}',
        b'{"type":"echo","payload":Infinity}',
        b'{"type":"echo","payload":01}',
        b'{"type":"echo","payload":"\xff"}',
        b'{"type":"echo","payload":"\xed\xa0\x80"}',
        b'{"type":"ech\xff","payload":1}',
        b'{"type":"echo","payload":"\\ud800"}',
        b'{"type":"echo","payload":"a\nb"}',
        b'{"type":"echo","payload":[1,]}',
        b"{'type':'echo','payload':1}",
        b'{"type":"echo","payload":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"type":"echo","metadata":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b"\x00" * 100,
        RIGHT.decode().encode("utf-16"),
    ],
)
@pytest.mark.parametrize("path", [JOBS, "/jobs", "/echo/enqueue", "/api/v1/reports/generate"])
async def test_broken_json_is_400(service: Service, path: str, body: bytes) -> None:
    """A body that is not strict JSON is refused with 400, by every route that takes one."""
    answer = await service.post(path, data=body)
    assert (answer.status, answer.code) == (400, "malformed_body")
    assert await service.broker.queues() == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"echo","payload":1,"type":"thumbnail"}',
        b'{"type":"echo","payload":1,"p\\u0061yload":2}',
    ],
)
@pytest.mark.parametrize("path", [JOBS, "/jobs", "/api/v1/reports/generate"])
async def test_repeated_fields_are_400(service: Service, path: str, body: bytes) -> None:
    """A field given twice is refused: which one counts would be a guess."""
    answer = await service.post(path, data=body)
    assert (answer.status, answer.code) == (400, "malformed_body")
    assert "twice" in answer.json()["detail"]


async def test_payloads_may_look_like_submits(service: Service) -> None:
    """Names that are repeated inside the payload are the payload's business."""
    body = b'{"type":"echo","payload":{"type":"a","payload":{"type":1}},"tags":["type"]}'
    assert (await service.post(JOBS, data=body)).status == 202


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"[" + RIGHT + b"]"])
async def test_other_json_is_422(service: Service, body: bytes) -> None:
    """JSON that is no object is refused with 422."""
    answer = await service.post(JOBS, data=body)
    assert (answer.status, list(answer.errors())) == (422, [""])


async def test_numbers_that_no_program_can_hold_are_refused(service: Service) -> None:
    """A number beyond floating point is refused before a worker stumbles over it."""
    answer = await service.post(JOBS, data=b'{"type":"echo","payload":[1e999]}')
    assert answer.status == 422
    assert "out of range" in str(answer.errors())


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/octet-stream",
    ],
)
async def test_wrong_content_types_are_415(service: Service, kind: str) -> None:
    """A body of another kind is refused with 415, and the answer says what is taken."""
    answer = await service.post(JOBS, data=RIGHT, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["detail"]
    answer = await service.post(JOBS + "/bulk", data=RIGHT, headers={"Content-Type": kind})
    assert answer.status == 415
    assert "application/x-ndjson" in answer.json()["detail"]


async def test_a_body_without_a_content_type_is_415(service: Service) -> None:
    """No Content-Type is refused: a web page of another site could send such a body."""
    async with service.session.post(
        service.server.url + JOBS, data=RIGHT, skip_auto_headers=["Content-Type"]
    ) as response:
        assert response.status == 415


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8"])
async def test_utf_8_may_be_named(service: Service, charset: str) -> None:
    """`application/json; charset=utf-8` is taken."""
    headers = {"Content-Type": f"application/json; charset={charset}"}
    assert (await service.post(JOBS, data=RIGHT, headers=headers)).status == 202


async def test_large_bodies_are_413(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """A body over http.max_body is 413, sent with a length or in chunks."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1000

    async with running_service(redis_url, namespace, tmp_path, max_body=200_000) as service:
        for path in (JOBS, JOBS + "/bulk"):
            for body in (b" " * 300_000, chunks()):
                answer = await service.post(path, data=body)
                assert (answer.status, answer.code) == (413, "payload_too_large")
        assert (await service.post(JOBS, data=RIGHT)).status == 202


async def test_a_large_body_is_refused_before_it_is_sent(service: Service) -> None:
    """A submit that says it is far over the limit is answered before its body is there."""
    head = (
        f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 60000000\r\n\r\n{"
    )
    url = URL(service.server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()


async def test_compressed_bodies_are_read(service: Service) -> None:
    """A body may be compressed with gzip."""
    headers = {"Content-Encoding": "gzip"}
    answer = await service.post(JOBS, data=gzip.compress(RIGHT), headers=headers)
    assert answer.status == 202


async def test_compressed_bombs_are_refused(service: Service) -> None:
    """What a compressed body grows to counts, not what was sent."""
    bomb = gzip.compress(b" " * 100_000_000, 9)
    assert len(bomb) < 200_000
    answer = await service.post(JOBS, data=bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (413, "payload_too_large")


async def test_what_only_says_it_is_compressed_is_400(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that is not what its Content-Encoding says is 400, and nothing for the log."""
    answer = await service.post(JOBS, data=RIGHT, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (400, "malformed_body")
    assert "\n" not in answer.json()["detail"]
    assert (await service.get("/healthz")).status == 200
    assert not caplog.records
