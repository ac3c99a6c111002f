"""An api process and three worker processes, as `jobqueue serve` starts them, on one Redis."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from jobqueue import JobQueue
from jobqueue.app.opening import open_broker
from jobqueue.broker.broker import Broker
from jobqueue.client import Client
from jobqueue.state import State
from tests.benchmarks._classic_jobs import HEALED, QUEUE
from tests.benchmarks._jobs import settings_for
from tests.benchmarks._listener import Listener, listening
from tests.benchmarks._server import fresh_redis
from tests.support.command import REPOSITORY, answers, clean_environ, command
from tests.support.process import free_port, running
from tests.support.redis import RedisClient
from tests.support.wait import eventually

WORKERS = 3
SLOTS = 10
PATIENCE = 120.0
"""Seconds in which ten thousand no-ops end on any machine that is not broken."""


class System:
    """The running processes, and the ways to talk to them.

    Attributes:
        client: speaks HTTP to the api process.
        app: the Python way in, in this process.
    """

    def __init__(
        self,
        *,
        client: Client,
        app: JobQueue,
        broker: Broker,
        listener: Listener,
        redis: RedisClient,
        healed: Path,
    ) -> None:
        self.client = client
        self.app = app
        self._broker = broker
        self._listener = listener
        self._redis = redis
        self._healed = healed

    async def counts(self) -> dict[State, int]:
        """Jobs of the queue by state."""
        (stats,) = await self._broker.stats([QUEUE])
        return stats.counts

    async def drained(self) -> None:
        """Wait until no job is on its way any more."""

        async def nothing_waits() -> bool:
            counts = await self.counts()
            return not any(counts[state] for state in State if not state.is_final)

        await eventually(nothing_waits, within=PATIENCE)

    async def states(self, ids: list[str]) -> list[State]:
        """The state of each of these jobs that is known."""
        return [each.state for each in (await self._broker.standings(ids)).values()]

    def events(self) -> dict[str, int]:
        """How often each state was announced so far; may be asked once."""
        return self._listener.counts(self._redis)

    def heal(self) -> None:
        """Let all handlers succeed from now on."""
        self._healed.touch()


@asynccontextmanager
async def classic_system(folder: Path) -> AsyncIterator[System]:
    """Everything started, and every worker known to the api."""
    async with AsyncExitStack() as stack:
        redis_url, redis = stack.enter_context(fresh_redis())
        healed = folder / "healed"
        environ = clean_environ() | {
            "JOBQUEUE_REDIS__URL": redis_url,
            "JOBQUEUE_DATA_DIR": str(folder / "data"),
            HEALED: str(healed),
        }

        def serve(name: str, *arguments: str) -> str:
            url = f"http://127.0.0.1:{free_port()}"
            stack.enter_context(
                running(
                    command("serve", "--port", url.rpartition(":")[2], *arguments),
                    ready=lambda: answers(f"{url}/readyz"),
                    log=folder / f"{name}.log",
                    cwd=REPOSITORY,
                    env=environ,
                )
            )
            return url

        api = serve("api", "--role", "api,reaper")
        for number in range(WORKERS):
            work = ("--app", "tests.benchmarks._classic_jobs:app", "--queues", f"{QUEUE}={SLOTS}")
            serve(f"worker-{number}", "--role", "worker", *work)
        settings = settings_for(redis_url)
        client = await stack.enter_async_context(Client(api))

        async def all_workers_beat() -> bool:
            return len(await client.workers()) == WORKERS

        await eventually(all_workers_beat)
        yield System(
            client=client,
            app=await stack.enter_async_context(JobQueue(settings=settings)),
            broker=await stack.enter_async_context(open_broker(settings)),
            listener=stack.enter_context(listening(redis_url)),
            redis=redis,
            healed=healed,
        )
