"""What all rules share: two queues on a real Redis, and a small model of them."""

import asyncio
from typing import TYPE_CHECKING, Any

import redis
from hypothesis.stateful import RuleBasedStateMachine

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.broker.codec import ulid_of
from jobqueue.ids import new_ulid
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.broker.helpers import QUEUE, fingerprint

from .strategies import WORKERS

if TYPE_CHECKING:
    from jobqueue.model import ClaimedJob, Verdict
    from jobqueue.submission import NewJob

LEASE = 0.05
"""Seconds: workers that stall lose their jobs while the machine goes on."""

OTHER = "other"
"""The queue to which jobs are moved, and from which some come back."""


class Machine(RuleBasedStateMachine):
    """Two queues, three workers, and what is known of their jobs.

    The model is small: which ids were accepted, which have a final state, where jobs were moved,
    and which deliveries a worker believes in. What Redis must look like is in `violations`. A job
    is known here by its first id, and all that is done to it is done by that.

    Attributes:
        places: the queue of each job that was ever moved.
        sent: jobs as they were enqueued.
    """

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.namespace = f"machine-{new_ulid()}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True, encoding="latin-1")
        self.broker: Broker = self.run_(self.open())
        self.consumers: dict[tuple[str, str], Consumer] = {}
        for name in WORKERS:
            self.start_worker(name)
        self.accepted: set[str] = set()
        self.places: dict[str, str] = {}
        self.sent: list[NewJob] = []
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
        self.consumers.pop((name, OTHER), None)
        self.consumers[name, QUEUE] = self._new_consumer(name, QUEUE)

    def consumer(self, name: str, queue: str) -> Consumer:
        """A worker's hold on a queue; most workers never look at the other one."""
        if (name, queue) not in self.consumers:
            self.consumers[name, queue] = self._new_consumer(name, queue)
        return self.consumers[name, queue]

    def _new_consumer(self, name: str, queue: str) -> Consumer:
        worker_id = f"{name}-{new_ulid()}"
        consumer: Consumer = self.run_(
            self.broker.consumer(queue, worker_id=worker_id, lease=LEASE)
        )
        return consumer

    @property
    def queues(self) -> list[str]:
        """The queues that were used."""
        return [QUEUE, OTHER] if self.places else [QUEUE]

    def place_of(self, job_id: str) -> str:
        """The queue in which a job is."""
        return self.places.get(job_id, QUEUE)

    def id_now(self, job_id: str) -> str:
        """The id that a job has where it is."""
        return f"{self.place_of(job_id)}-{ulid_of(job_id)}"

    def forget(self, job_ids: set[str]) -> None:
        """An operator removed these jobs."""
        self.accepted -= job_ids
        self.final -= job_ids

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
        assert job.id == self.id_now(job_id), f"{job_id} is not where it was moved"
        state: State = job.state
        return state


def first_id(job_id: str) -> str:
    """The id that a job had at first, from any that it had later."""
    return f"{QUEUE}-{ulid_of(job_id)}"
