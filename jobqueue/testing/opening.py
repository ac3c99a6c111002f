"""The Redis and the storage of an app, opened beside it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from jobqueue.app.contents import Contents
from jobqueue.app.opening import LazyStorage, open_broker
from jobqueue.app.queue import JobQueue
from jobqueue.broker.broker import Broker
from jobqueue.settings import Settings


class Opened(NamedTuple):
    """What was opened, and as what settings say."""

    settings: Settings
    broker: Broker
    contents: Contents


@asynccontextmanager
async def opened(app: JobQueue) -> AsyncIterator[Opened]:
    """What `app` opens for itself, whether it is open or not."""
    settings = app.load_settings()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(open_broker(settings))
        storage = LazyStorage(settings)
        stack.push_async_callback(storage.close)
        yield Opened(settings, broker, Contents(broker, storage.get, settings.limits))
