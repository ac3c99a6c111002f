"""What a program needs from outside, out of its settings: a broker, and a storage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from jobqueue.broker.broker import Broker, Connections
from jobqueue.broker.embedded import EmbeddedRedis
from jobqueue.settings import Settings
from jobqueue.storage.base import Storage
from jobqueue.storage.factory import make_storage

EMBEDDED = "embedded:"
"""The Redis URL that stands for a private server under `data_dir`."""


@asynccontextmanager
async def open_broker(settings: Settings) -> AsyncIterator[Broker]:
    """A broker on the Redis of `settings`, which is started first where it is embedded.

    Raises:
        ServerUnreachable: that Redis does not answer.
        SettingsError: its URL is wrong, or there is no server to embed.
    """
    async with AsyncExitStack() as stack:
        url = settings.redis.url
        if url == EMBEDDED:
            server = EmbeddedRedis(settings.data_dir)
            url = await server.start()
            stack.push_async_callback(server.close)
        connections = await Connections.open(url)
        broker = Broker(
            connections, namespace=settings.redis.namespace, retention=settings.retention
        )
        stack.push_async_callback(broker.close)
        yield broker


class LazyStorage:
    """The storage of `settings`, opened when it is first asked for: most programs never do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._storage: Storage | None = None

    async def get(self) -> Storage:
        """The storage, started.

        Raises:
            SettingsError: the settings name no folder and no bucket.
            StorageUnavailable: it cannot be opened.
        """
        async with self._opening:
            if self._storage is None:
                storage = make_storage(self._settings.storage, self._settings.data_dir)
                self._stack.push_async_callback(storage.close)
                await storage.start()
                self._storage = storage
            return self._storage

    async def close(self) -> None:
        """Release what was opened."""
        await self._stack.aclose()
