"""Shorthands for what broker tests do again and again."""

import asyncio
from collections.abc import Sequence
from typing import Any

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.ids import new_job_id, new_ulid
from jobqueue.model import ClaimedJob, Failure, Job, Outcome, QueueStats, Settled, Verdict
from jobqueue.state import State
from jobqueue.submission import NewJob
from tests.support.redis import RedisClient
from tests.support.wait import eventually

QUEUE = "q"

LEASE = 0.3
"""Seconds of a lease in tests that let it end; short, so that they need not wait for long."""


def prefix_of(namespace: str, queue: str = QUEUE) -> str:
    """What the keys of a queue start with."""
    return f"{namespace}:{{{queue}}}:"


def new_job(payload: bytes = b"{}", **fields: Any) -> NewJob:
    """A job of type `noop` for the tests' queue."""
    return NewJob(new_job_id(QUEUE), "noop", payload, **fields)


async def enqueue(broker: Broker, count: int = 1, **fields: Any) -> list[str]:
    """Enqueue `count` jobs and give their ids."""
    jobs = [new_job(b"%d" % number, **fields) for number in range(count)]
    return [accepted.id for accepted in await broker.enqueue_many(jobs)]


async def claim(consumer: Consumer, slots: int = 1) -> list[ClaimedJob]:
    """The jobs of one claim."""
    return (await consumer.claim(slots)).jobs


async def claim_one(consumer: Consumer) -> ClaimedJob:
    """The only job of a claim."""
    (job,) = await claim(consumer)
    return job


async def settle(
    consumer: Consumer, jobs: Sequence[ClaimedJob], outcome: Outcome, **fields: Any
) -> list[Settled]:
    """The same verdict on all of `jobs`."""
    if outcome in {Outcome.RETRY, Outcome.DEAD}:
        fields.setdefault("failure", Failure("Boom", "it broke", attempt=1))
    return await consumer.settle([Verdict(job.id, job.token, outcome, **fields) for job in jobs])


async def state_of(broker: Broker, job_id: str) -> State | None:
    """The state of a job, None when it is unknown."""
    job = await broker.get(job_id)
    return job.state if job else None


async def counts(broker: Broker) -> dict[State, int]:
    """How many jobs are in each state that has any."""
    stats: list[QueueStats] = await broker.stats([QUEUE])
    return {state: count for state, count in stats[0].counts.items() if count}


def fingerprint(client: RedisClient, namespace: str) -> dict[str, str]:
    """A digest of every key of a namespace: equal only where nothing has changed."""
    names = sorted(client.scan_iter(f"{namespace}:*"))
    digests = client.execute_command("DEBUG", "DIGEST-VALUE", *names)
    return dict(zip(names, digests, strict=True))


async def read(broker: Broker, job_id: str) -> Job:
    """A job that is known."""
    job = await broker.get(job_id)
    assert job is not None, f"{job_id} is not known"
    return job


async def complete(consumer: Consumer, job: ClaimedJob, result: bytes = b"1") -> Settled:
    """End one delivery well."""
    (answer,) = await settle(consumer, [job], Outcome.COMPLETED, result=result)
    return answer


async def drain(consumer: Consumer, *, slots: int = 1) -> list[str]:
    """Run all that may start, until a claim brings nothing and asks for no other; the ids."""
    ended: list[str] = []
    while True:
        found = await consumer.claim(slots)
        if not found.jobs and not found.more:
            return ended
        await settle(consumer, found.jobs, Outcome.COMPLETED, result=b"1")
        ended += [job.id for job in found.jobs]


async def crash(broker: Broker) -> None:
    """A worker takes a job and is never heard of again; the reaper takes the job back."""
    lost = await broker.consumer(QUEUE, worker_id=f"lost-{new_ulid()}", lease=0.001)
    (job,) = await claim(lost)

    async def taken_back() -> bool:
        await broker.reap(QUEUE, lease=0.001)
        return await state_of(broker, job.id) is not State.ACTIVE

    await eventually(taken_back)


async def idle_worker(broker: Broker, name: str) -> None:
    """A worker with one slot, as a pool is: waits, claims, completes; until it is cancelled."""
    consumer = await broker.consumer(QUEUE, worker_id=f"{name}-{new_ulid()}", lease=15)
    while True:
        found = await consumer.claim(1)
        await settle(consumer, found.jobs, Outcome.COMPLETED, result=b"1")
        if not found.jobs and not found.more:
            await asyncio.shield(consumer.wait(min(found.due_in or 1.0, 1.0)))


async def reap_until(broker: Broker, job_id: str, *states: State) -> None:
    """Pass as a reaper does until the job is in one of `states`."""

    async def passed() -> bool:
        await broker.reap(QUEUE, lease=LEASE)
        return await state_of(broker, job_id) in states

    await eventually(passed)
