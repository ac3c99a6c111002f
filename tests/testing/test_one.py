"""Running one handler without Redis."""

import pytest

from jobqueue import InvalidRequest
from jobqueue.errors import SettingsError
from jobqueue.testing import run_job

from .jobs import Mail, Sent, app, compute, counts, mail

SERVER = {"server": "nobody"}


async def test_gives_what_a_handler_gives_and_tells() -> None:
    """A handler runs with what the test gives it; its result, progress and log are there."""
    counts.clear()
    run = await run_job(app, mail, Mail(to="ann"), attempt=2, replaced=SERVER)
    assert run.result == Sent(words="ann x 1 by nobody, attempt 2")
    assert [(each.percent, each.message) for each in run.progress] == [(50, "half")]
    assert run.log == ["to ann"]
    assert [job.type for job in counts] == ["mail"]


async def test_a_payload_is_checked_as_at_a_submit() -> None:
    """A wrong payload is refused before the handler is called."""
    with pytest.raises(InvalidRequest) as caught:
        await run_job(app, "mail", {"copies": "many"}, replaced=SERVER)
    assert [error.path for error in caught.value.errors] == ["/to", "/copies"]


async def test_lifespans_open_unless_they_are_replaced() -> None:
    """What is not replaced is opened, and a value for what there is not is refused."""
    with pytest.raises(SettingsError, match="lifespan server did not start"):
        await run_job(app, "pair", 2)
    with pytest.raises(SettingsError, match="no lifespan 'database' to replace"):
        await run_job(app, "pair", 2, replaced={"database": 1})


async def test_a_timeout_is_a_timeout() -> None:
    """A handler is stopped when its type's time is over."""
    with pytest.raises(TimeoutError):
        await run_job(app, "slow", 600, replaced=SERVER)


async def test_relatives_are_what_the_test_says() -> None:
    """`job.parents()` and `job.children()` give what they were told to."""
    run = await run_job(
        app, "family", ["ann", "bob"], parents={"q-1": 7}, children=[["a", "b"]], replaced=SERVER
    )
    assert run.result == [{"q-1": 7}, ["a", "b"]]
    with pytest.raises(AssertionError, match="adds 2 children in its call 1"):
        await run_job(app, "family", ["ann", "bob"], replaced=SERVER)


async def test_batches_threads_and_processes_run_too() -> None:
    """A handler runs where a worker would run it, and an error of a batch is raised."""
    assert (await run_job(app, "pair", 2, replaced=SERVER)).result == 1
    with pytest.raises(ValueError, match="odd"):
        await run_job(app, "pair", 3, replaced=SERVER)
    run = await run_job(app, compute, 12, replaced=SERVER)
    assert (run.result, run.log) == (144, ["computing"])


async def test_a_type_that_is_not_there_is_named() -> None:
    """A type or function that the app does not know is said to be that."""
    with pytest.raises(LookupError, match="no job type 'male'; it has compute, family, mail"):
        await run_job(app, "male")
    with pytest.raises(LookupError, match="is no handler of this app"):
        await run_job(app, run_job)
