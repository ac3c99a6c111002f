"""Builds the parts that the roles of a process need, in the order they need each other."""

import asyncio
import sys
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from importlib.metadata import version

import msgspec
import structlog
from prometheus_client import REGISTRY

from jobqueue.app import JobQueue, Operations
from jobqueue.app.contents import Contents, already
from jobqueue.broker.broker import Broker
from jobqueue.errors import RedisUnavailable, ServerUnreachable, SettingsError
from jobqueue.health import Health, Readiness
from jobqueue.housekeeping import Housekeeper
from jobqueue.http.server import HttpServer
from jobqueue.jobs.builtin import add_builtin_types
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.jobs.template_store import TemplateStore
from jobqueue.metrics import BUILD_INFO
from jobqueue.net.vetting import Vetting
from jobqueue.reaper import Reaper
from jobqueue.registry import Registry, check_name
from jobqueue.render.filling.filler import Filler
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.service.probes import reaper_probe, redis_probe, storage_probe
from jobqueue.settings import Settings
from jobqueue.storage.base import Storage
from jobqueue.storage.factory import make_storage
from jobqueue.worker.link import Plan
from jobqueue.worker.supervisor import Supervisor
from jobqueue.worker.worker import Worker

DEFAULT_PORTS = {"api": 8080, "worker": 9101, "reaper": 9102}
"""Where a process listens whose port is not set: at the port of its first role in this order."""

REPORTS_PER_BROWSER_SLOT = 3
"""Reports at work for each that the browser prints: while one prints, another is filled and another
stored, so that the browser waits for neither. With a concurrency of 1 it is one."""

VERSION = version("jobqueue")

NO_SANDBOX = "Chromium runs without its sandbox: `jobqueue check` tells what it needs"

_log = structlog.get_logger(__name__)


class Parts(msgspec.Struct):
    """What a process is made of; None where its roles do not need it."""

    health: Health
    workforce: Worker | Supervisor | None = None
    reaper: Reaper | None = None
    housekeeper: Housekeeper | None = None
    operations: Operations | None = None
    http: HttpServer | None = None


class Assembly:
    """Opens what is needed on a stack, which closes it again in reverse.

    Args:
        roles: some of `api`, `worker`, `reaper`.
        app: the user's job types.
        app_path: `module:object` of them, for worker processes of their own.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        settings: Settings,
        broker: Broker,
        *,
        roles: Collection[str],
        app: JobQueue | None,
        app_path: str | None,
    ) -> None:
        self._stack = stack
        self._settings = settings
        self._broker = broker
        self._roles = roles
        self._app = app
        self._app_path = app_path
        self._health = Health()
        self._storage: Storage | None = None
        self._shelf: TemplateShelf | None = None

    async def build(self, *, listens: bool, explicit_port: bool) -> Parts:
        """All parts, ready to run.

        Raises:
            SettingsError: a setting is wrong, or what it asks for is not there.
            ServerUnreachable: Redis cannot be reached.
        """
        BUILD_INFO.labels(VERSION).set(1)
        self._health.add_readiness("redis", redis_probe(self._broker))
        parts = Parts(self._health)
        registry = self._registry(renderer=None, storage=None)
        if "worker" in self._roles:
            registry = await self._add_workforce(parts)
        if "reaper" in self._roles:
            parts.reaper = Reaper(self._broker, lease=self._settings.worker.lease)
            storage = await self._open_storage()
            retention = self._settings.storage.retention
            parts.housekeeper = Housekeeper(self._broker, storage, retention=retention)
        else:
            probe = reaper_probe(self._broker)
            self._health.add_readiness("reaper", probe, required=False)
        if "api" in self._roles:
            storage = await self._open_storage()
            parts.operations = Operations(
                self._broker, registry, self._settings, storage, self._open_shelf()
            )
        if listens:
            parts.http = await self._listen(parts, explicit_port=explicit_port)
        return parts

    async def _add_workforce(self, parts: Parts) -> Registry:
        """Add a worker, or a supervisor of several; gives the types that run here."""
        if self._settings.worker.processes > 1:
            supervisor = parts.workforce = self._supervisor()
            self._health.add_readiness("worker_processes", _asked(supervisor.problem))
            return self._registry(renderer=None, storage=None)
        storage = await self._open_storage()
        renderer = RenderPool(self._settings.render, self._settings.limits)
        registry = self._registry(renderer=renderer, storage=storage)
        queues = self._queues(registry)
        if any(job_type.renders and job_type.queue in queues for job_type in registry):
            await self._start(renderer)
        else:
            registry = self._registry(renderer=None, storage=None)
        parts.workforce = await self._worker(registry, queues, storage)
        return registry

    async def _worker(self, registry: Registry, queues: dict[str, int], storage: Storage) -> Worker:
        open_storage = already(storage)
        try:
            worker = await Worker.open(
                self._broker,
                registry,
                settings=self._settings.worker,
                limits=self._settings.limits,
                contents=Contents(self._broker, open_storage, self._settings.limits),
                queues=queues,
                roles=self._roles,
                version=VERSION,
            )
        except RedisUnavailable as error:
            raise ServerUnreachable(str(error)) from error
        if self._app is not None:
            self._app.attach(self._broker, self._settings, open_storage=open_storage)
            await self._stack.enter_async_context(self._app.started())
        self._health.add_liveness("worker", worker.problem)
        self._health.add_readiness("worker", _asked(lambda: _draining(worker)))
        return worker

    def _supervisor(self) -> Supervisor:
        if self._app is not None and self._app_path is None:
            raise SettingsError(
                "worker.processes: more than one needs the app as module:object, with --app"
            )
        loop = type(asyncio.get_running_loop())
        plans = [
            Plan(
                settings=settings.model_dump(mode="json", exclude={"http"}),
                app=self._app_path,
                import_path=sys.path,
                loop=f"{loop.__module__}:{loop.__qualname__}",
            )
            for settings in divide(self._settings)
        ]
        return Supervisor(plans, drain=self._settings.worker.drain)

    def _registry(self, *, renderer: RenderPool | None, storage: Storage | None) -> Registry:
        registry = Registry()
        for job_type in self._app.registry if self._app else ():
            registry.add(job_type)
        shelf = self._open_shelf()
        render = self._settings.render
        add_builtin_types(
            registry,
            templates=shelf.shipped,
            renderer=renderer,
            storage=storage,
            shelf=shelf,
            vetting=Vetting(render.allow_hosts, denied=render.deny_hosts),
        )
        return registry

    def _open_shelf(self) -> TemplateShelf:
        """The templates of this process; what fills them starts when it is needed."""
        if self._shelf is None:
            filler = Filler(self._settings.render.slots)
            self._stack.push_async_callback(filler.close)
            store = TemplateStore(self._open_storage)
            self._shelf = TemplateShelf(Templates(), store, filler, self._settings.render.templates)
        return self._shelf

    def _queues(self, registry: Registry) -> dict[str, int]:
        """The queues to work on, with their slots."""
        known = registry.queues()
        if not self._settings.worker.queues:
            rendering = {job_type.queue for job_type in registry if job_type.renders}
            slots = self._settings.worker.concurrency
            printed = min(slots, self._settings.render.slots)
            reports = printed if slots == 1 else printed * REPORTS_PER_BROWSER_SLOT
            return {queue: reports if queue in rendering else slots for queue in known}
        for queue in self._settings.worker.queues:
            check_name("queue", queue)
            if queue not in known:
                _log.warning("no job type of this worker has this queue", queue=queue)
        return dict(self._settings.worker.queues)

    async def _start(self, renderer: RenderPool) -> None:
        await renderer.start()
        self._stack.push_async_callback(renderer.close)
        self._health.add_readiness("browser", renderer.problem)
        sandbox = _asked(lambda: None if renderer.sandboxed else NO_SANDBOX)
        self._health.add_readiness("browser_sandbox", sandbox, required=False)

    async def _open_storage(self) -> Storage:
        if self._storage is None:
            self._storage = make_storage(self._settings.storage, self._settings.data_dir)
            await self._storage.start()
            self._stack.push_async_callback(self._storage.close)
            self._health.add_readiness("storage", storage_probe(self._storage), required=False)
        return self._storage

    async def _listen(self, parts: Parts, *, explicit_port: bool) -> HttpServer:
        supervisor = parts.workforce if isinstance(parts.workforce, Supervisor) else None
        http = HttpServer(
            self._settings.http,
            health=self._health,
            operations=parts.operations,
            explicit_port=explicit_port,
            default_port=next(port for role, port in DEFAULT_PORTS.items() if role in self._roles),
            metrics=supervisor.metrics if supervisor else REGISTRY,
        )
        await http.start()
        return http


def divide(settings: Settings) -> list[Settings]:
    """The settings of each worker process: browser slots are shared out, at least one each."""
    count = settings.worker.processes
    share, rest = divmod(settings.render.slots, count)
    worker = settings.worker.model_copy(update={"processes": 1})
    slots = [max(share + (number < rest), 1) for number in range(count)]
    return [
        settings.model_copy(
            update={
                "worker": worker,
                "render": settings.render.model_copy(update={"slots": each}),
            }
        )
        for each in slots
    ]


def _draining(worker: Worker) -> str | None:
    return "draining" if worker.draining.is_set() else None


def _asked(look: Callable[[], str | None]) -> Readiness:
    """A probe that needs no waiting."""

    async def probe() -> str | None:
        return look()

    return probe
