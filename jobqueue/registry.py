"""The table of job types: what each one accepts, does, and is allowed."""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from jobqueue.batch import Batch
from jobqueue.errors import SettingsError
from jobqueue.model import TypeInfo
from jobqueue.retry import DEFAULT_RETRY, Retry
from jobqueue.state import STATE_ALIASES, State

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Queue, type and template names: safe in keys, paths, labels and file names."""

RESERVED = frozenset(
    {*State, *STATE_ALIASES}
    | {"bulk", "enqueue", "events", "health", "jobs", "queues", "stats", "workers"}
)
"""Words that mean something else where a name may be: in paths and on the command line."""

DEFAULT_QUEUE = "default"
DEFAULT_TIMEOUT = 300.0
"""Seconds that an attempt of a type without its own timeout may take."""

Handler = Callable[[Any, Any], Awaitable[Any]]
"""Takes a `JobContext` and a payload; for a batch a list of each, and gives a list."""


class JobType(msgspec.Struct, frozen=True):
    """One kind of job.

    Attributes:
        prepare: gives the payload as a job is to keep it; asked at a submit in this process, before
            `parse`, and may look things up; raises as `parse` does.
        parse: turns the payload's JSON bytes into what the handler takes; raises
            `InvalidRequest` naming each wrong field. Used at submit and at start.
        handler: None where the type is known but not run in this process.
        batch: how many jobs the handler takes in one call; None: one, and not as a list.
        renders: whether a worker needs the browser pool for it.
        payload_schema: JSON Schema of the payload, published for other producers.
        limit_key: dotted path to the field of the payload by whose value jobs are grouped for
            limits and turns; None: by their tenant.
        retention: seconds for which a job is kept once it has ended; None: as the settings say.
    """

    name: str
    queue: str
    timeout: float
    retry: Retry
    parse: Callable[[bytes], Any]
    handler: Handler | None = None
    renders: bool = False
    payload_schema: dict[str, Any] | None = None
    limit_key: str | None = None
    retention: float | None = None
    batch: Batch | None = None
    prepare: Callable[[bytes], Awaitable[bytes]] | None = None

    def info(self) -> TypeInfo:
        """What is published of this type for producers in other processes."""
        return TypeInfo(
            name=self.name,
            queue=self.queue,
            timeout=self.timeout,
            max_attempts=self.retry.max_attempts,
            payload_schema=self.payload_schema,
            limit_key=self.limit_key,
            retention=self.retention,
        )


def check_name(kind: str, name: str) -> str:
    """`name`, when it may name a queue, type or template; else SettingsError."""
    if name in RESERVED:
        raise SettingsError(f"{kind} name {name!r} is a word of the API: choose another")
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"{kind} name {name!r}: use lower-case letters, digits and hyphens, at most 63"
        )
    return name


class Registry:
    """Job types by name."""

    def __init__(self) -> None:
        self._types: dict[str, JobType] = {}

    def add(self, job_type: JobType) -> None:
        """Enter a type; a second one of the same name is refused."""
        check_name("job type", job_type.name)
        check_name("queue", job_type.queue)
        if job_type.name in self._types:
            raise SettingsError(f"job type {job_type.name!r} is defined twice")
        self._types[job_type.name] = job_type

    def get(self, name: str) -> JobType | None:
        """The type of this name, if it is known here."""
        return self._types.get(name)

    def __iter__(self) -> Iterator[JobType]:
        return iter(self._types.values())

    def queues(self) -> set[str]:
        """The queues of all types that can run here."""
        return {job_type.queue for job_type in self if job_type.handler}

    def largest_batch(self, queue: str) -> int:
        """Most jobs that a handler of this queue takes in one call."""
        sizes = (each.batch.size for each in self if each.batch and each.queue == queue)
        return max(sizes, default=1)


__all__ = ["DEFAULT_RETRY", "Handler", "JobType", "Registry", "check_name"]
