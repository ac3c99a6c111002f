"""Users' functions as job types."""

from typing import Any

import msgspec
import pytest

from jobqueue import InvalidRequest, JobContext, JobQueue
from jobqueue.broker.broker import Connections
from jobqueue.errors import SettingsError

from .app_types import Thumbnail, define


class Point(msgspec.Struct):
    """A payload of msgspec's."""

    x: int


def test_reads_the_signature_of_handlers() -> None:
    """Payload and schema of a type are what its handler's annotations say."""
    app = JobQueue()
    define(app)

    @app.job("point")
    async def point(_job: JobContext, payload: Point) -> None:
        del payload

    @app.job("untyped", queue="q", timeout=1)
    async def untyped(_job, payload):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as users may
        return payload

    types = {job_type.name: job_type for job_type in app.registry}
    assert types["thumbnail"].parse(b'{"url":"a"}') == Thumbnail(url="a")
    schema = types["thumbnail"].payload_schema
    assert schema is not None
    assert schema["properties"]["width"]["exclusiveMinimum"] == 0
    assert types["point"].parse(b'{"x":1}') == Point(1)
    with pytest.raises(InvalidRequest) as caught:
        types["point"].parse(b'{"x":"1"}')
    assert [error.path for error in caught.value.errors] == ["/x"]
    assert types["untyped"].parse(b"[1]") == [1]
    assert types["untyped"].payload_schema is None
    assert (types["untyped"].queue, types["untyped"].timeout) == ("q", 1)
    assert types["untyped"].handler is untyped


async def _unresolvable(_job: JobContext, payload: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821 - the mistake itself
    del payload


async def _unreadable(_job: JobContext, payload: Connections) -> None:
    del payload


async def _one_argument(_job: JobContext) -> None: ...


def _synchronous(_job: JobContext, payload: Any) -> None:
    del payload


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_unresolvable, "cannot resolve its annotations: .*Nowhere"),
        (_unreadable, "cannot be read from JSON"),
        (_one_argument, "two arguments"),
        (_synchronous, "async def"),
    ],
)
def test_refuses_functions_that_are_no_handlers(function: Any, words: str) -> None:
    """A function that cannot be a handler is refused where it is defined, with its name."""
    with pytest.raises(SettingsError, match=f"{function.__name__}.*{words}"):
        JobQueue().job("x")(function)


@pytest.mark.parametrize(
    ("name", "queue"),
    [("Upper", "q"), ("x", "a b"), ("thumbnail", "q"), ("jobs", "q"), ("x", "pending")],
)
def test_refuses_wrong_names(name: str, queue: str) -> None:
    """A type or queue with a wrong name, or a type that is taken, is refused."""
    app = JobQueue()
    define(app)

    async def handler(_job: JobContext, payload: Any) -> None:
        del payload

    with pytest.raises(SettingsError, match=name if queue == "q" else queue):
        app.job(name, queue=queue)(handler)
