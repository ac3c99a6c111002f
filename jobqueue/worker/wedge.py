"""Ends a process whose event loop is blocked for good: nothing else in it could."""

import os
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from jobqueue.worker.attempt import Attempt

EXIT_REPLACE = 75
"""Exit code of a process that asks to be replaced (EX_TEMPFAIL: try again)."""

EXIT_OUTDATED = 78
"""Exit code of a worker process that does not know the layout of a queue (EX_CONFIG): another one
of the same program would not either."""

MARGIN = 5.0
"""Seconds past the end of its lease after which an attempt should long have been given up."""

CONFIRMED_AFTER = 1.0
"""Seconds for which that must be seen: a process that was frozen and goes on first has to
catch up."""

_log = structlog.get_logger(__name__)


class WedgeWatch:
    """Looks, from another thread, whether the loop still gives up what it should."""

    def __init__(self) -> None:
        self._since: float | None = None

    def look(self, attempts: Iterable["Attempt"]) -> None:
        """End the process when one of `attempts` proves that its loop is wedged."""
        now = monotonic()
        overdue = [one for one in attempts if not one.ended and one.lease_until + MARGIN < now]
        if not overdue:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > CONFIRMED_AFTER:
            jobs = [attempt.job.id for attempt in overdue]
            _log.critical("event_loop_blocked", jobs=jobs, exit_code=EXIT_REPLACE)
            os._exit(EXIT_REPLACE)
