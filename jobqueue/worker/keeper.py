"""Keeps the leases of running jobs alive, from a thread of its own.

A handler that blocks the event loop cannot renew anything; this thread can.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from jobqueue.broker.consumer import Lease
from jobqueue.broker.leases import LeaseRenewer
from jobqueue.errors import Unavailable
from jobqueue.worker.attempt import Stop
from jobqueue.worker.wedge import WedgeWatch

if TYPE_CHECKING:
    from jobqueue.worker.attempt import Attempt
    from jobqueue.worker.pool import Pool

RETRY_SHARE = 0.2
"""Share of the usual interval after which a failed renewal is tried again."""

JOIN_TIMEOUT = 1.0
"""Seconds that a closing process waits for a renewal that is under way."""

_log = structlog.get_logger(__name__)


class Keeper:
    """Renews what the pools, those that there are then, hold every third of a lease.

    It never renews a job past its own deadline and a grace: a handler that hangs for ever
    loses its job to another worker.
    """

    def __init__(
        self, pools: "Callable[[], Sequence[Pool]]", renewer: LeaseRenewer, *, lease: float
    ) -> None:
        self._pools = pools
        self._renewer = renewer
        self._interval = lease / 3
        self._loop = asyncio.get_running_loop()
        self._wedge = WedgeWatch()
        self._stopped = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def renew_now(self) -> None:
        """Renew without waiting: somebody may have cancelled what runs, and not been heard."""
        self._wake.set()

    async def close(self) -> None:
        """End the thread and its connection; one that hangs in a call is left to the exit."""
        self._stopped = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join, JOIN_TIMEOUT)

    def _run(self) -> None:
        pause = self._interval
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            if self._stopped:
                break
            pause = self._interval
            self._wedge.look(self._held().values())
            attempts = self._to_renew()
            if attempts and not self._renew(attempts):
                pause *= RETRY_SHARE
        self._renewer.close()

    def _held(self) -> "dict[str, Attempt]":
        held: dict[str, Attempt] = {}
        for pool in self._pools():
            held.update(pool.held.copy())  # copied in one step: the loop goes on meanwhile
        return held

    def _to_renew(self) -> "dict[str, Attempt]":
        now = monotonic()
        return {
            job_id: attempt for job_id, attempt in self._held().items() if attempt.lease_until > now
        }

    def _renew(self, attempts: "dict[str, Attempt]") -> bool:
        leases = [Lease(job_id, attempt.job.token) for job_id, attempt in attempts.items()]
        try:
            renewal = self._renewer.renew(leases)
        except Unavailable as error:
            _log.warning("leases_not_renewed", jobs=len(leases), error=str(error))
            return False
        self._tell(attempts, renewal.lost, Stop.LOST)
        self._tell(attempts, renewal.cancelled, Stop.CANCEL)
        return True

    def _tell(self, attempts: "dict[str, Attempt]", ids: Iterable[str], why: Stop) -> None:
        concerned = [attempts[job_id] for job_id in ids]
        if concerned:
            self._loop.call_soon_threadsafe(_stop_all, concerned, why)


def _stop_all(attempts: "list[Attempt]", why: Stop) -> None:
    for attempt in attempts:
        attempt.stop(why)
