"""What a handler is given about the job that it runs."""

from collections.abc import Callable

from jobqueue.job_log import MAX_LOG_LINE, MAX_LOG_LINES
from jobqueue.model import Progress


def _unheard(_job_id: str, _token: str, _line: str) -> None:
    """Where nobody keeps logs: in a test of a handler."""


def _never() -> bool:
    """Where nobody cancels, likewise."""
    return False


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
        "_is_cancelled",
        "_log",
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

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants this job's result any more: it was cancelled, or given away.

        A handler of one job is cancelled then, too. The handler of a batch goes on for the
        other jobs, may leave this one out, and gives any result or exception for it.
        """
        return self._is_cancelled()

    def progress(self, percent: float, message: str | None = None) -> None:
        """Tell how far the job is; cheap, sent in groups, the newest wins.

        Args:
            percent: 0 to 100.
            message: a short text for people, at most 200 characters are kept.
        """
        text = message[:200] if message else None
        self._report(self.id, Progress(percent=min(max(percent, 0.0), 100.0), message=text))

    def log(self, text: str) -> None:
        """Add to the job's log; cheap, sent in groups, and there when the job has ended.

        Args:
            text: for people, of one or several lines. At most 1,000 characters of a line are
                kept, and the newest 500 lines of a job.
        """
        for line in text.splitlines()[-MAX_LOG_LINES:]:
            self._log(self.id, self.token, line[:MAX_LOG_LINE])
