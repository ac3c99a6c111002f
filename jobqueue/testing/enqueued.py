"""What a program has submitted, and no worker has taken yet."""

from typing import Any

import msgspec

from jobqueue.app.codec import to_json
from jobqueue.app.handlers import HandlerFunction
from jobqueue.app.listing import MAX_PAGE
from jobqueue.app.queue import JobQueue
from jobqueue.model import Job
from jobqueue.state import State
from jobqueue.testing.opening import opened

WAITING = (State.QUEUED, State.SCHEDULED, State.BLOCKED)
SHOWN = 10
"""Jobs that a failed assertion shows: enough to see what is wrong."""

_ANY: Any = object()


async def assert_enqueued(
    app: JobQueue,
    type: str | HandlerFunction,  # noqa: A002 - the field's name everywhere
    payload: Any = _ANY,
    *,
    queue: str | None = None,
    count: int | None = None,
) -> list[Job]:
    """Check that jobs of a type wait: queued, scheduled or blocked.

    Args:
        app: where they were submitted; it may be open or not.
        type: the job type, or its handler.
        payload: what they have as payload, compared as JSON; by default anything.
        queue: where they wait; None: anywhere.
        count: how many there are, 0 too; None: one or more.

    Returns:
        Those jobs.

    Raises:
        AssertionError: it is not so; the message shows what waits.
    """
    name = app.name_of(type)
    waiting = await _waiting(app, queue)
    found = [job for job in waiting if job.type == name and _has(job, payload)]
    if len(found) == count or (count is None and found):
        return found
    wanted = "one or more" if count is None else str(count)
    what = f"{wanted} of type {name!r}" + ("" if payload is _ANY else f" with {payload!r}")
    shown = "".join(f"\n  {job.type} {job.payload.decode()}" for job in waiting[:SHOWN])
    raise AssertionError(f"{len(found)} jobs wait, not {what}. All that wait:{shown or ' none'}")


async def _waiting(app: JobQueue, queue: str | None) -> list[Job]:
    found: list[Job] = []
    async with opened(app) as (_, broker, contents):
        for state in WAITING:
            cursor: str | None = None
            while True:
                page = await broker.list_jobs(
                    state, queue=queue, wanted=None, limit=MAX_PAGE, cursor=cursor
                )
                found += await contents.fill_all(page.jobs, ("payload",))
                if (cursor := page.cursor) is None:
                    break
    return found


def _has(job: Job, payload: Any) -> bool:
    if payload is _ANY:
        return True
    return bool(msgspec.json.decode(job.payload) == msgspec.json.decode(to_json(payload)))
