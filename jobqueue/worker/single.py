"""An attempt whose handler takes one job."""

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from jobqueue.worker.attempt import Attempt, Bench

if TYPE_CHECKING:
    from jobqueue.model import ClaimedJob
    from jobqueue.registry import Handler, JobType


class Single(Attempt):
    """Runs the handler in a task of its own."""

    __slots__ = ("_begun", "_handler", "_task")

    def __init__(
        self, job: "ClaimedJob", job_type: "JobType", handler: "Handler", bench: Bench
    ) -> None:
        super().__init__(job, job_type, bench)
        self._handler = handler
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    @override
    def start(self) -> None:
        self._task = self._bench.loop.create_task(self._run())

    @override
    def start_alone(self) -> None:
        self._task = self._bench.loop.create_task(self._run_alone())

    @override
    def _interrupt(self) -> None:
        if self._task is None:
            return
        if self._begun:  # a task that is cancelled before its first step never runs at all
            self._task.cancel()
        self.give_up_later()

    async def _run_alone(self) -> None:
        self._begun = True
        try:
            async with self._bench.gate.alone(wait=self.stopped is None):
                await self._run()
        except asyncio.CancelledError:
            self.end_stopped()

    async def _run(self) -> None:
        if self.stopped is not None:
            self.end_stopped()
            return
        self._begun = True
        self.begin()
        try:
            payload = await self.payload()
            await self.succeed(await self._handler(self.context(), payload))
        except GeneratorExit:  # the loop is gone, and whoever would settle a verdict with it
            raise
        except BaseException as error:  # noqa: BLE001 - a verdict: libraries raise beside Exception
            self.fail(error)
