"""What a handler is given about the job that it runs."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from jobqueue.job_log import MAX_LOG_LINE, MAX_LOG_LINES
from jobqueue.model import Progress

MAX_MESSAGE = 200
"""Characters of a progress message that are kept: it is shown in one line."""


def _readable(text: Any, length: int) -> str:
    """The start of `text` without lone surrogates, as file names have them: no UTF-8 has."""
    return str(text)[:length].encode(errors="replace").decode()


def _unheard(_job_id: str, _token: str, _line: str) -> None:
    """Where nobody keeps logs: in a test of a handler."""


def _never() -> bool:
    """Where nobody cancels, likewise."""
    return False


class Relatives(Protocol):
    """Gives what a job's parents made, and adds children to it."""

    async def parents(self, job_id: str, parents: Iterable[str]) -> dict[str, Any]:
        """What those of `parents` that have ended made, by id."""

    async def children(
        self, job_id: str, call: int, jobs: Iterable[Mapping[str, Any]]
    ) -> list[Any]:
        """What the jobs of call number `call` made, or WaitForChildren."""


class JobContext:
    """One attempt, as its handler sees it.

    Attributes:
        id: the job's id.
        type: the job's type.
        attempt: number of this attempt, from 1.
        max_attempts: attempts the job has in all.
        token: fencing token of this delivery; name what an attempt writes
            elsewhere after it, so that two attempts never share a name.
        deadline: when this attempt is stopped, in the loop's own time (`loop.time()`).
    """

    __slots__ = (
        "_calls",
        "_is_cancelled",
        "_log",
        "_parents",
        "_relatives",
        "_report",
        "attempt",
        "deadline",
        "id",
        "max_attempts",
        "token",
        "type",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the attribute is called what it is
        type: str,  # noqa: A002 - likewise
        attempt: int,
        max_attempts: int,
        token: str,
        deadline: float,
        report: Callable[[str, Progress], None],
        log: Callable[[str, str, str], None] = _unheard,
        is_cancelled: Callable[[], bool] = _never,
        parents: Iterable[str] = (),
        relatives: Relatives | None = None,
    ) -> None:
        self.id = id
        self.type = type
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.token = token
        self.deadline = deadline
        self._report = report
        self._log = log
        self._is_cancelled = is_cancelled
        self._parents = parents
        self._relatives = relatives
        self._calls = 0

    @property
    def cancelled(self) -> bool:
        """Whether this attempt is to stop: cancelled, given away, out of time, or at a shutdown.

        An `async` handler of one job is cancelled then, too; one in a thread cannot be, and should
        look here now and then. The handler of a batch goes on for the other jobs, may leave this
        one out, and gives any result or exception for it.
        """
        return self._is_cancelled()

    def progress(self, percent: float, message: str | None = None) -> None:
        """Tell how far the job is; cheap, sent in groups, the newest wins.

        Args:
            percent: 0 to 100; what is below or above counts as these.
            message: a short text for people, at most 200 characters are kept.

        Raises:
            ValueError: `percent` is no number.
        """
        share = float(percent)
        if math.isnan(share):
            raise ValueError(f"the progress is 0 to 100 percent, not {percent!r}")
        text = _readable(message, MAX_MESSAGE) if message else None
        self._report(self.id, Progress(percent=min(max(share, 0.0), 100.0), message=text))

    def log(self, text: str) -> None:
        """Add to the job's log; cheap, sent in groups, and there when the job has ended.

        Args:
            text: for people, of one or several lines. At most 1,000 characters of a line are
                kept, and the newest 500 lines of a job.
        """
        for line in text.splitlines()[-MAX_LOG_LINES:]:
            self._log(self.id, self.token, line[:MAX_LOG_LINE])

    async def parents(self) -> dict[str, Any]:
        """What the jobs made that this one depended on, by their ids, in the order of `depends_on`.

        A result is plain JSON. In place of one that is dead, cancelled or gone, which its
        `on_failure` allows, is a `JobFailed`, `JobCancelled` or `JobNotFound`. One that had not
        ended when another's `continue` started this job is left out. A job that is run again
        waits for nobody, and gets what its parents have made by then.

        Raises:
            Unavailable: Redis, or the storage of a large result, does not answer.
            ContentGone: a large result is not in the storage any more.
        """
        return await self._known_relatives().parents(self.id, self._parents)

    async def children(self, jobs: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Enqueue jobs, and wait for what they make without holding a slot.

        The first time this ends the attempt, which is not spent, by raising `WaitForChildren`: do
        not catch it. When the children have ended the handler is called anew, and the same call
        gives their results. So what comes before it is done again each time. Children are known by
        this job's id, the number of the call in the handler and their place in it: a handler that
        makes the same calls in the same order doubles nothing, whatever crashes.

        Args:
            jobs: each with the arguments of `JobQueue.enqueue` by name but `key`, and `on_failure`:
                what happens when it ends dead or cancelled. This job is dead too (`fail`, the
                default) or cancelled too (`cancel`); or it goes on with a `JobFailed` or
                `JobCancelled` in place of that result, when all have ended (`ignore`), or at once
                (`continue`), with a `NotReady` for each child that has not ended.

        Returns:
            The results in the order of `jobs`, as plain JSON.

        Raises:
            WaitForChildren: they have not ended.
            InvalidRequest: names each wrong field, paths start with the job's index.
            Unavailable: Redis, or the storage of a large payload or result, does not answer.
        """
        relatives = self._known_relatives()
        self._calls += 1
        return await relatives.children(self.id, self._calls, jobs)

    def _known_relatives(self) -> Relatives:
        if self._relatives is None:
            raise RuntimeError("this context belongs to no worker: it has no parents or children")
        return self._relatives
