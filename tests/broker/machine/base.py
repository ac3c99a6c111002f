"""What all rules share: a queue on a real Redis, and a small model of it."""

import asyncio
from typing import TYPE_CHECKING, Any

import redis
from hypothesis.stateful import RuleBasedStateMachine

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.ids import new_ulid
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.broker.helpers import QUEUE, fingerprint

from .strategies import WORKERS

if TYPE_CHECKING:
    from jobqueue.model import ClaimedJob, Verdict

LEASE = 0.05
"""Seconds: workers that stall lose their jobs while the machine goes on."""


class Machine(RuleBasedStateMachine):
    """A queue, three workers, and what is known of its jobs.

    The model is small: which ids were accepted, which have a final state, and which
    deliveries a worker believes in. What Redis must look like is in `violations`.
    """

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.namespace = f"machine-{new_ulid()}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True, encoding="latin-1")
        self.broker: Broker = self.run_(self.open())
        self.consumers: dict[str, Consumer] = {}
        for name in WORKERS:
            self.start_worker(name)
        self.accepted: set[str] = set()
        self.final: set[str] = set()
        self.held: list[tuple[str, ClaimedJob]] = []
        self.settled: list[tuple[str, Verdict]] = []
        self.tokens: set[tuple[str, str]] = set()

    def run_(self, coroutine: Any) -> Any:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(coroutine)

    async def open(self) -> Broker:
        """A broker of the machine's own namespace."""
        connections = await Connections.open(self.url)
        return Broker(connections, namespace=self.namespace, retention=RetentionSettings())

    def start_worker(self, name: str) -> None:
        """A new incarnation in the place of the worker of this name."""
        worker_id = f"{name}-{new_ulid()}"
        self.consumers[name] = self.run_(
            self.broker.consumer(QUEUE, worker_id=worker_id, lease=LEASE)
        )

    def look(self) -> None:
        """Which of the open jobs have ended, by whatever followed from a step."""
        self.final |= {
            job_id for job_id in self.accepted - self.final if self.state_of(job_id).is_final
        }

    def digest(self) -> dict[str, str]:
        """Of all keys but those that go by themselves."""
        digests = fingerprint(self.client, self.namespace)
        return {name: digest for name, digest in digests.items() if self.client.ttl(name) == -1}

    def now(self) -> int:
        """Redis' clock, in Unix milliseconds."""
        seconds, micros = self.client.time()
        return int(seconds * 1000 + micros // 1000)

    def state_of(self, job_id: str) -> State:
        """The state of a job that was accepted."""
        job = self.run_(self.broker.get(job_id))
        assert job is not None, f"{job_id} was accepted and is gone"
        state: State = job.state
        return state
