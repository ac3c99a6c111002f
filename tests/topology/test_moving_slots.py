"""A queue whose slot moves to another node, key by key, while it is used."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from jobqueue.broker import scripts
from jobqueue.broker.broker import Broker, Connections, Consumer, Lease
from jobqueue.broker.codec import ulid_of
from jobqueue.broker.commands import Commands
from jobqueue.broker.scripts import ScriptCall
from jobqueue.broker.slots import slot_of
from jobqueue.errors import RedisUnavailable
from jobqueue.model import ClaimedJob, Outcome, Progress, WorkerInfo
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.broker.helpers import QUEUE, claim, counts, enqueue, new_job, prefix_of, settle
from tests.support.cluster import RedisCluster, SlotMove
from tests.support.wait import eventually
from tests.worker.harness import Harness
from tests.worker.stages import Crowd

TRIES = 2
"""Ways in which the keys of a call are divided before it may succeed."""

Verb = Callable[[], Awaitable[Any]]


class Watched:
    """The commands of a broker; each script call is first made while its slot moves.

    Some of the keys, any of them, are then at the other node already.
    """

    def __init__(self, commands: Commands, move: SlotMove) -> None:
        self._commands = commands
        self._move = move
        self._one = asyncio.Lock()
        self.refused: Counter[str] = Counter()

    async def call(self, call: ScriptCall) -> Any:
        """The reply to a call that was made until nothing stood in its way."""
        async with self._one:
            for _ in range(TRIES):
                self._move.begin()
                self._move.move_some()
                before = self._move.digests()
                try:
                    return await self._commands.call(call)
                except RedisUnavailable as error:
                    self.refused[call.source.name] += 1
                    what = f"{call.source.name} failed half-way: {error}"
                    assert self._move.digests() == before, what
                finally:
                    self._move.call_off()
            return await self._commands.call(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._commands, name)


@pytest.fixture
async def watched(
    cluster: RedisCluster,
    namespace: str,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[Broker, Watched]]:
    """A broker that tries each call once, and what sees its scripts."""
    monkeypatch.setattr("jobqueue.broker.producer.SCRIPT_JOBS", 10)
    connections = await Connections.open(cluster.url)
    move = SlotMove(cluster, slot_of(prefix_of(namespace)))
    commands = connections.commands = Watched(connections.commands, move)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings(dead_count=5))
    yield broker, commands
    await broker.close()


def _verbs(broker: Broker, consumer: Consumer, other: Consumer, namespace: str) -> list[Verb]:
    """Every verb of the broker on the tests' queue, in the middle of a queue's life."""
    meta = prefix_of(namespace) + "meta"
    running: list[ClaimedJob] = []
    known: list[str] = []

    async def submit() -> None:
        known.append((await broker.enqueue(new_job(delay_ms=random.choice((0, 60_000))))).id)

    async def take() -> None:
        running.extend(await claim(consumer, 2))

    async def end(outcome: Outcome) -> None:
        if running:
            await settle(consumer, running[:1], outcome, delay_ms=0, result=b"1" * 100)
            del running[0]

    async def renew() -> None:
        pairs = [part for job in running for part in (ulid_of(job.id), job.token)]
        await broker._channel.call(scripts.renew(meta, 15_000, pairs))

    async def report() -> None:
        await consumer.report({Lease(job.id, job.token): Progress(50) for job in running})

    async def deliver() -> None:
        await other.wait(0.01)

    info = WorkerInfo("w1", "host", 1, ("worker",), "1", (), 0, 0, 0)
    verbs: list[Verb] = [submit, take, renew, report, deliver, other.leave]
    verbs += [lambda outcome=outcome: end(outcome) for outcome in Outcome]  # type: ignore[misc]  # bound now
    verbs += [lambda state=state: broker.list_jobs(state, queue=QUEUE) for state in State]  # type: ignore[misc]  # likewise
    verbs += [
        lambda: enqueue(broker, 25),
        lambda: consumer.beat(info),
        lambda: broker.consumer(QUEUE, worker_id="w2", lease=15),
        lambda: broker.reap(QUEUE, lease=15),
        lambda: broker.cancel(random.choice(known)) if known else _nothing(),
        lambda: broker.retry(random.choice(known)) if known else _nothing(),
        lambda: broker.get(known[0]) if known else _nothing(),
        lambda: broker.standings(known[:10]),
        lambda: broker.stats([QUEUE]),
        broker.workers,
        lambda: broker.reaper_beat_age(QUEUE),
        lambda: broker.archive.set_limit(QUEUE, 5),
        lambda: _archive(broker),
    ]
    return verbs


async def _archive(broker: Broker) -> None:
    await broker.archive.done(QUEUE, await broker.archive.read(QUEUE, limit=2))


async def _nothing() -> None:
    """What a verb does that has nothing to do it with."""


async def test_scripts_work_whole_or_not_at_all_while_their_slot_moves(
    watched: tuple[Broker, Watched], namespace: str
) -> None:
    """With the keys half here and half there a script is refused before it changes anything."""
    broker, commands = watched
    consumer = await broker.consumer(QUEUE, worker_id="w1", lease=15)
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    verbs = _verbs(broker, consumer, other, namespace)
    for _ in range(3):
        for verb in random.sample(verbs, len(verbs)):
            await verb()
    await other.leave()
    assert await _drain(broker, consumer)
    assert {"enqueue", "accept_batch", "claim", "settle", "retain", "leave"} <= set(
        commands.refused
    )


async def test_the_list_of_queues_is_read_and_written_while_it_moves(
    cluster: RedisCluster, namespace: str, broker: Broker
) -> None:
    """A command about one key follows it to the other node before its slot is there."""
    await broker.enqueue(new_job())
    move = SlotMove(cluster, slot_of(f"{namespace}:queues"))
    move.begin()
    while move.move_keys(100):
        pass
    assert await broker.queues() == [QUEUE]
    await broker.consumer("other", worker_id="w1", lease=15)
    assert await broker.queues() == ["other", QUEUE]
    move.finish()
    assert await broker.queues() == ["other", QUEUE]


async def test_a_worker_goes_on_when_its_queue_has_moved(
    cluster: RedisCluster, harness: Harness
) -> None:
    """Jobs that wait, run and come in while a queue moves are each run once."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    move = SlotMove(cluster, slot_of(prefix_of(harness.namespace)))
    ids = [await harness.submit("crowd", number) for number in range(200)]
    async with harness.worker(slots=3):
        await eventually(lambda: len(crowd.seen) > 20)
        move.begin()
        for _ in range(10):
            move.move_keys(20)
            await asyncio.sleep(0.01)  # the worker tries in between
        move.finish()
        ids += [await harness.submit("crowd", number) for number in range(200, 250)]
        for job_id in ids:
            assert (await harness.ended(job_id)).state is State.COMPLETED
    assert sorted(crowd.seen) == list(range(250))


async def _drain(broker: Broker, consumer: Consumer) -> bool:
    """Run all jobs to their end; whether each was given out once."""
    seen: list[str] = []
    while True:
        await broker.reap(QUEUE, lease=15)
        answer = await consumer.claim(500)
        seen += [job.id for job in answer.jobs]
        await settle(consumer, answer.jobs, Outcome.COMPLETED, result=b"1")
        if not answer.jobs and not answer.more:
            break
    assert State.QUEUED not in await counts(broker)
    return len(seen) == len(set(seen))
