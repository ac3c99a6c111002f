"""Flows: jobs that wait for each other, in one call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobqueue import (
    InvalidRequest,
    JobHandle,
    JobNotFound,
    PayloadTooLarge,
    QueueFull,
    QueueLimits,
    State,
    Unique,
)
from jobqueue.app.flows import waves
from jobqueue.conflicts import IdempotencyConflict
from jobqueue.ids import new_job_id
from jobqueue.model import Outcome
from jobqueue.submission import JobOptions, NewJob, Parent

from .test_app_queue import Rig, rig_on


@pytest.fixture
async def rig(redis_url: str, namespace: str) -> AsyncIterator[Rig]:
    """A JobQueue on the tests' Redis."""
    async with rig_on(redis_url, namespace) as rig:
        yield rig


async def states(handles: dict[str, JobHandle]) -> dict[str, State]:
    """The state of each step."""
    return {name: (await handle.get()).state for name, handle in handles.items()}


def step(*parents: Any, **fields: Any) -> dict[str, Any]:
    """A step that waits for others."""
    return {"type": "echo", "payload": 1, "depends_on": parents, **fields}


async def test_steps_wait_for_each_other(rig: Rig) -> None:
    """A flow comes in whole: what waits for nothing may start, all else is blocked."""
    handles = await rig.app.enqueue_flow(
        {
            "last": step("left", "right"),
            "left": step("first"),
            "right": step("first"),
            "first": {"type": "echo"},
        }
    )
    assert await states(handles) == {
        "first": State.QUEUED,
        "left": State.BLOCKED,
        "right": State.BLOCKED,
        "last": State.BLOCKED,
    }
    for _ in range(4):
        await rig.finish(Outcome.COMPLETED, queue="default", result=b"1")
    assert set((await states(handles)).values()) == {State.COMPLETED}


async def test_a_step_may_go_on_when_another_fails(rig: Rig) -> None:
    """Each edge has its own policy."""
    handles = await rig.app.enqueue_flow(
        {
            "first": step(),
            "strict": step("first"),
            "tolerant": step({"step": "first", "on_failure": "ignore"}),
        }
    )
    await rig.finish(Outcome.DEAD, queue="default", reason="broken")
    found = await states(handles)
    assert (found["strict"], found["tolerant"]) == (State.DEAD, State.QUEUED)


async def test_names_what_is_wrong_with_a_flow(rig: Rig) -> None:
    """A step that there is not, a circle and wrong fields are named, and nothing comes in."""
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"a": step("b")}, {"/steps/a/depends_on/0"}),
        ({"a": step("c"), "b": step("a"), "c": step("b")}, {"/steps/a/depends_on"}),
        ({"a": step("a")}, {"/steps/a/depends_on"}),
        (
            {"a": step(delay=-1), "b/c": step(priority="urgent", colour="red")},
            {"/steps/a/delay", "/steps/b~1c/colour"},
        ),
        ({"a": step(queue="A"), "b": step("a", priority="urgent")}, {"/steps/a/queue"}),
        ({"a": step({"step": "b", "on_failure": "shrug"})}, {"/steps/a/depends_on/0/on_failure"}),
        ({}, {"/steps"}),
        ({"": step()}, {"/steps"}),
    ]
    for steps, paths in cases:
        with pytest.raises(InvalidRequest) as caught:
            await rig.app.enqueue_flow(steps)
        assert paths <= {error.path for error in caught.value.errors}, steps
    assert await rig.broker.queues() == []


async def test_a_circle_is_shown(rig: Rig) -> None:
    """The message says which steps wait for each other."""
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue_flow({"a": step("b"), "b": step("a"), "c": step()})
    (error,) = caught.value.errors
    assert {"a", "b"} == set(error.message.partition(": ")[2].split(" → "))


async def test_a_large_flow_is_atomic_too(rig: Rig) -> None:
    """More steps than one script takes come in, each after those that it waits for."""
    steps: dict[str, Any] = {f"n{number}": step() for number in range(700)}
    steps["all"] = step(*(f"n{number}" for number in range(700)))
    handles = await rig.app.enqueue_flow(steps)
    (stats,) = await rig.broker.stats()
    assert (stats.counts[State.QUEUED], stats.counts[State.BLOCKED]) == (700, 1)
    assert (await handles["all"].get()).state is State.BLOCKED


async def test_a_flow_goes_over_several_queues(rig: Rig) -> None:
    """Steps that wait for steps in other queues, there and back, start when these have ended."""
    handles = await rig.app.enqueue_flow(
        {"a": step(queue="here"), "b": step("a", queue="there"), "c": step("b", queue="here")}
    )
    await relay(rig, "here", "there")
    await rig.finish(Outcome.COMPLETED, queue="here", result=b"1")
    await relay(rig, "here", "there")
    await rig.finish(Outcome.COMPLETED, queue="there", result=b"2")
    await relay(rig, "here", "there")
    await rig.finish(Outcome.COMPLETED, queue="here", result=b"3")
    assert set((await states(handles)).values()) == {State.COMPLETED}


async def test_a_step_is_kept_until_other_queues_have_heard(rig: Rig) -> None:
    """What a step made that is not to be kept reaches a step of another queue all the same."""
    handles = await rig.app.enqueue_flow(
        {
            "first": step(queue="here", retention=0),
            "near": step("first", queue="here", retention=0),
            "far": step("first", queue="there"),
        }
    )
    for _ in range(2):
        await rig.finish(Outcome.COMPLETED, queue="here", result=b"1")
    await rig.broker.reap("here", lease=15)
    await relay(rig, "there", "here")
    assert (await handles["far"].get()).state is State.QUEUED
    with pytest.raises(JobNotFound):
        await handles["near"].get()


async def relay(rig: Rig, *queues: str) -> None:
    """Let a reaper carry what queues have to say to each other."""
    for _ in range(3):
        for queue in queues:
            await rig.broker.reap(queue, lease=15)


async def test_the_same_key_is_the_same_flow(rig: Rig) -> None:
    """A flow that is sent again with its key gives the jobs that are there, and doubles none."""
    steps = {"a": step(), "b": step("a"), "c": step("b", queue="there")}
    first = await rig.app.enqueue_flow(steps, key="order-1")
    again = await rig.app.enqueue_flow(steps, key="order-1")
    assert {name: each.id for name, each in again.items()} == {
        name: each.id for name, each in first.items()
    }
    stats = await rig.broker.stats()
    assert sum(sum(each.counts.values()) for each in stats) == 3
    with pytest.raises(IdempotencyConflict):
        await rig.app.enqueue_flow({**steps, "a": step(payload=2)}, key="order-1")


async def test_many_calls_with_one_key_at_once_are_one_flow(rig: Rig) -> None:
    """Clients that send the same flow at the same moment all get the same jobs."""
    steps = {"a": step(), "b": step("a"), "c": step("a", "b")}
    flows = await asyncio.gather(*(rig.app.enqueue_flow(steps, key="order-1") for _ in range(8)))
    assert len({tuple(each.id for each in flow.values()) for flow in flows}) == 1
    (stats,) = await rig.broker.stats()
    assert sum(stats.counts.values()) == 3


async def test_a_flow_that_stopped_half_way_is_completed(rig: Rig) -> None:
    """What the first call left in later queues comes in when it is sent again with its key."""
    steps = {"a": step(), "b": step("a", queue="there"), "c": step("a", "b")}
    partial = await rig.app.enqueue_many([{"type": "echo", "payload": 1, "key": "order-1/a"}])
    handles = await rig.app.enqueue_flow(steps, key="order-1")
    assert handles["a"].id == partial[0].id
    assert (await handles["b"].get()).options.depends_on == (Parent(partial[0].id),)
    assert await states(handles) == {"a": State.QUEUED, "b": State.BLOCKED, "c": State.BLOCKED}


async def test_a_step_waits_for_the_job_that_stands_for_another(rig: Rig) -> None:
    """Where another job holds a step's unique key, the steps after it wait for that job."""
    holder = await rig.app.enqueue("echo", 1, unique_key="report")
    handles = await rig.app.enqueue_flow(
        {"report": step(unique=Unique("report")), "mail": step("report")}
    )
    assert handles["report"].id == holder.id
    assert (await handles["mail"].get()).options.depends_on == (Parent(holder.id),)


async def test_a_flow_that_one_queue_refuses_is_nowhere(rig: Rig) -> None:
    """What refuses the steps of a later queue refuses the flow before anything comes in."""
    await rig.app.set_limits("there", QueueLimits(size=1))
    with pytest.raises(QueueFull):
        await rig.app.enqueue_flow(
            {"a": step(), "b": step("a", queue="there"), "c": step("a", queue="there")}
        )
    assert all(sum(each.counts.values()) == 0 for each in await rig.broker.stats())


async def test_a_flow_has_as_many_steps_as_a_bulk(rig: Rig) -> None:
    """A flow over the limit of one call is refused whole."""
    with pytest.raises(PayloadTooLarge):
        await rig.app.enqueue_flow({f"n{number}": step() for number in range(10_001)})


def test_waves_come_after_their_parents() -> None:
    """A call of one queue never has a job whose parent comes in later."""

    def job(queue: str, *parents: NewJob) -> NewJob:
        depends_on = tuple(Parent(parent.id) for parent in parents)
        return NewJob(new_job_id(queue), "t", b"1", options=JobOptions(depends_on=depends_on))

    a = job("x")
    b = job("y", a)
    c = job("x", b)
    d = job("x", a)
    assert [*waves([a, b, c, d])] == [[a, d], [b], [c]]
