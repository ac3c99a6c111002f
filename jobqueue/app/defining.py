"""What `JobQueue` has around its handlers: what they are given, and what their calls go through."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from jobqueue.app.calling.binding import Calling, Middleware
from jobqueue.app.calling.lifespans import NOTHING, LifespanFunction
from jobqueue.app.handlers import HandlerFunction
from jobqueue.errors import SettingsError
from jobqueue.registry import Registry

Lifespan = TypeVar("Lifespan", bound=LifespanFunction)
Around = TypeVar("Around", bound=Middleware)


class Defining:
    """Definitions that belong to no job type alone.

    Attributes:
        registry: the job types defined so far.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self._calling = Calling()
        self._names: dict[HandlerFunction, str] = {}

    def lifespan(self, function: Lifespan) -> Lifespan:
        """Define what lives as long as a worker; decorates `async def name(): … yield value …`.

        What is before the `yield` runs before the worker's first job, the rest when the last one
        has ended. Handlers, middleware and later lifespans with a parameter of that name are given
        what was yielded. They open in the order of their definition and close in reverse. One that
        raises keeps the worker from starting.

        Raises:
            SettingsError: the function is none, or its name is taken.
        """
        self._calling.lifespans.add(function)
        return function

    def middleware(self, function: Around) -> Around:
        """Call all handlers through a function: decorates `async def name(job, payload, call)`.

        It answers what `await call(job, payload)` gives, or something else, or raises. The first
        one that is defined is the outermost. A batch comes as lists of jobs and payloads.

        Raises:
            SettingsError: it is no such function, or job types are defined before it.
        """
        if any(self.registry):
            raise SettingsError(
                f"middleware {function.__qualname__}: define it before all job types, "
                "so that it is around each of them"
            )
        self._calling.add_middleware(function)
        return function

    def name_of(self, type: str | HandlerFunction) -> str:  # noqa: A002 - the field's name everywhere
        """The name of a job type, which may be given as its handler.

        Raises:
            LookupError: the function is no handler of this app.
        """
        if isinstance(type, str):
            return type
        if (name := self._names.get(type)) is None:
            raise LookupError(f"{type!r} is no handler of this app: decorate it with `@app.job(…)`")
        return name

    @asynccontextmanager
    async def started(self, *, replaced: Mapping[str, Any] = NOTHING) -> AsyncIterator[None]:
        """Keep what handlers need open; a worker does so around its jobs.

        Args:
            replaced: values to use instead of opening the lifespans of these names.

        Raises:
            SettingsError: a lifespan did not start.
        """
        async with self._calling.processes, self._calling.lifespans.open(replaced):
            yield
