"""Reading how many jobs stand, without their payloads."""

import pytest

from jobqueue.broker.broker import Broker, Consumer, Standing
from jobqueue.ids import new_job_id
from jobqueue.model import Outcome
from jobqueue.state import State
from jobqueue.submission import NewJob

from .helpers import QUEUE, claim_one, enqueue, settle


@pytest.mark.parametrize("result", [b"1", b'"%s"' % (b"x" * 100)], ids=["short", "long"])
async def test_a_job_is_known_by_state_and_result(
    broker: Broker, consumer: Consumer, result: bytes
) -> None:
    """Each job comes with its state and its whole result; an unknown one is left out."""
    completed, running, queued = await enqueue(broker, 3)
    (later,) = await enqueue(broker, delay_ms=60_000)
    await settle(consumer, [await claim_one(consumer)], Outcome.COMPLETED, result=result)
    await claim_one(consumer)
    unknown = [new_job_id(QUEUE), new_job_id("never-used"), "no-id"]
    assert await broker.standings([completed, running, queued, later, *unknown]) == {
        completed: Standing(State.COMPLETED, result),
        running: Standing(State.ACTIVE, None),
        queued: Standing(State.QUEUED, None),
        later: Standing(State.SCHEDULED, None),
    }


async def test_any_number_of_jobs_of_any_queues(broker: Broker) -> None:
    """More jobs than one script reads, of several queues, are all found."""
    names = ["one", "other"]
    jobs = [NewJob(new_job_id(name), "noop", b"{}") for name in names for _ in range(130)]
    await broker.enqueue_many(jobs)
    standings = await broker.standings(job.id for job in jobs)
    assert standings.keys() == {job.id for job in jobs}
