"""What a job is: states, priorities, and the values that travel between the parts.

Pure: nothing here does I/O. Times ending in `_ms` are milliseconds (Unix time or
spans), everything else is seconds. Payloads and results are JSON as bytes: the
broker never looks into them. A large one is a reference to the storage instead, see
`jobqueue.app.references`.
"""

from enum import IntEnum, StrEnum
from typing import Any, Literal

import msgspec

from jobqueue.retry import Backoff


class State(StrEnum):
    """Where a job is: `scheduled → queued → active → completed | dead | cancelled`."""

    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a job in this state never runs again by itself."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({State.COMPLETED, State.DEAD, State.CANCELLED})

STATE_ALIASES = {
    "waiting": State.QUEUED,
    "pending": State.QUEUED,
    "processing": State.ACTIVE,
    "delayed": State.SCHEDULED,
    "failed": State.DEAD,
}
"""What other systems call the states; accepted wherever a state is taken."""


def parse_state(name: str) -> State | None:
    """The state of this name or alias; None for any other word."""
    try:
        return STATE_ALIASES.get(name) or State(name)
    except ValueError:
        return None


class Priority(IntEnum):
    """The four lanes: strict order between them, first in first out inside."""

    CRITICAL = 20
    HIGH = 15
    NORMAL = 10
    LOW = 5

    @property
    def label(self) -> str:
        """The name that the API shows, e.g. `critical`."""
        return self.name.lower()


class UniqueMode(StrEnum):
    """What happens to a job whose unique key another job holds."""

    SIMPLE = "simple"
    """The other stands for it, until the other has ended."""
    THROTTLE = "throttle"
    """The other stands for it, for `ttl` seconds, whatever becomes of the other."""
    DEBOUNCE = "debounce"
    """It replaces the payload of the other, which starts `ttl` seconds after the last one."""
    LATEST = "latest"
    """It replaces the payload of the other, or where that runs, the newest runs once after it."""


class Unique(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job of a key at a time, within a queue.

    Attributes:
        ttl: seconds; needed by throttle and debounce, and for the others the longest time for
            which a job holds the key.
    """

    key: str
    mode: UniqueMode = UniqueMode.SIMPLE
    ttl: float | None = None


class Parent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job that must end before another starts.

    Attributes:
        on_failure: what happens to the job that waits when this one ends dead or cancelled:
            it is dead too (fail), cancelled too (cancel), waits on for the others as if this one
            had completed (ignore), or starts at once, without waiting for the others (continue).
    """

    id: str
    on_failure: Literal["fail", "cancel", "ignore", "continue"] = "fail"


class JobOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job asks for beyond its type's policy; None leaves it to the type.

    Attributes:
        key: idempotency key.
        expires_in: seconds within which it must start, else it is cancelled.
        retention: seconds for which it is kept once it has ended.
    """

    timeout: float | None = None
    max_attempts: int | None = None
    backoff: Backoff | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    tenant: str | None = None
    key: str | None = None
    unique: Unique | None = None
    expires_in: float | None = None
    depends_on: tuple[Parent, ...] = ()
    retention: float | None = None


DEFAULT_OPTIONS = JobOptions()


class NewJob(msgspec.Struct, frozen=True):
    """A job that a producer wants to run.

    Attributes:
        id: `<queue>-<ULID>` of `jobqueue.ids.new_job_id`; a re-send keeps it.
        delay_ms: earliest start counted from Redis' clock at the submit; or
        run_at_ms: earliest start as Unix time. Neither: at once.
        digest: of the request, so that a second one with the same idempotency key is known to
            be the same.
        group: whose turn it takes and whose limits it counts against: its tenant, or the value
            of its type's limit key.
    """

    id: str
    type: str
    payload: bytes
    priority: Priority = Priority.NORMAL
    delay_ms: int = 0
    run_at_ms: int = 0
    options: JobOptions = DEFAULT_OPTIONS
    digest: str = ""
    group: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """What a producer gets for each job: its id and state.

    Attributes:
        stands_for: whether this is another job, which was there before and stands for the one
            that was sent: by its idempotency key (`key`) or its unique key (`unique`).
    """

    id: str
    state: State
    stands_for: Literal["key", "unique"] | None = None


class Durability(StrEnum):
    """What has happened to a job when its submit returns, beyond being in Redis' memory."""

    REPLICATED = "replicated"
    """One replica has it in its memory too."""
    FSYNC = "fsync"
    """Redis' append-only file has it, on the disk."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a job does not come in.

    Attributes:
        why: conflict (its idempotency key was used by another request), full (of its queue or
            group) or parent (a job that it depends on is unknown).
        what: the job's id that is in the way or missing; for full the jobs there, the limit and
            the group.
    """

    why: str
    what: str


class ClaimedJob(msgspec.Struct, frozen=True):
    """One delivery of a job to a worker, who must settle it with `token`.

    Attributes:
        token: fencing token; every write about this delivery carries it.
        attempt: number of the attempt that starts now, from 1.
        deliveries: claims since the last verdict, this one included.
        crashes: how often a worker died while it held this job.
        waited_ms: how long it was ready before it was claimed, by the clocks of
            Redis and of whoever made its id.
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
    """As snooze, and its group (or the queue, where it has none) is held back meanwhile."""
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


class Rate(msgspec.Struct, frozen=True):
    """At most `count` starts in any `period` seconds."""

    count: int
    period: float


class GroupLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one tenant (or value of a limit key) may do; None: what the queue says for each.

    Attributes:
        weight: jobs that start in its turn.
        concurrency: jobs that run at once, on all workers.
        size: jobs that have not ended.
    """

    weight: int = 1
    paused: bool = False
    concurrency: int | None = None
    rate: Rate | None = None
    size: int | None = None


class QueueLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a queue may do, on all workers together; None: no limit.

    Attributes:
        concurrency: jobs that run at once.
        size: jobs that wait (queued, scheduled, blocked).
        group_concurrency, group_rate, group_size: the same for each tenant or value of a limit
            key, unless it has limits of its own.
        starvation_after: seconds after which a job that waits counts as one of the next higher
            lane.
    """

    concurrency: int | None = None
    rate: Rate | None = None
    size: int | None = None
    group_concurrency: int | None = None
    group_rate: Rate | None = None
    group_size: int | None = None
    starvation_after: float | None = None


class Delivery(msgspec.Struct, frozen=True):
    """One delivery of a job that was not its last; times in Unix milliseconds."""

    outcome: str
    started_at_ms: int | None
    ended_at_ms: int
    worker_id: str
    error: str | None = None
