"""The scripts' typed stubs: one function a script, checked against the script's own text.

A stub's parameters are the script's `ARGV` in order, so a script and its callers cannot
drift apart: a mismatch stops the import.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Generic, ParamSpec, cast

from jobqueue.broker.lua import ScriptSource

P = ParamSpec("P")

Argument = str | bytes | int


class ScriptCall:
    """One call of a script, ready to be sent."""

    __slots__ = ("arguments", "meta", "source")

    def __init__(
        self, source: ScriptSource, meta: str | bytes, arguments: tuple[Argument, ...]
    ) -> None:
        self.source = source
        self.meta = meta
        self.arguments = arguments

    def command(self) -> tuple[Argument, ...]:
        """The call by the script's digest."""
        return ("EVALSHA", self.source.sha, 1, self.meta, *self.arguments)

    def command_with_text(self) -> tuple[Argument, ...]:
        """The call for a server that does not have the script."""
        return ("EVAL", self.source.text, 1, self.meta, *self.arguments)

    def in_cluster(self) -> "ScriptCall":
        """The same call for a Redis Cluster."""
        return ScriptCall(self.source.in_cluster, self.meta, self.arguments)


class Script(Generic[P]):
    """A script that is called with the parameters of its stub, after the queue's meta key."""

    def __init__(self, stub: Callable[P, None]) -> None:
        self.source = ScriptSource(stub.__name__)
        _check(self.source, stub)

    def __call__(self, meta: str, *args: P.args, **kwargs: P.kwargs) -> ScriptCall:
        """A call for the queue of `meta`; the last argument may repeat a group."""
        if kwargs:
            raise TypeError("script arguments are positional")
        fixed = cast("tuple[Argument, ...]", args)
        if self.source.rest:
            rest = cast("Iterable[Argument]", fixed[-1])
            return ScriptCall(self.source, meta, (*fixed[:-1], *rest))
        return ScriptCall(self.source, meta, fixed)


def _check(source: ScriptSource, stub: Callable[..., None]) -> None:
    names = tuple(inspect.signature(stub).parameters)
    expected = source.parameters + (("rest",) if source.rest else ())
    if names != expected:
        raise TypeError(f"{source.name}.lua takes {expected}, its stub says {names}")


@Script
def enqueue(version: int, rest: Iterable[Argument], /) -> None:
    """Accept up to 500 jobs: id, spec, delay_ms, run_at_ms each."""


@Script
def stage(batch: str, offset: int, keep_ms: int, rest: Iterable[Argument], /) -> None:
    """Stage up to 500 jobs of a batch: id, spec, delay_ms, run_at_ms each."""


@Script
def accept_batch(batch: str, total: int, version: int, /) -> None:
    """Accept a staged batch in one step."""


@Script
def move_intake(limit: int, /) -> None:
    """Move accepted jobs of a batch into the queue."""


@Script
def claim(worker: str, nonce: str, slots: int, lease_ms: int, /) -> None:
    """Take up to `slots` jobs."""


@Script
def settle(
    worker: str,
    keep_completed: int,
    keep_dead: int,
    keep_cancelled: int,
    rest: Iterable[Argument],
    /,
) -> None:
    """End deliveries: id, token, outcome, delay_ms, result, failure, message, reason each."""


@Script
def renew(lease_ms: int, rest: Iterable[Argument], /) -> None:
    """Extend leases: id, token each."""


@Script
def report(worker: str, rest: Iterable[Argument], /) -> None:
    """Keep progress: id, token, progress each."""


@Script
def cancel(job: str, control: str, keep: int, /) -> None:
    """Cancel one job."""


@Script
def retry(job: str, /) -> None:
    """Queue a dead or cancelled job again."""


@Script
def join(worker: str, version: int, /) -> None:
    """Sign a worker on."""


@Script
def beat(worker: str, info: bytes, keep_ms: int, /) -> None:
    """Say that a worker lives."""


@Script
def leave(worker: str, /) -> None:
    """Sign a worker off."""


@Script
def recover(  # noqa: PLR0917 - in the order of the script's ARGV
    lease_ms: int,
    limit: int,
    max_crashes: int,
    keep_dead: int,
    keep_cancelled: int,
    gap_ms: int,
    /,
) -> None:
    """Take jobs back from lost workers."""


@Script
def promote_due(limit: int, /) -> None:
    """Make due jobs runnable."""


@Script
def sweep(patience_ms: int, silence_ms: int, limit: int, /) -> None:
    """Return deliveries that nobody started."""


@Script
def retain(limit: int, rest: Iterable[Argument], /) -> None:
    """Remove what is past its retention: state, age_ms, keep each."""


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
def list_queued(lane: int, offset: int, last: str, limit: int, /) -> None:
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
