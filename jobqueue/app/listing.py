"""Listing jobs in one state, or in all of them one after the other."""

from collections.abc import Callable

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
    """Which jobs are wanted; None: whatever it is."""

    state: State | None = None
    queue: str | None = None
    type: str | None = None
    tag: str | None = None

    def test(self) -> Callable[[Job], bool] | None:
        """What a job must pass beyond state and queue; None: nothing."""
        if self.type is None and self.tag is None:
            return None
        return lambda job: (
            (self.type is None or job.type == self.type)
            and (self.tag is None or self.tag in job.options.tags)
        )


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
