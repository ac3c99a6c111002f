"""What a slot does while the job of an earlier one has not ended."""

import asyncio

import pytest

from jobqueue.broker.broker import Broker, CancelOrder, Consumer
from jobqueue.model import Outcome
from jobqueue.schedule import Overlap
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.support.wait import eventually

from .helpers import QUEUE, claim_one, settle, state_of
from .schedule_rig import HOUR, Rig, info_of


async def last_job(rig: Rig, consumer: Consumer, state: State) -> str:
    """The id of a job of an earlier slot, which is now in `state`."""
    job_id = await rig.fire_earlier()
    if state is State.CANCELLED:
        await rig.broker.cancel(job_id)
    elif state is not State.QUEUED:
        job = await claim_one(consumer)
        assert job.id == job_id
        if state is not State.ACTIVE:
            outcome = {
                State.COMPLETED: Outcome.COMPLETED,
                State.DEAD: Outcome.DEAD,
                State.SCHEDULED: Outcome.RETRY,
            }[state]
            await settle(
                consumer, [job], outcome, delay_ms=HOUR * (state is State.SCHEDULED), result=b"1"
            )
    assert await state_of(rig.broker, job_id) is state
    return job_id


STATES = [state for state in State if state is not State.BLOCKED]


@pytest.mark.parametrize("state", STATES)
async def test_allow_does_not_look_at_the_job_before(
    rig: Rig, consumer: Consumer, state: State
) -> None:
    """With `allow` every slot makes its job."""
    await rig.put(overlap=Overlap.ALLOW)
    before = await last_job(rig, consumer, state)
    assert await rig.broker.get(await rig.fire_latest())
    assert await state_of(rig.broker, before) is state


@pytest.mark.parametrize("state", STATES)
async def test_skip_waits_for_the_job_before(rig: Rig, consumer: Consumer, state: State) -> None:
    """With `skip` a slot makes a job only where the one before has ended."""
    await rig.put(overlap=Overlap.SKIP)
    before = await last_job(rig, consumer, state)
    job_id = await rig.fire_latest()
    made = await rig.broker.get(job_id) is not None
    info = await info_of(rig.broker)
    assert made is state.is_final
    assert (info.fired, info.skipped) == (1 + made, 1 - made)
    assert info.next_slot_ms == rig.latest_slot() + HOUR
    assert await state_of(rig.broker, before) is state


@pytest.mark.parametrize("state", STATES)
async def test_replace_cancels_the_job_before(rig: Rig, consumer: Consumer, state: State) -> None:
    """With `replace` a job that has not ended is cancelled, at once where it does not run."""
    await rig.put(overlap=Overlap.REPLACE)
    before = await last_job(rig, consumer, state)
    rig.outage(1)
    report = await rig.fire()
    assert len(report.fired) == 1
    assert report.cancelled == ["noop"] * (state in {State.QUEUED, State.SCHEDULED})
    job = await rig.broker.get(before)
    assert job is not None
    if state is State.ACTIVE:
        assert (job.state, job.cancel_requested) == (State.ACTIVE, True)
    else:
        assert job.state is (state if state.is_final else State.CANCELLED)
    info = await info_of(rig.broker)
    assert info.last_job_id is not None
    assert await state_of(rig.broker, info.last_job_id) is State.QUEUED


async def test_replace_tells_the_worker_at_once(rig: Rig, consumer: Consumer) -> None:
    """The worker that runs the job before hears of its cancellation as of any other."""
    await rig.put(overlap=Overlap.REPLACE)
    before = await last_job(rig, consumer, State.ACTIVE)
    subscribed = asyncio.Event()
    orders = rig.broker.orders(subscribed.set)
    heard = asyncio.create_task(anext(orders))
    await subscribed.wait()
    await rig.fire_latest()
    async with asyncio.timeout(10):
        assert await heard == CancelOrder(before)
    await orders.aclose()


async def test_a_job_that_was_forgotten_has_ended(rig: Rig) -> None:
    """A job before that retention has removed holds nothing up."""
    await rig.put(overlap=Overlap.SKIP)
    before = await rig.fire_earlier()
    await rig.broker.cancel(before)
    forgetful = Broker(
        rig.broker._connections,
        namespace=rig.namespace,
        retention=RetentionSettings(cancelled_count=0),
    )

    async def gone() -> bool:
        await forgetful.reap(QUEUE, lease=15)
        return await rig.broker.get(before) is None

    await eventually(gone)
    assert await rig.broker.get(await rig.fire_latest())
