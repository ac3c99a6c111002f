"""The broker as the rest of the program sees it. (skeleton, being filled in)"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec

from jobqueue.broker.connections import Connections
from jobqueue.model import (
    Accepted,
    CancelResult,
    ClaimedJob,
    Job,
    NewJob,
    Page,
    Progress,
    QueueStats,
    RetryResult,
    Settled,
    State,
    TypeInfo,
    Verdict,
    WorkerInfo,
)
from jobqueue.settings import RetentionSettings


class Event(msgspec.Struct, frozen=True):
    """A published transition (or progress) of a job; `error` is a failed attempt's message."""

    job_id: str
    status: State
    worker_id: str | None
    timestamp_ms: int
    error: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """What a claim brought.

    Attributes:
        more: ask again at once: the call's budget ended before the queue did.
        due_in: this worker holds the alarm: call `claim` again after so many seconds;
            None: somebody else does.
        ready: how many more jobs were ready when the call ended (a hint).
    """

    jobs: list[ClaimedJob]
    more: bool
    due_in: float | None


class Lease(msgspec.Struct, frozen=True):
    """One delivery to keep alive."""

    job_id: str
    token: str


class Renewal(msgspec.Struct, frozen=True):
    """Deliveries that are no longer the worker's, and jobs that somebody cancelled."""

    lost: list[str]
    cancelled: list[str]


class ReapReport(msgspec.Struct, frozen=True):
    """What one reaper pass over a queue did; `more`: a bound was hit, pass again at once."""

    promoted: int = 0
    recovered: int = 0
    crashed: int = 0
    returned: int = 0
    removed: int = 0
    more: bool = False


class ServerInfo(msgspec.Struct, frozen=True):
    """What matters about the Redis server."""

    product: str
    version: str
    maxmemory_policy: str
    appendonly: bool


class Broker:
    """All verbs on all queues of one namespace."""

    def __init__(
        self, connections: Connections, *, namespace: str, retention: RetentionSettings
    ) -> None: ...

    # -- producers -------------------------------------------------------------------------
    async def enqueue(self, job: NewJob) -> Accepted: ...
    async def enqueue_many(self, jobs: Sequence[NewJob]) -> list[Accepted]: ...

    # -- readers ---------------------------------------------------------------------------
    async def get(self, job_id: str) -> Job | None: ...
    async def list_jobs(
        self,
        state: State,
        *,
        queue: str | None = None,
        type: str | None = None,
        tag: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """`queue=None`: over all queues. Raises InvalidRequest for a broken cursor."""
        ...

    async def stats(self, queues: Iterable[str] | None = None) -> list[QueueStats]: ...
    async def queues(self) -> list[str]: ...
    async def workers(self) -> list[WorkerInfo]: ...
    async def types(self) -> dict[str, TypeInfo]: ...
    async def publish_types(self, types: Iterable[TypeInfo]) -> None: ...
    async def ping(self) -> None: ...
    async def server_info(self) -> ServerInfo: ...
    def events(
        self, job_id: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Transitions of one job, or of all; subscribed once the context is entered."""
        ...

    # -- operators -------------------------------------------------------------------------
    async def cancel(self, job_id: str) -> CancelResult: ...
    async def retry(self, job_id: str) -> RetryResult: ...

    # -- workers ---------------------------------------------------------------------------
    def consumer(self, queue: str, *, worker_id: str, lease: float) -> "Consumer": ...
    def cancellations(self) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Ids of running jobs that somebody just cancelled (any worker's); reconnects itself.

        Best effort; the durable flag is what `LeaseRenewer.renew` reports.
        """
        ...

    def lease_renewer(self, lease: float) -> "LeaseRenewer": ...

    # -- reaper ----------------------------------------------------------------------------
    async def reap(self, queue: str, *, lease: float) -> ReapReport: ...
    async def reaper_beat_age(self) -> float | None:
        """Seconds since any reaper's last pass; None: never."""
        ...

    async def close(self) -> None: ...


class Consumer:
    """One pool's hold on one queue. Calls survive lost replies: they are re-sent until answered.

    All methods raise RedisUnavailable after their own bounded re-sends (about 2 s), so that
    the caller's loop decides to go on; a claim whose fate is unknown keeps its nonce, so the
    next `claim` returns what it had taken. A settle that raised must be called again with
    the same verdicts.
    """

    async def wait(self, timeout: float) -> None:
        """Block until a job may be ready, at most `timeout` s. Never cancel this call."""

    async def claim(self, slots: int) -> Claim: ...
    async def settle(self, verdicts: Sequence[Verdict]) -> list[Settled]: ...
    async def settle_and_claim(
        self, verdicts: Sequence[Verdict], slots: int
    ) -> tuple[list[Settled], Claim]: ...
    async def report(self, progress: Mapping[Lease, Progress]) -> list[str]:
        """Publish progress; returns the ids whose lease is no longer this worker's."""
        ...

    async def beat(self, info: WorkerInfo) -> None:
        """Say that this worker lives; every 5 s. `info` holds all pools of the process."""

    async def leave(self) -> None:
        """Hand back the inbox and sign off; after the last settle."""


class LeaseRenewer:
    """Synchronous, for the keeper's own thread: has its own connection."""

    def renew(self, leases: Iterable[Lease]) -> Renewal:
        """Push every lease to now + lease. Raises RedisUnavailable."""
        ...

    def close(self) -> None: ...
