"""Idempotency keys: one request makes one job, however often and whenever it is sent."""

import asyncio
from typing import Any

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.conflicts import IdempotencyConflict
from jobqueue.errors import QueueFull
from jobqueue.limits import QueueLimits
from jobqueue.model import Outcome
from jobqueue.state import State
from jobqueue.submission import Accepted, JobOptions, NewJob, Unique
from tests.support.redis import RedisClient

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    fingerprint,
    new_job,
    prefix_of,
    settle,
)

DAY = 86_400


def keyed(key: str = "k", digest: str = "body", **fields: Any) -> NewJob:
    """A job of a request with an idempotency key."""
    options = {name: fields.pop(name) for name in ("unique", "retention") if name in fields}
    return new_job(digest=digest, options=JobOptions(key=key, **options), **fields)


async def test_the_same_request_gets_the_first_job(broker: Broker, consumer: Consumer) -> None:
    """Before, while and after it runs, the answer is that job and where it is."""
    first = keyed()
    assert await broker.enqueue(first) == Accepted(first.id, State.QUEUED)
    assert await broker.enqueue(keyed()) == Accepted(first.id, State.QUEUED, "key")
    job = await claim_one(consumer)
    assert await broker.enqueue(keyed()) == Accepted(first.id, State.ACTIVE, "key")
    await complete(consumer, job)
    assert await broker.enqueue(keyed()) == Accepted(first.id, State.COMPLETED, "key")
    assert await counts(broker) == {State.COMPLETED: 1}


async def test_another_request_is_refused(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """The refusal names the job that the key made, and changes nothing."""
    first = keyed()
    await broker.enqueue(first)
    before = fingerprint(client, namespace)
    with pytest.raises(IdempotencyConflict, match=first.id):
        await broker.enqueue(keyed(digest="other body"))
    assert fingerprint(client, namespace) == before


async def test_a_key_outlives_its_job(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A day after the end the same request is still known, though the job was forgotten."""
    first = keyed(retention=0)
    await broker.enqueue(first)
    assert client.ttl(f"{prefix_of(namespace)}key:k") == -1
    await complete(consumer, await claim_one(consumer))
    await broker.reap(QUEUE, lease=15)
    assert await broker.get(first.id) is None
    assert await broker.enqueue(keyed()) == Accepted(first.id, State.COMPLETED, "key")
    assert DAY - 60 < client.ttl(f"{prefix_of(namespace)}key:k") <= DAY


async def test_a_key_is_kept_as_long_as_its_job(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A job that is kept for longer than a day keeps its key for as long."""
    await broker.enqueue(keyed(retention=10 * DAY))
    await complete(consumer, await claim_one(consumer))
    assert client.ttl(f"{prefix_of(namespace)}key:k") > 9 * DAY


async def test_a_replayed_job_keeps_its_key(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A dead job that runs again is an open one: its key has no end until it has ended again."""
    first = keyed()
    await broker.enqueue(first)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    await broker.retry(first.id)
    assert client.ttl(f"{prefix_of(namespace)}key:k") == -1
    assert await broker.enqueue(keyed()) == Accepted(first.id, State.QUEUED, "key")


async def test_a_conflict_hurts_no_neighbour(broker: Broker) -> None:
    """Callers whose submits share a round trip are answered each for himself."""
    await broker.enqueue(keyed())
    calls = [broker.enqueue(keyed(f"k{number}")) for number in range(10)]
    calls.insert(5, broker.enqueue(keyed(digest="other body")))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        *[Accepted] * 5,
        IdempotencyConflict,
        *[Accepted] * 5,
    ]
    assert await counts(broker) == {State.QUEUED: 11}


@pytest.mark.parametrize("others", [2, 700])
@pytest.mark.parametrize("where", [0, -1])
async def test_a_conflict_in_a_bulk_refuses_all(
    broker: Broker, client: RedisClient, namespace: str, others: int, where: int
) -> None:
    """All or nothing: nothing of the call comes in, in a small call as in a staged one."""
    await broker.enqueue(keyed())
    before = fingerprint(client, namespace)
    jobs = [new_job() for _ in range(others)]
    jobs.insert(where, keyed(digest="other body"))
    with pytest.raises(IdempotencyConflict):
        await broker.enqueue_many(jobs)
    assert fingerprint(client, namespace) == before


@pytest.mark.parametrize("between", [0, 700])
async def test_one_key_for_two_requests_of_a_call(broker: Broker, between: int) -> None:
    """A call that contradicts itself is refused, however far apart its two parts are."""
    jobs = [keyed(), *(new_job() for _ in range(between)), keyed(digest="other body")]
    with pytest.raises(IdempotencyConflict):
        await broker.enqueue_many(jobs)
    assert await counts(broker) == {}


@pytest.mark.parametrize("count", [3, 700])
async def test_a_bulk_that_is_sent_again(broker: Broker, count: int) -> None:
    """Each job of the second call is the one of the first."""
    first = await broker.enqueue_many([keyed(f"k{number}") for number in range(count)])
    again = await broker.enqueue_many([keyed(f"k{number}") for number in range(count)])
    assert [each.id for each in again] == [each.id for each in first]
    assert {each.stands_for for each in again} == {"key"}
    assert await counts(broker) == {State.QUEUED: count}


async def test_the_key_of_a_duplicate(broker: Broker, consumer: Consumer) -> None:
    """A request that a unique key answered is answered so again, even after the holder's end."""
    holder = new_job(options=JobOptions(unique=Unique("u")))
    await broker.enqueue(holder)
    request: dict[str, Any] = {"key": "mine", "unique": Unique("u")}
    assert (await broker.enqueue(keyed(**request))).id == holder.id
    await complete(consumer, await claim_one(consumer))
    again = await broker.enqueue(keyed(**request))
    assert again == Accepted(holder.id, State.COMPLETED, "key")
    await _forget(broker)
    assert await broker.enqueue(keyed(**request)) == again


async def _forget(broker: Broker) -> None:
    async for _ in broker.operator.clear(QUEUE, State.COMPLETED):
        pass


async def test_a_full_queue_still_knows_its_keys(broker: Broker) -> None:
    """Sending again is no new job, so that a full queue and a full tenant answer it."""
    await broker.operator.set_limits(QUEUE, QueueLimits(size=1, group_size=1))
    first = keyed(group="red")
    await broker.enqueue(first)
    assert (await broker.enqueue(keyed(group="red"))).id == first.id
    with pytest.raises(QueueFull):
        await broker.enqueue(keyed("new"))
