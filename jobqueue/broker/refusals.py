"""What a refusal of new jobs means to their producer."""

from collections.abc import Container, Iterable, Sequence
from itertools import chain

from jobqueue.access import plain_key
from jobqueue.conflicts import IdempotencyConflict
from jobqueue.errors import (
    Backpressure,
    FieldError,
    JobqueueError,
    QueueFull,
    SchemaMismatch,
    TenantFull,
    UnknownParent,
)
from jobqueue.ids import partition_of, queue_of
from jobqueue.submission import Accepted, NewJob, Refusal


def error_of(job: NewJob, refusal: Refusal, *, at: str = "") -> JobqueueError:
    """The error that tells what to do; `at` is where the job is in its call (JSON pointer)."""
    queue = queue_of(partition_of(job.id))
    match refusal.why:
        case "conflict":
            return IdempotencyConflict(
                f"the idempotency key {plain_key(job.options.key or '')!r} was used for another "
                f"request, which made job {refusal.what}: choose another key"
            )
        case "parent":
            message = f"there is no job {refusal.what}: it never was, or its retention is over"
            return UnknownParent(
                "a job depends on one that is not known",
                (FieldError(f"{at}/depends_on", message),),
            )
        case "older":
            return SchemaMismatch(
                f"worker {refusal.what} of queue {queue} is of an older "
                "version, which would not heed what the job asks for: exchange it first"
            )
        case _:
            there, size, *group = refusal.what.split(" ", 2)
            return full(queue, int(there), int(size), *(name.encode() for name in group))


def full(queue: str, there: int, size: int, group: bytes | None = None) -> Backpressure:
    """There is no room for a call's jobs, in the queue or for one of its groups."""
    if group is not None:
        return TenantFull(
            f"{group.decode()!r} has {there} jobs that have not ended, its limit is {size}: "
            "try again later"
        )
    return QueueFull(f"{there} jobs wait in queue {queue!r}, its limit is {size}: try again later")


def check_keys(parts: Iterable[Sequence[NewJob]]) -> None:
    """Raise where a call has one idempotency key for two requests, in whichever of its parts."""
    first: dict[str, NewJob] = {}
    for job in chain.from_iterable(parts):
        if job.options.key is not None:
            same = first.setdefault(job.options.key, job)
            if same.digest != job.digest:
                raise error_of(job, Refusal("conflict", same.id))


def check(
    call: Sequence[NewJob],
    jobs: Sequence[NewJob],
    answers: Sequence[Accepted | Refusal],
    *,
    coming: Container[str] = (),
) -> list[Accepted]:
    """The answers of `jobs`, a part of `call`; raises what refuses one of them.

    Jobs may wait for those that are `coming`: not known yet, and known when these come in.
    """
    accepted: list[Accepted] = []
    for job, answer in zip(jobs, answers, strict=True):
        if isinstance(answer, Accepted):
            accepted.append(answer)
        elif answer.why != "parent" or answer.what not in coming:
            raise error_of(job, answer, at=f"/{call.index(job)}")
    return accepted
