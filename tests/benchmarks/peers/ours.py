"""The queue of this repository: as its users see it, its worker as `serve` runs it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from typing_extensions import override

from jobqueue import JobContext, JobQueue, Settings
from jobqueue.app.contents import Contents
from jobqueue.app.opening import LazyStorage, open_broker
from jobqueue.logs import configure_logging
from jobqueue.settings import LogSettings, RedisSettings
from jobqueue.worker.worker import Worker
from tests.benchmarks.peers._driver import RESULT, Driver, Payload, Starts, main

TYPE, QUEUE = "noop", "bench"


class Ours(Driver):
    """JobQueue and Worker: metrics, leases and JSON logs at INFO as they are by default."""

    def __init__(self, app: JobQueue, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._started = Starts()
        app.job(TYPE, queue=QUEUE)(self._noop)

    @classmethod
    @asynccontextmanager
    @override
    async def connect(cls, url: str) -> AsyncIterator[Self]:
        settings = Settings(redis=RedisSettings(url=url), log=LogSettings(format="json"))
        async with JobQueue(settings=settings) as app:
            yield cls(app, settings)

    @override
    async def enqueue(self, payload: Payload) -> None:
        await self._app.enqueue(TYPE, payload)

    @override
    async def enqueue_bulk(self, payloads: list[Payload]) -> None:
        await self._app.enqueue_many([{"type": TYPE, "payload": payload} for payload in payloads])

    @override
    async def work(self, concurrency: int, started: Starts) -> None:
        self._started = started
        settings = self._settings
        configure_logging(settings.log)
        async with open_broker(settings) as broker:
            worker = await Worker.open(
                broker,
                self._app.registry,
                settings=settings.worker,
                limits=settings.limits,
                contents=Contents(broker, LazyStorage(settings).get, settings.limits),
                queues={QUEUE: concurrency},
                roles=["worker"],
                version="bench",
            )
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
            await worker.run()

    async def _noop(self, _job: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
        self._started(payload)
        return RESULT


if __name__ == "__main__":
    main(Ours)
