"""The scripts' typed stubs: one function a script, checked against the script's own text.

A stub's parameters are the script's `ARGV` in order, so a script and its callers cannot
drift apart: a mismatch stops the import.
"""

from collections.abc import Iterable

from jobqueue.broker.script import Argument, Script, ScriptCall

__all__ = ["Argument", "ScriptCall"]


@Script
def enqueue(retention: str, mode: str, rest: Iterable[Argument], /) -> None:
    """Accept up to 500 jobs: id, spec, delay_ms, run_at_ms, extras each."""


@Script
def stage(batch: str, offset: int, keep_ms: int, rest: Iterable[Argument], /) -> None:
    """Stage up to 500 jobs of a batch: id, spec, delay_ms, run_at_ms, extras each."""


@Script
def accept_batch(batch: str, total: int, coming: int, rest: Iterable[Argument], /) -> None:
    """Accept a staged batch in one step: group, how many of its jobs are coming, for each."""


@Script
def move_intake(limit: int, retention: str, /) -> None:
    """Move accepted jobs of a batch into the queue."""


@Script
def claim(worker: str, nonce: str, slots: int, lease_ms: int, retention: str, /) -> None:
    """Take up to `slots` jobs."""


@Script
def settle(worker: str, retention: str, rest: Iterable[Argument], /) -> None:
    """End deliveries: id, token, outcome, delay_ms, result, failure, message, reason each."""


@Script
def renew(lease_ms: int, rest: Iterable[Argument], /) -> None:
    """Extend leases: id, token each."""


@Script
def report(worker: str, keep_lines: int, rest: Iterable[Argument], /) -> None:
    """Keep progress and log lines: id, token, progress, first, lines each."""


@Script
def cancel(job: str, control: str, reason: str, retention: str, /) -> None:
    """Cancel one job."""


@Script
def replay(rest: Iterable[Argument], /) -> None:
    """Queue up to 500 dead or cancelled jobs again: id each."""


@Script
def promote_one(job: str, /) -> None:
    """Let a scheduled job start now."""


@Script
def reschedule(job: str, run_at_ms: int, /) -> None:
    """Let a job that waits start at another time."""


@Script
def prioritize(job: str, lane: bytes, /) -> None:
    """Move a job that waits to another lane."""


@Script
def move_out(job: str, target: str, keep_ms: int, retention: str, /) -> None:
    """Send a job that waits to another queue."""


@Script
def arrive(  # noqa: PLR0917 - in the order of the script's ARGV
    job: str,
    spec: bytes,
    run_at: bytes,
    extras: bytes,
    move: bytes,
    log: bytes,
    lines: int,
    retention: str,
    /,
) -> None:
    """Take in a job that was moved here."""


@Script
def stage_log(name: str, offset: int, keep_ms: int, rest: Iterable[Argument], /) -> None:
    """Stage a part of the log of a job that is being moved here: line each."""


@Script
def pause(paused: int, /) -> None:
    """Close a queue, or open it again."""


@Script
def configure(rest: Iterable[Argument], /) -> None:
    """Set limits of a queue: field, value each."""


@Script
def limit_group(group: str, limits: bytes, /) -> None:
    """Set the limits of one group."""


@Script
def place_groups(cursor: bytes, /) -> None:
    """Put a page of groups where they belong under changed limits."""


@Script
def clear(state: str, limit: int, reason: str, retention: str, /) -> None:
    """Empty a state by one step."""


@Script
def set_archive(limit: Argument, /) -> None:
    """Let jobs that end wait for the archive, or end that."""


@Script
def archive_done(rest: Iterable[Argument], /) -> None:
    """Remove jobs that the archive has: id, ended_at each."""


@Script
def outbox_read(limit: int, /) -> None:
    """Read messages for other queues."""


@Script
def outbox_done(rest: Iterable[Argument], /) -> None:
    """Remove messages that have arrived: message each."""


@Script
def purge(state: str, rest: Iterable[Argument], /) -> None:
    """Forget jobs that are in a final state: id each."""


@Script
def watch(job: str, peer: str, name: str, number: int, /) -> None:
    """Let a job of another queue wait for one of this."""


@Script
def tell(job: str, peer: str, state: str, result: bytes, retention: str, /) -> None:
    """Tell a job of this queue how a parent in another has ended."""


@Script
def join(worker: str, /) -> None:
    """Sign a worker on."""


@Script
def beat(worker: str, info: bytes, keep_ms: int, quiet_ms: int, /) -> None:
    """Say that a worker lives."""


@Script
def leave(worker: str, /) -> None:
    """Sign a worker off."""


@Script
def recover(lease_ms: int, limit: int, max_crashes: int, retention: str, gap_ms: int, /) -> None:
    """Take jobs back from lost workers."""


@Script
def advance(limit: int, retention: str, /) -> None:
    """Move on what is due."""


@Script
def sweep(patience_ms: int, silence_ms: int, limit: int, /) -> None:
    """Return deliveries that nobody started."""


@Script
def retain(limit: int, retention: str, /) -> None:
    """Remove what is past its retention."""


@Script
def read(rest: Iterable[Argument], /) -> None:
    """Read up to 100 jobs by id."""


@Script
def standings(rest: Iterable[Argument], /) -> None:
    """Read how up to 100 jobs stand."""


@Script
def list_sorted(state: str, newest_first: int, score: str, after: str, limit: int, /) -> None:
    """List a state that is kept by time."""


@Script
def list_queued(lane: int, group: str, offset: int, last: str, limit: int, /) -> None:
    """List queued jobs."""


@Script
def list_active(cursor: str, limit: int, /) -> None:
    """List running jobs."""


@Script
def stats() -> None:
    """Count the jobs of each state."""


@Script
def presence(limit: int, /) -> None:
    """Read what the workers say of themselves."""


@Script
def place_schedule(name: str, expected: bytes, written: str, /) -> None:
    """Write where a schedule may be; its key is the namespace's list, not a queue's meta."""


@Script
def read_schedules(rest: Iterable[Argument], /) -> None:
    """Read up to 100 schedules by name."""


@Script
def due_schedules(limit: int, /) -> None:
    """Read schedules that are due."""


@Script
def set_schedule(  # noqa: PLR0917 - in the order of the script's ARGV
    name: str,
    expected: bytes,
    revision: str,
    state: str,
    slot: Argument,
    definition: bytes,
    digest: str,
    rest: Iterable[Argument],
    /,
) -> None:
    """Change a schedule that stands as expected: field, value each."""


@Script
def remove_schedule(name: str, expected: bytes, /) -> None:
    """Remove a schedule that stands as expected."""


@Script
def fire(  # noqa: PLR0917 - in the order of the script's ARGV
    name: str,
    digest: str,
    slot: int,
    following: Argument,
    job: str,
    spec: bytes,
    run_at: int,
    extras: bytes,
    overlap: str,
    limit: Argument,
    control: str,
    retention: str,
    /,
) -> None:
    """Do what a schedule says at a slot."""
