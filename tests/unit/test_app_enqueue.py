"""What `enqueue` can be asked for beyond a job's payload and time, and what types say for it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from jobqueue import (
    Backpressure,
    Durability,
    GroupLimits,
    IdempotencyConflict,
    InvalidRequest,
    JobContext,
    JobQueue,
    Parent,
    QueueFull,
    QueueLimits,
    Settings,
    State,
    TenantFull,
    Unique,
    UniqueMode,
    UnknownParent,
)
from jobqueue.model import Outcome
from jobqueue.settings import RedisSettings

from .test_app_queue import Rig, rig_on


@pytest.fixture
async def rig(redis_url: str, namespace: str) -> AsyncIterator[Rig]:
    """A JobQueue on the tests' Redis."""
    async with rig_on(redis_url, namespace) as rig:
        yield rig


async def test_a_key_makes_two_submits_one_job(rig: Rig) -> None:
    """The same request with the same key is the first job; another request is refused."""
    first = await rig.app.enqueue("echo", {"order": 1}, key="order-1")
    again = await rig.app.enqueue("echo", {"order": 1}, key="order-1")
    assert again.id == first.id
    with pytest.raises(IdempotencyConflict):
        await rig.app.enqueue("echo", {"order": 2}, key="order-1")


async def test_a_unique_key_is_held_until_the_end(rig: Rig) -> None:
    """Of one key one job waits or runs; when it has ended the next one comes in."""
    first = await rig.app.enqueue("echo", 1, unique_key="report")
    assert (await rig.app.enqueue("echo", 2, unique_key="report")).id == first.id
    await rig.finish(Outcome.COMPLETED, queue="default", result=b"1")
    assert (await rig.app.enqueue("echo", 3, unique_key="report")).id != first.id


async def test_a_unique_key_has_modes(rig: Rig) -> None:
    """Debounce keeps the newest payload of a job that waits, and puts it off."""
    unique = Unique("search", UniqueMode.DEBOUNCE, ttl=60)
    first = await rig.app.enqueue("echo", "a", unique=unique)
    again = await rig.app.enqueue("echo", "ab", unique=unique)
    job = await first.get()
    assert (again.id, job.payload, job.state) == (first.id, b'"ab"', State.SCHEDULED)
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("echo", 1, unique=Unique("search", UniqueMode.DEBOUNCE))
    assert [error.path for error in caught.value.errors] == ["/unique/ttl"]


async def test_a_job_waits_for_others(rig: Rig) -> None:
    """`depends_on` takes ids and `Parent`s; one that there is not is refused."""
    first = await rig.app.enqueue("echo", 1)
    second = await rig.app.enqueue("echo", 2, depends_on=[first.id])
    third = await rig.app.enqueue("echo", 3, depends_on=[Parent(first.id, "ignore")])
    assert (await second.get()).state is State.BLOCKED
    await rig.finish(Outcome.DEAD, queue="default", reason="broken")
    assert (await second.get()).state is State.DEAD
    assert (await third.get()).state is State.QUEUED
    with pytest.raises(UnknownParent):
        await rig.app.enqueue("echo", 4, depends_on=["default-01ARZ3NDEKTSV4RRFFQ69G5FAV"])
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("echo", 4, depends_on=["nonsense"])
    assert [error.path for error in caught.value.errors] == ["/depends_on/0"]


async def test_a_job_that_expired_does_not_start(rig: Rig) -> None:
    """What had not started in time is cancelled when it is met."""
    handle = await rig.app.enqueue("echo", 1, expires_in=0.001, delay=0.05)
    while not (await handle.get()).state.is_final:
        await rig.broker.reap("default", lease=15)
    job = await handle.get()
    assert (job.state, job.reason) == (State.CANCELLED, "expired")


async def test_a_full_queue_refuses(rig: Rig) -> None:
    """The size limits of a queue and of a tenant are told apart; both are backpressure."""
    await rig.app.set_limits("default", QueueLimits(size=2), groups={"a": GroupLimits(size=1)})
    await rig.app.enqueue("echo", 1, tenant="a")
    with pytest.raises(TenantFull):
        await rig.app.enqueue("echo", 2, tenant="a")
    await rig.app.enqueue("echo", 3)
    with pytest.raises(QueueFull) as caught:
        await rig.app.enqueue("echo", 4)
    assert isinstance(caught.value, Backpressure)


async def test_keeps_tenant_and_retention(rig: Rig) -> None:
    """Whose a job is, and how long it is kept, is with the job."""
    job = await (await rig.app.enqueue("echo", 1, tenant="acme", retention=60)).get()
    assert (job.options.tenant, job.options.retention) == ("acme", 60)


async def test_durability_is_asked_of_redis(rig: Rig) -> None:
    """A server without replicas says in time that it cannot give what was asked."""
    with pytest.raises(Exception, match="replica is connected") as caught:
        await rig.app.enqueue("echo", 1, durability=Durability.REPLICATED)
    assert getattr(caught.value, "code", None) == "not_durable"


@pytest.mark.parametrize(
    ("wrong", "path", "words"),
    [
        ({"key": "\ud800"}, "/key", "visible characters"),
        ({"unique_key": "\ud800"}, "/unique/key", "visible characters"),
        ({"tags": ["\ud800"]}, "/tags/0", "UTF-8"),
        ({"run_at": datetime.max.replace(tzinfo=UTC)}, "/run_at", "before the year 9000"),
        ({"unique": Unique("a", UniqueMode.THROTTLE, 1e-5)}, "/unique/ttl", "0.001"),
        ({"unique": Unique("a"), "unique_key": "b"}, "/unique_key", "not both"),
        ({"depends_on": "default-01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "/depends_on", "an array"),
        ({"depends_on": None}, "/depends_on", "an array"),
        ({"durability": "always"}, "/durability", "replicated, fsync"),
    ],
)
async def test_names_the_wrong_argument(
    rig: Rig, wrong: dict[str, Any], path: str, words: str
) -> None:
    """An argument that is wrong is named with what it should be, and nothing is enqueued."""
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("echo", 1, **wrong)
    assert [error.path for error in caught.value.errors] == [path]
    assert words in caught.value.errors[0].message
    assert await rig.broker.queues() == []


async def test_many_are_refused_by_their_index(rig: Rig) -> None:
    """A job of many needs no payload, and what is no job at all is named by its index."""
    await rig.app.enqueue_many([{"type": "echo"}])
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue_many([{"type": "echo"}, "echo"])  # type: ignore[list-item]
    assert [error.path for error in caught.value.errors] == ["/1"]


async def test_tags_may_be_any_iterable(rig: Rig) -> None:
    """Tags may be given as a set or a generator."""
    job = await (await rig.app.enqueue("echo", 1, tags=(tag for tag in "ab"))).get()
    assert job.options.tags == ("a", "b")


async def test_a_parent_has_one_policy(rig: Rig) -> None:
    """A job that is named with two policies is refused, as only one of them could hold."""
    first = await rig.app.enqueue("echo", 1)
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("echo", 1, depends_on=[first.id, Parent(first.id, "ignore")])
    assert [error.path for error in caught.value.errors] == ["/depends_on/1"]
    await rig.app.enqueue("echo", 1, depends_on=[first.id, first.id])


async def test_arguments_of_another_kind_are_named(rig: Rig) -> None:
    """What is no mapping, no list and no backoff is refused as any wrong field is."""
    wrong: list[tuple[Any, set[str]]] = [
        (rig.app.enqueue_many([5]), {"/0"}),  # type: ignore[list-item]
        (rig.app.enqueue_flow({"a": 5}), {"/steps/a"}),  # type: ignore[dict-item]
        (rig.app.enqueue("echo", 1, depends_on="default-x"), {"/depends_on"}),
        (rig.app.schedule("s", "echo", every=5, backoff=3), {"/backoff"}),  # type: ignore[arg-type]
    ]
    for call, paths in wrong:
        with pytest.raises(InvalidRequest) as caught:
            await call
        assert {error.path for error in caught.value.errors} == paths


async def test_an_unknown_durability_is_refused(rig: Rig) -> None:
    """What cannot be asked for is refused before anything is accepted."""
    calls = (
        rig.app.enqueue("echo", 1, durability="disk"),
        rig.app.enqueue_many([{"type": "echo", "payload": 1}], durability="disk"),
        rig.app.enqueue_flow({"a": {"type": "echo"}}, durability="disk"),
    )
    for call in calls:
        with pytest.raises(InvalidRequest, match="one of replicated, fsync"):
            await call
    assert await rig.broker.queues() == []


async def test_a_type_has_a_limit_key_and_a_retention(redis_url: str, namespace: str) -> None:
    """Jobs of a type are grouped by a field of their payload, and kept as long as it says."""
    settings = Settings(redis=RedisSettings(url=redis_url, namespace=namespace))
    app = JobQueue(settings=settings)

    @app.job("export", limit_key="customer.id", retention=5)
    async def export(_job: JobContext, _payload: Any) -> None: ...

    async with app:
        await app.set_limits("default", QueueLimits(group_size=1))
        handle = await app.enqueue("export", {"customer": {"id": 7}})
        assert (await handle.get()).options.retention == 5
        with pytest.raises(TenantFull, match="'7'"):
            await app.enqueue("export", {"customer": {"id": 7}})
        await app.enqueue("export", {"customer": {"id": 8}})
