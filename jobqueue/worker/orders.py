"""What a running worker is told: to stop a job, or to look for a word of an operator."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing

from jobqueue.broker.broker import Broker, CancelOrder, LookOrder
from jobqueue.worker.attempt import Stop
from jobqueue.worker.keeper import Keeper
from jobqueue.worker.line import Partition
from jobqueue.worker.presence import Presence

LOOK_AGAIN = 0.25
"""Seconds after which a call that was under way has been answered."""


class Orders:
    """Heeds what is said to one worker.

    Args:
        partitions: those that the worker serves now.
    """

    def __init__(
        self,
        broker: Broker,
        worker_id: str,
        *,
        partitions: Callable[[], Iterable[Partition]],
        keeper: Keeper,
        presence: Presence,
    ) -> None:
        self._broker = broker
        self._worker = worker_id
        self._partitions = partitions
        self._keeper = keeper
        self._presence = presence

    async def heed(self) -> None:
        """Listen for ever."""
        async with aclosing(self._broker.orders(self._look_at_flags)) as orders:
            async for order in orders:
                match order:
                    case CancelOrder(job_id):
                        self._cancel(job_id)
                    case LookOrder(self._worker):
                        self._presence.look_now()
                    case LookOrder():
                        pass

    def _look_at_flags(self) -> None:
        """Orders may have been missed: what lasts of them is in Redis."""
        self._keeper.renew_now()
        self._presence.look_now()

    def _cancel(self, job_id: str) -> None:
        for each in self._partitions():
            if attempt := each.pool.held.get(job_id):
                attempt.stop(Stop.CANCEL)
                return
        # it may be in an answer that is on its way
        if any(each.fetcher.calling for each in self._partitions()):
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self._keeper.renew_now)
