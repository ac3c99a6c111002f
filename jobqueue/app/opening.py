"""A broker from settings, and everything under it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from jobqueue.broker.broker import Broker, Connections
from jobqueue.broker.embedded import EmbeddedRedis
from jobqueue.settings import Settings

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
