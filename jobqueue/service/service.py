"""The service of a process: start its parts, run them, stop them in order.

running_service: assemble → run → (stopped or done) → drain → close
serve:           the same, until a signal
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from time import monotonic

import structlog

from jobqueue.app import JobQueue
from jobqueue.app.opening import open_broker
from jobqueue.service.assembly import VERSION, Assembly, Parts
from jobqueue.service.redis_check import check_redis
from jobqueue.service.signals import stop_signals
from jobqueue.settings import Settings
from jobqueue.worker.supervisor import Supervisor
from jobqueue.worker.wedge import EXIT_REPLACE
from jobqueue.worker.worker import Worker

REQUEST_GRACE = 2.0
"""Seconds for requests in flight once the jobs' time is over."""

_log = structlog.get_logger(__name__)


class Service:
    """The running parts of a process.

    Attributes:
        health: its probes.
    """

    def __init__(self, parts: Parts, *, drain: float, stopping: asyncio.Event) -> None:
        self.health = parts.health
        self._parts = parts
        self._drain_time = drain
        self._stopping = stopping

    @property
    def url(self) -> str:
        """Where it listens."""
        if self._parts.http is None:
            raise RuntimeError("this service does not listen")
        return self._parts.http.url

    @property
    def stuck(self) -> bool:
        """Whether a handler ignores its cancellation, so that only an exit stops it."""
        return isinstance(self._parts.workforce, Worker) and self._parts.workforce.stuck

    def stop(self) -> None:
        """Begin to stop."""
        self._stopping.set()

    def kill(self) -> None:
        """End child processes at once, before this one ends at once."""
        if isinstance(self._parts.workforce, Supervisor):
            self._parts.workforce.kill()

    async def stopping(self) -> None:
        """Wait until it begins to stop, by `stop` or because it must."""
        await self._stopping.wait()

    async def run(self) -> None:
        """Run until stopped, then drain."""
        workforce = self._parts.workforce
        keepers = [part for part in (self._parts.reaper, self._parts.housekeeper) if part]
        async with asyncio.TaskGroup() as group:
            keeping = [group.create_task(keeper.run()) for keeper in keepers]
            working = group.create_task(workforce.run()) if workforce else None
            if working:
                working.add_done_callback(lambda _: self.stop())
            end = monotonic()
            try:
                await self._stopping.wait()
                self.health.draining = True
                end = monotonic() + self._drain_time
                if workforce and working:
                    workforce.drain()
                    await asyncio.wait([working])
            finally:
                if self._parts.http:
                    await self._parts.http.stop(max(end - monotonic(), REQUEST_GRACE))
            for task in keeping:
                task.cancel()


@asynccontextmanager
async def running_service(
    settings: Settings,
    *,
    roles: Collection[str],
    app: JobQueue | None = None,
    app_path: str | None = None,
    explicit_port: bool = False,
    listens: bool = True,
    stopping: asyncio.Event | None = None,
) -> AsyncIterator[Service]:
    """A service that runs while inside, and has drained after it.

    Args:
        settings: of all its parts.
        roles: some of `api`, `worker`, `reaper`.
        app: the user's job types.
        app_path: `module:object` of them, for worker processes of their own.
        explicit_port: `http.port` was chosen, so that another one will not do.
        listens: whether to serve health, metrics and, with the api role, the API.
        stopping: begins the stop when it is set; by default `Service.stop` does.

    Raises:
        SettingsError: a setting is wrong, or what it asks for is not there.
        ServerUnreachable: Redis cannot be reached.
    """
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(open_broker(settings))
        await check_redis(broker, settings.redis)
        assembly = Assembly(stack, settings, broker, roles=roles, app=app, app_path=app_path)
        parts = await assembly.build(listens=listens, explicit_port=explicit_port)
        drain = settings.worker.drain
        service = Service(parts, drain=drain, stopping=stopping or asyncio.Event())
        _log.info(
            "service_started",
            roles=sorted(roles),
            url=service.url if listens else None,
            version=VERSION,
        )
        failure: Exception | None = None
        with _unwrapped():
            async with asyncio.TaskGroup() as group:
                group.create_task(service.run())
                try:
                    yield service
                except Exception as error:  # noqa: BLE001 - raised again, after an orderly end
                    failure = error
                finally:
                    service.stop()
        if failure:
            raise failure
    _log.info("service_stopped")


async def serve(
    settings: Settings,
    *,
    roles: Collection[str],
    app: JobQueue | None = None,
    app_path: str | None = None,
    explicit_port: bool = False,
) -> None:
    """Run a service until SIGTERM or SIGINT; a second one ends the process at once.

    Where a handler ignores its cancellation this does not return: nothing but the exit of
    the process stops such a one. The exit code is then `EXIT_REPLACE`, or 0 after a signal.

    Args and errors are those of `running_service`.
    """
    stopping = asyncio.Event()
    service: Service | None = None
    was_asked = False

    def stop() -> None:
        nonlocal was_asked
        was_asked = True
        stopping.set()

    with stop_signals(stop, lambda: service.kill() if service else None):
        async with running_service(
            settings,
            roles=roles,
            app=app,
            app_path=app_path,
            explicit_port=explicit_port,
            stopping=stopping,
        ) as service:
            await service.stopping()
    if service.stuck:
        os._exit(0 if was_asked else EXIT_REPLACE)


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise what a group of one holds, not the group: callers tell errors apart by type."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
