"""Collecting jobs for handlers that take many."""

from typing import TYPE_CHECKING

from jobqueue.worker.attempt import Bench, Stop
from jobqueue.worker.batch_run import BatchRun, Member

if TYPE_CHECKING:
    import asyncio

    from jobqueue.batch import Batch
    from jobqueue.model import ClaimedJob
    from jobqueue.registry import Handler, JobType


class Collector:
    """Gathers jobs of one type until a batch is full, or its first job has waited long enough.

    Args:
        slots: of the queue: more jobs than that do not come together.
    """

    def __init__(self, batch: "Batch", handler: "Handler", *, slots: int, bench: Bench) -> None:
        self._size = min(batch.size, slots)
        self._wait = batch.wait
        self._handler = handler
        self._bench = bench
        self._members: list[Member] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, member: Member) -> None:
        """Take a job; its batch starts now or soon, unless the pool is closed."""
        self._members.append(member)
        if self._closed:
            member.stop(Stop.SHUTDOWN)
        elif len(self._members) == self._size:
            self._start()
        elif self._timer is None:
            self._timer = self._bench.loop.call_later(self._wait, self._start)

    def drop(self, member: Member) -> bool:
        """Let a job go; whether it was waiting here."""
        if member not in self._members:
            return False
        self._members.remove(member)
        if not self._members:
            self._stop_timer()
        return True

    def close(self) -> None:
        """Hand back what waits here, and whatever comes."""
        self._closed = True
        for member in self._members.copy():
            member.stop(Stop.SHUTDOWN)

    def _start(self) -> None:
        self._stop_timer()
        members, self._members = self._members, []
        BatchRun(members, self._handler, self._bench).start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Batches:
    """The collectors of one queue, by type: jobs of all its partitions come together."""

    def __init__(self, *, slots: int) -> None:
        self._slots = slots
        self._collectors: dict[str, Collector] = {}

    def member(
        self,
        job: "ClaimedJob",
        job_type: "JobType",
        batch: "Batch",
        handler: "Handler",
        bench: Bench,
    ) -> Member:
        """The attempt of a job that is to run in a batch; `bench` is that of its pool."""
        collector = self._collectors.get(job_type.name)
        if collector is None:  # of this bench it uses what all benches of a process share
            collector = Collector(batch, handler, slots=self._slots, bench=bench)
            self._collectors[job_type.name] = collector
        return Member(job, job_type, handler, bench, collector)

    def close(self) -> None:
        """Hand back what has not started."""
        for collector in self._collectors.values():
            collector.close()
