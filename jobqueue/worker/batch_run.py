"""Attempts that share one call of their handler.

Each keeps its delivery, lease, progress, log and verdict. The deadline of the call is the earliest
of theirs. A job that is told to stop while the call goes on for others has its verdict when the
call ends; when all are told to stop, the call is cancelled.
"""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jobqueue.errors import WrongResults
from jobqueue.worker.attempt import Attempt, Bench

if TYPE_CHECKING:
    from jobqueue.model import ClaimedJob
    from jobqueue.registry import Handler, JobType
    from jobqueue.worker.batches import Collector


class Member(Attempt):
    """A job that runs in a batch, and is collected for it first."""

    __slots__ = ("_collector", "_handler", "_run")

    def __init__(
        self,
        job: "ClaimedJob",
        job_type: "JobType",
        handler: "Handler",
        bench: Bench,
        collector: "Collector",
    ) -> None:
        super().__init__(job, job_type, bench)
        self._handler = handler
        self._collector = collector
        self._run: BatchRun | None = None

    @override
    def start(self) -> None:
        if self.stopped is None:
            self._collector.add(self)
        else:
            self.end_stopped()

    @override
    def start_alone(self) -> None:
        BatchRun([self], self._handler, self._bench).start_alone()

    def join(self, run: "BatchRun") -> None:
        """It belongs to a batch from now on."""
        self._run = run

    @override
    def _interrupt(self) -> None:
        if self._run is not None:
            self._run.member_stopped()
        elif self._collector.drop(self):
            self.end_stopped()


class BatchRun:
    """One call of a handler, with one job or many."""

    def __init__(self, members: Sequence[Member], handler: "Handler", bench: Bench) -> None:
        self._members = members
        self._handler = handler
        self._bench = bench
        self._begun = False
        self._task: asyncio.Task[None] | None = None
        self._wanted = sum(member.stopped is None for member in members)
        """Members that want the call to go on."""
        for member in members:
            member.join(self)

    def start(self) -> None:
        """Start the handler in a task."""
        self._task = self._bench.loop.create_task(self._run())

    def start_alone(self) -> None:
        """Start it as soon as nothing else of the process runs."""
        self._task = self._bench.loop.create_task(self._run_alone())

    def member_stopped(self) -> None:
        """A member was told to stop; the handler is, once no other wants it to go on."""
        self._wanted -= 1
        if self._wanted or self._task is None:
            return
        if self._begun:  # a task that is cancelled before its first step never runs at all
            self._task.cancel()
        for member in self._members:
            if not member.ended:
                member.give_up_later()

    async def _run_alone(self) -> None:
        self._begun = True
        try:
            async with self._bench.gate.alone(wait=self._wanted > 0):
                await self._run()
        except asyncio.CancelledError:
            for member in self._members:
                member.end_stopped()

    async def _run(self) -> None:
        self._begun = True
        payloads = await self._begin()
        if not payloads:
            return
        contexts = [member.context() for member in payloads]
        try:
            results = await self._handler(contexts, list(payloads.values()))
            _check(results, len(payloads))
        except GeneratorExit:  # as in `Single`
            raise
        except BaseException as error:  # noqa: BLE001 - a verdict
            for member in payloads:
                member.fail(error)
        else:
            await _conclude(payloads, results)

    async def _begin(self) -> Mapping[Member, Any]:
        """The payloads of the members that take part, each dated as begun."""
        members = []
        for member in self._members:
            if member.stopped is None:
                members.append(member)
            else:
                member.end_stopped()
        timeout = min((member.timeout for member in members), default=0.0)
        now = monotonic()
        payloads: dict[Member, Any] = {}
        for member in members:
            member.timeout = timeout
            member.begin(now)
            try:
                payloads[member] = await member.payload()
            except Exception as error:  # noqa: BLE001 - this job's alone, whatever it is
                self._wanted -= 1
                member.fail(error)
        return payloads


def _check(results: object, count: int) -> None:
    if not isinstance(results, list | tuple):
        raise WrongResults(
            f"the handler of a batch returned {type(results).__name__}: it must return a list "
            f"with one result or exception for each of its {count} jobs, in their order"
        )
    if len(results) != count:
        raise WrongResults(
            f"the handler of a batch returned {len(results)} results for {count} jobs: "
            "it must return one result or exception for each, in their order"
        )


async def _conclude(members: "Mapping[Member, Any]", results: Sequence[Any]) -> None:
    for member, result in zip(members, results, strict=True):
        if isinstance(result, BaseException):
            member.fail(result)
            continue
        try:
            await member.succeed(result)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a verdict
            member.fail(error)
