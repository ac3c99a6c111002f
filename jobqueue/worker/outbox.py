"""Verdicts on their way to Redis."""

from jobqueue.model import Verdict

MAX_VERDICTS = 500
"""Verdicts in one call: a script stays short however many slots a pool has."""

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of results after which a call is full, so that large results do not pile up in one."""


class Outbox:
    """Verdicts that Redis has not confirmed yet, oldest first."""

    def __init__(self) -> None:
        self._verdicts: list[Verdict] = []
        self._has_large = False

    def __len__(self) -> int:
        return len(self._verdicts)

    def add(self, verdict: Verdict) -> None:
        """Put a verdict at the end."""
        self._verdicts.append(verdict)
        if verdict.result is not None and len(verdict.result) > MAX_BYTES // MAX_VERDICTS:
            self._has_large = True

    def take(self, most: int = MAX_VERDICTS) -> list[Verdict]:
        """The next verdicts, at most `most`; `put_back` those of a call whose fate is unknown."""
        count = min(self._fitting(), most)
        taken, self._verdicts = self._verdicts[:count], self._verdicts[count:]
        if not self._verdicts:
            self._has_large = False
        return taken

    def put_back(self, verdicts: list[Verdict]) -> None:
        """Send these again, first."""
        self._verdicts[:0] = verdicts
        self._has_large = True

    def _fitting(self) -> int:
        if not self._has_large:
            return min(len(self._verdicts), MAX_VERDICTS)
        size = 0
        for count, verdict in enumerate(self._verdicts[:MAX_VERDICTS]):
            size += len(verdict.result or b"")
            if size > MAX_BYTES and count:
                return count
        return min(len(self._verdicts), MAX_VERDICTS)
