"""The worker's own pulse: how late its loop runs, and its gauges."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from jobqueue.metrics import LAST_CLAIM_AGE, LOOP_LAG, WORKER_SLOTS, queue_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobqueue.worker.line import Line

TICK = 0.5
"""Seconds between two looks: a handler that blocks the loop for longer shows for certain."""


async def pulse(lines: "Sequence[Line]") -> None:
    """Measure the loop's lag and set the gauges of all queues, for ever."""
    while True:
        expected = monotonic() + TICK
        await asyncio.sleep(TICK)
        LOOP_LAG.observe(max(monotonic() - expected, 0))
        for line in lines:
            label, slots = queue_label(line.queue), line.slots
            WORKER_SLOTS.labels(label, "busy").set(slots.busy)
            WORKER_SLOTS.labels(label, "free").set(max(slots.total - slots.busy, 0))
            LAST_CLAIM_AGE.labels(label).set(line.claim_age())
