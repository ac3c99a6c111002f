"""Tenants share the workers in turn, and cost nothing where there are none."""

from collections import Counter

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.limits import GroupLimits, QueueLimits
from jobqueue.submission import Priority
from tests.support.redis import RedisClient

from .helpers import QUEUE, claim, claim_one, complete, drain, enqueue, prefix_of

MACHINERY = ("ring", "waiting", "groups", "running", "open", "debts", "held")


async def starts(consumer: Consumer, count: int) -> list[str]:
    """Whose jobs the next `count` starts are, one after the other."""
    groups = []
    for _ in range(count):
        job = await claim_one(consumer)
        groups.append(job.group or "")
        await complete(consumer, job)
    return groups


@pytest.mark.parametrize("newcomer", ["blue", None])
async def test_a_mass_of_one_tenant_holds_up_nobody(
    broker: Broker, consumer: Consumer, newcomer: str | None
) -> None:
    """Behind 20 000 jobs of one tenant another's first job starts within two turns."""
    await enqueue(broker, 20_000, group="red")
    assert await starts(consumer, 3) == ["red"] * 3
    await enqueue(broker, group=newcomer)
    assert (newcomer or "") in await starts(consumer, 2)


async def test_tenants_take_turns(broker: Broker, consumer: Consumer) -> None:
    """Two tenants and the jobs without one: each has a third, whoever came first."""
    for group in ("red", "blue", None):
        await enqueue(broker, 30, group=group)
    started = await starts(consumer, 30)
    assert Counter(started) == {"red": 10, "blue": 10, "": 10}


async def test_turns_hold_for_claims_of_many(broker: Broker, consumer: Consumer) -> None:
    """A worker that takes twelve at once takes four of each of three."""
    for group in ("red", "blue", "green"):
        await enqueue(broker, 30, group=group)
    jobs = await claim(consumer, 12)
    assert Counter(job.group for job in jobs) == {"red": 4, "blue": 4, "green": 4}


async def test_a_weight_is_a_share(broker: Broker, consumer: Consumer) -> None:
    """A tenant of weight 3 starts three jobs for each one of another."""
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits(weight=3))
    for group in ("red", "blue"):
        await enqueue(broker, 50, group=group)
    started = Counter(await starts(consumer, 40))
    assert 29 <= started["red"] <= 31


async def test_tenants_at_their_cap_take_turns(broker: Broker, consumer: Consumer) -> None:
    """Three tenants with one slot each and one worker: none of them waits for ever."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_concurrency=1))
    for group in ("red", "blue", "green"):
        await enqueue(broker, 20, group=group)
    assert Counter(await starts(consumer, 12)) == {"red": 4, "blue": 4, "green": 4}


async def test_a_weight_holds_at_a_cap(broker: Broker, consumer: Consumer) -> None:
    """A tenant that leaves the ring at its cap comes back with what it owes, and no more."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_concurrency=1))
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits(weight=2))
    for group in ("red", "blue", "green"):
        await enqueue(broker, 40, group=group)
    started = Counter(await starts(consumer, 40))
    assert started["red"] > started["blue"]
    assert abs(started["blue"] - started["green"]) <= 1


async def test_a_trickle_does_not_pass_a_backlog(broker: Broker, consumer: Consumer) -> None:
    """A tenant that always has exactly one job, sent when the last one started, has its half."""
    await enqueue(broker, 30, group="blue")
    started = []
    for _ in range(20):
        await enqueue(broker, group="a-trickle")
        started += await starts(consumer, 1)
    assert started.count("blue") >= 9


async def test_priority_counts_inside_a_tenant(broker: Broker, consumer: Consumer) -> None:
    """A tenant's critical jobs pass its own low ones, and not the turn of another."""
    await enqueue(broker, group="blue")  # is handed over to whoever comes first
    await claim_one(consumer)
    for group in ("red", "blue"):
        await enqueue(broker, 5, priority=Priority.LOW, group=group)
    critical = set(await enqueue(broker, 5, priority=Priority.CRITICAL, group="red"))
    jobs = await claim(consumer, 8)
    groups = Counter(job.group for job in jobs)
    red = [job.id in critical for job in jobs if job.group == "red"]
    assert groups == {"red": 4, "blue": 4}
    assert red[-3:] == [True, True, True]


async def test_without_tenants_there_is_no_machinery(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """After the last job of a tenant the queue is as one that never had any."""
    await enqueue(broker, 5)
    await enqueue(broker, 5, group="red")
    await drain(consumer, slots=3)
    await enqueue(broker, 5)
    await claim(consumer, 2)
    prefix = prefix_of(namespace)
    assert [name for name in MACHINERY if client.exists(prefix + name)] == []
    assert list(client.scan_iter(f"{prefix}group:*")) == []
    assert {"grouped", "turn", "holds"} & client.hgetall(f"{prefix}meta").keys() == set()


async def test_many_tenants(broker: Broker, consumer: Consumer) -> None:
    """A thousand tenants with two jobs each: every first job before any second one."""
    for _ in range(2):
        for number in range(1000):
            await enqueue(broker, group=f"t{number}")
    jobs = [job for _ in range(10) for job in await claim(consumer, 100)]
    assert len({job.group for job in jobs}) >= 990
