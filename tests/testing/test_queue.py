"""Running what waits in a queue, and looking at what was submitted."""

import os
from pathlib import Path

import pytest
import redis

from jobqueue import JobQueue, State
from jobqueue.errors import ServerUnreachable
from jobqueue.testing import assert_enqueued, private_redis, run_until_idle

from .queue_jobs import app, mail, order

pytestmark = pytest.mark.usefixtures("jobqueue_redis")


async def test_jobs_run_until_none_is_left() -> None:
    """Jobs run, and the jobs that they submit; those for later stay, unless they are wanted."""
    async with app:
        await app.enqueue("order", 7)
        await app.enqueue("order", 8)
        assert await run_until_idle(app) == 4
        waiting = await assert_enqueued(app, mail, {"order": 7}, queue="mail", count=1)
        assert waiting[0].state is State.SCHEDULED
        assert await run_until_idle(app, scheduled=True) == 2
        assert await app.handle(waiting[0].id).result(timeout=10) == 7
        assert await run_until_idle(app) == 0
        await assert_enqueued(app, mail, count=0)


async def test_one_that_never_ends_is_told() -> None:
    """Jobs that go on for ever end the run with what there is to do."""
    async with app:
        await app.enqueue("forever")
        with pytest.raises(TimeoutError, match=r"not idle within 0\.5 s: 1 (queued|active)"):
            await run_until_idle(app, within=0.5)


async def test_what_waits_is_shown_where_it_is_not_what_was_wanted() -> None:
    """A failed assertion says what was wanted and what is there."""
    async with app:
        await app.enqueue("order", 7, delay=60)
        assert len(await assert_enqueued(app, order)) == 1
        await assert_enqueued(app, "order", 7, count=1)
        with pytest.raises(AssertionError) as caught:
            await assert_enqueued(app, "order", 8)
        with pytest.raises(AssertionError, match="1 jobs wait, not 2 of type 'order'"):
            await assert_enqueued(app, "order", count=2)
        with pytest.raises(AssertionError, match="All that wait: none"):
            await assert_enqueued(app, "order", queue="mail")
    assert str(caught.value) == (
        "0 jobs wait, not one or more of type 'order' with 8. All that wait:\n  order 7"
    )


async def test_large_payloads_are_compared_too() -> None:
    """A payload that is in the storage is looked at as any other."""
    payload = {f"order-{number}": number for number in range(10_000)}
    async with app:
        await app.enqueue("mail", payload)
        await assert_enqueued(app, "mail", payload, count=1)


async def test_each_test_has_its_own_jobs() -> None:
    """With the fixture, a queue is empty when a test begins."""
    async with app:
        for name in ("order", "mail", "forever"):
            await assert_enqueued(app, name, count=0)


async def test_a_private_redis_is_empty_and_ends() -> None:
    """A server of one's own has nothing in it, works for an app, and is gone afterwards."""
    with private_redis() as url:
        with redis.Redis.from_url(url) as client:
            assert client.dbsize() == 0
            pid = client.info("server")["process_id"]
        async with JobQueue(redis_url=url) as queue:
            assert await queue.purge_dead() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_private_redis_that_does_not_start_says_why(tmp_path: Path) -> None:
    """The end of the server's log is in the error."""
    server = private_redis("--no-such-option", "yes", folder=tmp_path)
    with pytest.raises(ServerUnreachable, match="did not start"), server:
        pass
