"""Users' functions as job types."""

import math
from collections.abc import AsyncIterator, Sequence
from typing import Any, Optional

import msgspec
import pytest

from jobqueue import Backoff, Batch, InvalidRequest, JobContext, JobQueue, Retry
from jobqueue.app.handlers import read_signature
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


def test_reads_the_signature_of_batch_handlers() -> None:
    """Payload and result of a job are what the lists of a batch's handler hold, without errors."""
    app = JobQueue()

    @app.job("mail", batch=Batch(size=50, wait=0.2))
    async def mail(_jobs: list[JobContext], payloads: list[Point]) -> list[Point | Exception]:
        return [*payloads]

    @app.job("untyped", batch=Batch(size=2))
    async def untyped(_jobs, payloads):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as users may
        return payloads

    types = {job_type.name: job_type for job_type in app.registry}
    assert types["mail"].batch == Batch(50, 0.2)
    assert types["mail"].parse(b'{"x":1}') == Point(1)
    assert app._results["mail"](b'{"x":2}') == Point(2)
    assert types["untyped"].parse(b"[1]") == [1]
    assert app._results["untyped"](b'"x"') == "x"
    assert app.registry.largest_batch("default") == 50


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (list[int | ValueError | None], int | None),
        (list[Point], Point),
        (list[Exception], Any),
        (Sequence[Optional[int]], Optional[int]),  # noqa: UP045 - as users may
        (list, Any),
    ],
)
def test_results_of_a_batch_are_read_without_their_errors(returned: Any, kind: Any) -> None:
    """What a batch's handler returns for one job is read as that, in every way to write it."""

    async def mail(_jobs: list[JobContext], _payloads: list[int]) -> Any: ...

    mail.__annotations__["return"] = returned
    signature = read_signature(mail, batched=True)
    value = {"x": 1} if kind is Point else 7
    expected = Point(1) if kind is Point else 7
    assert signature.parse_result(msgspec.json.encode(value)) == expected
    if kind is not Any:
        with pytest.raises(InvalidRequest):
            signature.parse_result(b'"text"')


async def _no_list(_jobs: list[JobContext], payloads: Point) -> None:
    del payloads


async def _no_list_back(_jobs: list[JobContext], payloads: list[Point]) -> Point:
    return payloads[0]


@pytest.mark.parametrize("function", [_no_list, _no_list_back])
def test_refuses_functions_that_take_no_batch(function: Any) -> None:
    """A function that takes or gives no list is no handler of batches, and is told so."""
    with pytest.raises(SettingsError, match=f"{function.__name__}.*are lists, not .*Point"):
        JobQueue().job("x", batch=Batch(size=2))(function)


@pytest.mark.parametrize(
    ("size", "wait"), [(0, 1.0), (501, 1.0), (5, -1.0), (5, 61.0), (5, float("nan"))]
)
def test_refuses_batches_that_cannot_be(size: int, wait: float) -> None:
    """A batch of no job, of too many, or with a wait that is none is refused where it is made."""
    with pytest.raises(SettingsError, match=r"^batch (size|wait): "):
        Batch(size, wait)


async def _unresolvable(_job: JobContext, payload: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821 - the mistake itself
    del payload


async def _unreadable(_job: JobContext, payload: Connections) -> None:
    del payload


async def _one_argument(_job: JobContext) -> None: ...


async def _yields(_job: JobContext, payload: Any) -> AsyncIterator[Any]:
    yield payload


async def _three_arguments(_job: JobContext, payload: Any, databas: Any) -> None:
    del payload, databas


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_unresolvable, "cannot resolve its annotations: .*Nowhere"),
        (_unreadable, "cannot be read from JSON"),
        (_one_argument, "two arguments"),
        (_yields, "must be an `async def` or a `def` function"),
        (_three_arguments, "takes 'databas'.*define one with `async def databas"),
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


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"timeout": 0}, "timeout: expected a number > 0"),
        ({"timeout": math.inf}, "timeout: expected a number <= 2592000"),
        ({"retention": -1}, "retention: expected a number >= 0"),
        ({"limit_key": "a..b"}, "limit_key: must be names with dots"),
        ({"retry": Retry(0)}, "max_attempts: expected an integer >= 1"),
        ({"retry": Retry(backoff=Backoff(delay=math.nan))}, "backoff.delay: expected a number"),
        (
            {"retry": Retry(backoff=Backoff(kind="cubic"))},  # type: ignore[arg-type]
            "backoff.kind: must be one of exponential, fixed, linear",
        ),
        ({"retry": 3}, "retry must be a Retry, not 3"),
    ],
)
def test_a_policy_that_no_job_could_have_is_refused(policy: dict[str, Any], words: str) -> None:
    """What would fail each job of a type fails its definition, and says what to change."""
    with pytest.raises(SettingsError, match=words):
        JobQueue().job("echo", **policy)(_echo)


async def _echo(_job: JobContext, payload: Any) -> Any:
    return payload
