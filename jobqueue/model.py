"""What a job is: states, priorities, and the values that travel between the parts.

Pure: nothing here does I/O. Times ending in `_ms` are milliseconds (Unix time or
spans), everything else is seconds. Payloads and results are JSON as bytes: the
broker never looks into them. A large one is a reference to the storage instead, see
`jobqueue.app.references`.
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from jobqueue.state import State
from jobqueue.submission import JobOptions, Parent, Priority


class ClaimedJob(msgspec.Struct, frozen=True):
    """One delivery of a job to a worker, who must settle it with `token`.

    Attributes:
        token: fencing token; every write about this delivery carries it.
        attempt: number of the attempt that starts now, from 1.
        deliveries: claims since the last verdict, this one included.
        crashes: how often a worker died while it held this job.
        waited_ms: how long it was ready before it was claimed, by the clocks of
            Redis and of whoever made its id.
        group: whose limits it counts against, see `NewJob`.
    """

    id: str
    queue: str
    type: str
    payload: bytes
    options: JobOptions
    token: str
    attempt: int
    deliveries: int
    crashes: int
    waited_ms: int = 0
    group: str | None = None


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt failed, as kept with the job."""

    code: str
    message: str
    attempt: int = 0
    traceback: str | None = None


class Outcome(StrEnum):
    """How one attempt ended."""

    COMPLETED = "completed"
    RETRY = "retry"
    SNOOZE = "snooze"
    RATE_LIMITED = "rate_limited"
    """As snooze, and its group (or the worker's pool, where it has none) is held back meanwhile."""
    WAIT = "wait"
    """Again when the jobs in `parents` have ended; the attempt is not spent."""
    RETURNED = "returned"
    """Handed back unspent (shutdown): first in its lane, at once."""
    DEAD = "dead"
    CANCELLED = "cancelled"


class Verdict(msgspec.Struct, frozen=True):
    """What a worker says about a delivery.

    Attributes:
        delay_ms: wait before the next attempt (retry, snooze, rate_limited).
        result: JSON of the handler's return value (completed).
        failure: what went wrong (retry, dead).
        reason: one stable word for a dead or cancelled job, e.g. `template_error`.
    """

    id: str
    token: str
    outcome: Outcome
    delay_ms: int = 0
    result: bytes | None = None
    failure: Failure | None = None
    reason: str | None = None
    parents: tuple[Parent, ...] = ()


class Settled(StrEnum):
    """The broker's answer to a verdict."""

    OK = "ok"
    CANCELLED = "cancelled"
    """Somebody had cancelled the job: it ended so, and not as the verdict said."""
    DONE = "done"
    """This verdict had arrived before; nothing changed."""
    STALE = "stale"
    """The delivery is no longer this worker's; nothing changed."""


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a running job is: 0-100 percent and a short text."""

    percent: float
    message: str | None = None
    updated_at_ms: int = 0


class Job(msgspec.Struct, frozen=True):
    """Everything that is known of a job at one moment; times in Unix milliseconds."""

    id: str
    queue: str
    type: str
    state: State
    priority: Priority
    payload: bytes
    options: JobOptions
    created_at_ms: int
    attempt: int = 0
    deliveries: int = 0
    crashes: int = 0
    run_at_ms: int | None = None
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    worker_id: str | None = None
    progress: Progress | None = None
    result: bytes | None = None
    failure: Failure | None = None
    reason: str | None = None
    cancel_requested: bool = False


class Submitted(msgspec.Struct, frozen=True):
    """What became of a submit: the new job, or the one that stands for it (see `Accepted`)."""

    job: Job
    stands_for: Literal["key", "unique"] | None = None


class Page(msgspec.Struct, frozen=True):
    """A part of a listing; `cursor` is None at its end (a page may be empty before it)."""

    jobs: list[Job]
    cursor: str | None


class PoolInfo(msgspec.Struct, frozen=True):
    """One pool of a worker: a queue, its slots, and what runs in them."""

    queue: str
    slots: int
    busy: int
    jobs: tuple[str, ...] = ()


class WorkerInfo(msgspec.Struct, frozen=True):
    """A worker process as it describes itself at each beat.

    Attributes:
        quiet: it claims nothing, because an operator said so.
    """

    id: str
    host: str
    pid: int
    roles: tuple[str, ...]
    version: str
    pools: tuple[PoolInfo, ...]
    processed: int
    failed: int
    started_at_ms: int
    last_beat_at_ms: int = 0
    quiet: bool = False


class TypeInfo(msgspec.Struct, frozen=True):
    """A job type as workers publish it, so that producers elsewhere can check jobs."""

    name: str
    queue: str
    timeout: float
    max_attempts: int
    payload_schema: dict[str, Any] | None = None
    limit_key: str | None = None
    retention: float | None = None


class CancelResult(StrEnum):
    """What a cancel did."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"
    """The job is running: its worker is told and ends it within a second."""
    ALREADY_FINISHED = "already_finished"
    NOT_FOUND = "not_found"


class RetryResult(StrEnum):
    """What a retry of a finished job did."""

    QUEUED = "queued"
    NOT_RETRYABLE = "not_retryable"
    DUPLICATE = "duplicate"
    """Another job holds its unique key now."""
    NOT_FOUND = "not_found"


class QueueStats(msgspec.Struct, frozen=True):
    """Jobs of one queue by state, and the age of the oldest that is ready to start."""

    queue: str
    counts: dict[State, int]
    oldest_queued_seconds: float = 0.0
    paused: bool = False


class Delivery(msgspec.Struct, frozen=True):
    """One delivery of a job that was not its last; times in Unix milliseconds.

    Attributes:
        outcome: how it ended; `moved`: no delivery, but the job's way from another queue.
        moved_from: the id that it had there.
    """

    outcome: str
    started_at_ms: int | None
    ended_at_ms: int
    worker_id: str
    error: str | None = None
    moved_from: str | None = None
