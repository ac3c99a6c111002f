"""Listing jobs in one state, or in all of them one after the other."""

from collections.abc import Callable, Iterator

import msgspec

from jobqueue.broker.broker import Broker
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.model import Job, Page
from jobqueue.state import State

MAX_PAGE = 100
"""Most jobs of one page: whole jobs are read, and results may be large."""

ALL_STATES = (
    State.ACTIVE,
    State.QUEUED,
    State.SCHEDULED,
    State.BLOCKED,
    State.DEAD,
    State.COMPLETED,
    State.CANCELLED,
)
"""The order in which a listing of all states goes: what happens now, then what needs a look."""


class JobFilter(msgspec.Struct, frozen=True):
    """Which jobs are wanted; None: whatever it is.

    Attributes:
        reason: why it is dead or cancelled.
        ended_before_ms: Unix time before which it ended.
    """

    state: State | None = None
    queue: str | None = None
    type: str | None = None
    tag: str | None = None
    tenant: str | None = None
    reason: str | None = None
    ended_before_ms: int | None = None

    def test(self) -> Callable[[Job], bool] | None:
        """What a job must pass beyond state and queue; None: nothing."""
        tests = [*self._tests()]
        return (lambda job: all(test(job) for test in tests)) if tests else None

    def _tests(self) -> Iterator[Callable[[Job], bool]]:
        if self.type is not None:
            yield lambda job: job.type == self.type
        if self.tag is not None:
            yield lambda job: self.tag in job.options.tags
        if self.tenant is not None:
            yield lambda job: job.options.tenant == self.tenant
        if self.reason is not None:
            yield lambda job: job.reason == self.reason
        if (before := self.ended_before_ms) is not None:
            yield lambda job: (job.finished_at_ms or before) < before


async def list_jobs(broker: Broker, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
    """Up to `limit` jobs from `cursor` on.

    A page may have fewer jobs, or none, before the end: only its cursor says whether there
    are more.

    Raises:
        InvalidRequest: the cursor is not one of this listing.
    """
    if wanted.state is not None:
        return await broker.list_jobs(
            wanted.state, queue=wanted.queue, wanted=wanted.test(), limit=limit, cursor=cursor
        )
    state, inner = _split(cursor) if cursor else (ALL_STATES[0], None)
    found: list[Job] = []
    for each in ALL_STATES[ALL_STATES.index(state) :]:
        if len(found) == limit:
            return Page(found, _join(each, None))
        page = await broker.list_jobs(
            each,
            queue=wanted.queue,
            wanted=wanted.test(),
            limit=limit - len(found),
            cursor=inner if each is state else None,
        )
        found += page.jobs
        if page.cursor is not None:
            return Page(found, _join(each, page.cursor))
    return Page(found, None)


def _join(state: State, cursor: str | None) -> str:
    return f"{state}.{cursor or ''}"


def _split(cursor: str) -> tuple[State, str | None]:
    name, _, inner = cursor.partition(".")
    try:
        return State(name), inner or None
    except ValueError:
        problem = "is not a cursor of this listing: start without one"
        raise InvalidRequest(f"cursor {problem}", (FieldError("/cursor", problem),)) from None
