"""What a producer asks for, and what becomes of it: the values between submit and broker.

Pure: nothing here does I/O. Times ending in `_ms` are milliseconds, everything else is seconds.
"""

from enum import IntEnum, StrEnum
from typing import Any, Literal

import msgspec

from jobqueue.retry import Backoff
from jobqueue.state import State


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
            group), parent (a job that it depends on is unknown) or older (a worker of an older
            version would not heed what it asks for).
        what: the job's id that is in the way or missing; for full the jobs there, the limit and
            the group; for older the worker.
    """

    why: str
    what: str
