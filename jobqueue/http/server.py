"""The HTTP server of a process: starts, says where it is, stops without cutting anybody off."""

import asyncio
import errno

import structlog
from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.registry import Collector

from jobqueue.app import Operations
from jobqueue.errors import SettingsError
from jobqueue.health import Health
from jobqueue.http.auth import Authenticator, check_exposure
from jobqueue.http.connection import Connection
from jobqueue.http.cors import Cors
from jobqueue.http.gate import Gate
from jobqueue.http.middleware import Front
from jobqueue.http.routes import ALIAS_ROUTES, API_ROUTES, HEALTH_ROUTES, PUBLIC, Route
from jobqueue.http.state import HEALTH, OPERATIONS
from jobqueue.settings import HttpSettings

CLOSE_TIMEOUT = 0.5
"""Seconds for a connection to close once its requests have been answered or given up."""

LINGER = 2.0
"""Seconds for which the rest of a refused body is read and thrown away, so that its sender
gets to see the refusal."""

BACKLOG = 1024
"""Connections that may wait to be accepted: a burst of clients, not an attack."""

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - names, not a bind
"""Where a server that listens everywhere is found from this machine."""

log = structlog.get_logger(__name__)


class HttpServer:
    """Health and metrics of any role, and the API where there are operations.

    Args:
        settings: address, token and limits.
        health: the probes of the process.
        operations: the use cases of the API; None: only health and metrics are served.
        explicit_port: somebody chose the port, so that another one will not do.
        default_port: the port where none is set.
        metrics: what `/metrics` shows.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        health: Health,
        operations: Operations | None,
        explicit_port: bool,
        default_port: int,
        metrics: Collector = REGISTRY,
    ) -> None:
        self._settings = settings
        self._explicit_port = explicit_port
        self._port = default_port if settings.port is None else settings.port
        self._operations = operations
        keys = operations.api_keys if operations else None
        self._gate = Gate(Authenticator(settings, keys))
        self._cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self._front = Front(self._gate, self._cors)
        self._app = self._build(health, operations, metrics)
        self._runner = web.AppRunner(
            self._app, handle_signals=False, shutdown_timeout=CLOSE_TIMEOUT
        )
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where the server is reached from this machine."""
        host = self._settings.host
        shown = WILDCARDS.get(host) or (f"[{host}]" if ":" in host else host)
        return f"http://{shown}:{self._port}"

    @property
    def in_flight(self) -> int:
        """Requests that are not answered yet."""
        return self._front.in_flight

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the port is taken, the address is not this machine's, or the API
                would be open to a network.
        """
        if self._operations is not None:
            await check_exposure(self._settings, self._operations.api_keys)
        await self._runner.setup()
        try:
            self._listener = await self._listen()
        except BaseException:
            await self._runner.cleanup()
            raise
        wanted, self._port = self._port, self._listener.sockets[0].getsockname()[1]
        if wanted not in {0, self._port}:
            log.warning("default_port_is_taken", taken=wanted, url=self.url)

    async def stop(self, grace: float) -> None:
        """Accept nobody new, answer what was asked, at most `grace` seconds; then close."""
        if self._listener is not None:
            self._listener.close()
        await self._front.drain(grace)
        await self._runner.cleanup()

    def _build(
        self, health: Health, operations: Operations | None, metrics: Collector
    ) -> web.Application:
        app = web.Application(
            middlewares=[self._front.middleware()], client_max_size=self._settings.max_body
        )
        if self._cors is not None:
            app.on_response_prepare.append(self._cors.allow)
        app[HEALTH] = health
        for route in HEALTH_ROUTES:
            self._add(app, route)
        self._add(app, Route("GET", "/metrics", make_aiohttp_handler(metrics), PUBLIC))
        if operations is not None:
            app[OPERATIONS] = operations
            for route in API_ROUTES + ALIAS_ROUTES:
                self._add(app, route)
        return app

    def _add(self, app: web.Application, route: Route) -> None:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            added = app.router.add_route(method, route.path, route.handler)
            self._gate.learn(added, route)

    async def _listen(self) -> asyncio.Server:
        try:
            return await self._listen_on(self._port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(
                    f"http.host {self._settings.host!r}: cannot listen on port {self._port}: "
                    f"{error.strerror}"
                ) from None
            if self._explicit_port:
                raise SettingsError(
                    f"http.port {self._port} is taken: stop what listens there, or choose another"
                ) from None
        return await self._listen_on(0)

    async def _listen_on(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        server = self._runner.server
        assert server is not None  # noqa: S101 - made by the runner's setup

        def connect() -> Connection:
            return Connection(server, loop=loop, lingering_time=LINGER)

        return await loop.create_server(connect, self._settings.host, port, backlog=BACKLOG)
