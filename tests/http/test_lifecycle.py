"""Starting and stopping the server."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from yarl import URL

from jobqueue.errors import SettingsError
from jobqueue.health import Health
from jobqueue.http.server import HttpServer
from jobqueue.settings import HttpSettings
from tests.support.wait import eventually

from .callers import new_key
from .service import Service, running_service

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the tests are about


@contextmanager
def taken_port() -> Iterator[int]:
    """A loopback port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@asynccontextmanager
async def health_server(
    settings: HttpSettings, *, explicit_port: bool = True, default_port: int = 0
) -> AsyncIterator[HttpServer]:
    """The server of a role without the API."""
    server = HttpServer(
        settings,
        health=Health(),
        operations=None,
        explicit_port=explicit_port,
        default_port=default_port,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop(1)


async def status_of(url: str) -> int:
    """The status that a GET answers."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


async def test_every_role_serves_health_and_metrics_only() -> None:
    """Without the api role, probes and metrics are served and nothing else."""
    async with health_server(HttpSettings(port=0)) as server:
        for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200)):
            assert await status_of(server.url + path) == status
        assert await status_of(server.url + "/api/v1/stats") == 404
        assert await status_of(server.url + "/jobs/stats") == 404


async def test_an_explicit_port_that_is_taken_stops_the_start() -> None:
    """A chosen port that is taken is an error that names it."""
    with taken_port() as port, pytest.raises(SettingsError, match=rf"http\.port {port} is taken"):
        async with health_server(HttpSettings(port=port)):
            pytest.fail("started on a port that is taken")


async def test_a_default_port_that_is_taken_moves() -> None:
    """A default port that is taken becomes a free one, which the URL says."""
    with taken_port() as port:
        settings = HttpSettings()
        async with health_server(settings, explicit_port=False, default_port=port) as server:
            assert URL(server.url).port != port
            assert await status_of(server.url + "/healthz") == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "host.invalid"])
async def test_an_address_of_somebody_else_stops_the_start(host: str) -> None:
    """A host that is not this machine's is an error that names it."""
    with pytest.raises(SettingsError, match=host):
        async with health_server(HttpSettings(host=host, port=0)):
            pytest.fail("listens on another machine's address")


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"host": "127.0.0.1"}, True),
        ({"host": "localhost"}, True),
        ({"host": EVERYWHERE}, False),
        ({"host": EVERYWHERE, "token": SecretStr("secret")}, True),
        ({"host": EVERYWHERE, "allow_anonymous": True}, True),
    ],
)
async def test_the_api_is_not_opened_to_a_network_by_accident(
    service: Service, options: dict[str, Any], allowed: bool
) -> None:
    """Beyond loopback the API wants a token, or the word of who runs it."""
    server = HttpServer(
        HttpSettings(port=0, **options),
        health=Health(),
        operations=service.operations,
        explicit_port=True,
        default_port=8080,
    )
    if not allowed:
        with pytest.raises(SettingsError, match=r"http\.token"):
            await server.start()
        return
    await server.start()
    assert await status_of(server.url + "/healthz") == 200
    await server.stop(1)


async def test_with_a_key_the_api_may_be_on_a_network(service: Service) -> None:
    """Where there is an API key the API may listen everywhere, and asks for it."""
    await new_key(service, "read")
    server = HttpServer(
        HttpSettings(host=EVERYWHERE, port=0),
        health=Health(),
        operations=service.operations,
        explicit_port=True,
        default_port=8080,
    )
    await server.start()
    assert await status_of(server.url + "/api/v1/stats") == 401
    await server.stop(1)


async def test_health_needs_no_token_on_a_network() -> None:
    """A role without the API may listen everywhere."""
    async with health_server(HttpSettings(host=EVERYWHERE, port=0)) as server:
        assert await status_of(server.url + "/healthz") == 200


class SlowClient:
    """A client that sends its submit in two halves."""

    BODY = b'{"type":"echo","payload":1}'

    async def start(self, url: str) -> None:
        """Connect, and send the first half."""
        parts = URL(url)
        self.reader, self.writer = await asyncio.open_connection(parts.host, parts.port)
        self.writer.write(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(self.BODY) + self.BODY[:5]
        )

    async def finish(self) -> bytes:
        """Send the second half, and read until the connection ends."""
        self.writer.write(self.BODY[5:])
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def close(self) -> None:
        """Disconnect."""
        self.writer.close()


async def test_requests_in_flight_finish(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """Who had sent half a request when the server began to stop still gets an answer."""
    async with running_service(redis_url, namespace, tmp_path) as service:
        client = SlowClient()
        await client.start(service.server.url)
        await eventually(lambda: service.server.in_flight == 1)
        stopping = asyncio.create_task(service.server.stop(10))
        await eventually(lambda: not _accepts(service.server.url))
        answer = await client.finish()
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert b"Connection: close" in answer
        await stopping
        await client.close()


async def test_open_connections_are_served_to_the_end(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """While the server waits for the last requests, connections that are open still work."""
    async with running_service(redis_url, namespace, tmp_path) as service:
        client = SlowClient()
        await client.start(service.server.url)
        assert (await service.get("/healthz")).status == 200  # leaves a connection open
        await eventually(lambda: service.server.in_flight == 1)
        stopping = asyncio.create_task(service.server.stop(10))
        await eventually(lambda: not _accepts(service.server.url))
        answer = await service.post("/api/v1/jobs", {"type": "echo", "payload": 1})
        assert (answer.status, answer.headers["Connection"]) == (202, "close")
        assert (await client.finish()).startswith(b"HTTP/1.1 202 ")
        await stopping
        await client.close()


async def test_slow_clients_do_not_hold_up_the_stop(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """A client that never sends the rest is cut off when the grace is over."""
    async with running_service(redis_url, namespace, tmp_path) as service:
        client = SlowClient()
        await client.start(service.server.url)
        await eventually(lambda: service.server.in_flight == 1)
        started = time.monotonic()
        await service.server.stop(0.2)
        assert time.monotonic() - started < 3 * 2
        async with asyncio.timeout(10):
            assert b"202" not in await client.reader.read()
        await client.close()


async def test_idle_connections_do_not_hold_up_the_stop(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """Open connections without a request end at once."""
    async with running_service(redis_url, namespace, tmp_path) as service:
        assert (await service.get("/healthz")).status == 200  # leaves a connection open
        started = time.monotonic()
        await service.server.stop(30)
        assert time.monotonic() - started < 3 * 2


def _accepts(url: str) -> bool:
    parts = URL(url)
    try:
        with socket.create_connection((parts.host or "", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False
