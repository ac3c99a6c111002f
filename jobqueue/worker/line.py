"""A queue and all that serves it in one worker."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

from jobqueue.app.contents import Contents
from jobqueue.app.family import Family
from jobqueue.broker.consumer import Consumer
from jobqueue.errors import SchemaMismatch
from jobqueue.limits import Rate
from jobqueue.registry import Registry
from jobqueue.settings import LimitSettings
from jobqueue.worker.attempt import Attempt
from jobqueue.worker.deadlines import Deadlines
from jobqueue.worker.fetcher import Fetcher
from jobqueue.worker.gate import Gate
from jobqueue.worker.pool import Pool
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.throttle import Throttle


class Line(NamedTuple):
    """The parts, which know each other."""

    pool: Pool
    throttle: Throttle
    fetcher: Fetcher
    reporter: Reporter

    @classmethod
    def build(
        cls,
        consumer: Consumer,
        queue: str,
        slots: int,
        *,
        rate: Rate | None,
        registry: Registry,
        limits: LimitSettings,
        contents: Contents,
        family: Family,
        gate: Gate,
        deadlines: Deadlines,
        on_stuck: Callable[[], None],
        on_outdated: Callable[[SchemaMismatch], None],
    ) -> Self:
        """A line that is ready to run; `gate` and `deadlines` are those of the process."""
        reporter = Reporter(consumer)
        throttle = Throttle(rate)
        pool = Pool(
            queue,
            slots,
            registry=registry,
            limits=limits,
            contents=contents,
            family=family,
            gate=gate,
            throttle=throttle,
            deadlines=deadlines,
            reporter=reporter,
            on_stuck=on_stuck,
        )
        fetcher = Fetcher(pool, consumer, reporter, on_outdated)
        gate.when_opened(fetcher.reopened)
        throttle.when_changed(opened=fetcher.reopened, shut=fetcher.hand_back)
        return cls(pool, throttle, fetcher, reporter)

    @property
    def size(self) -> tuple[str, int]:
        """The queue, and its slots."""
        return self.pool.queue, self.pool.slots

    def running(self) -> Iterator[Attempt]:
        """Attempts whose verdict is not known yet."""
        return (attempt for attempt in self.pool.held.values() if not attempt.ended)
