"""What a handler is given about the job that it runs."""

from collections.abc import Callable

from jobqueue.model import Progress


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

    __slots__ = ("_report", "attempt", "deadline", "id", "max_attempts", "token", "type")

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
    ) -> None:
        self.id = id
        self.type = type
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.token = token
        self.deadline = deadline
        self._report = report

    def progress(self, percent: float, message: str | None = None) -> None:
        """Tell how far the job is; cheap, sent in groups, the newest wins.

        Args:
            percent: 0 to 100.
            message: a short text for people, at most 200 characters are kept.
        """
        text = message[:200] if message else None
        self._report(self.id, Progress(percent=min(max(percent, 0.0), 100.0), message=text))
