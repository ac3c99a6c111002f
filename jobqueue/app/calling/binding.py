"""Makes of a user's function what a worker calls."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from jobqueue.app.calling.lifespans import Lifespans
from jobqueue.app.calling.parameters import wanted_by
from jobqueue.app.calling.processes import HandlerProcesses
from jobqueue.app.calling.threads import in_thread
from jobqueue.errors import SettingsError
from jobqueue.registry import Handler

Middleware = Callable[..., Awaitable[Any]]
"""`async def middleware(job, payload, call)`, which gives what `await call(job, payload)` does."""

HANDLER_TAKES = ("job", "payload")
MIDDLEWARE_TAKES = ("job", "payload", "call")


class _Around(msgspec.Struct, frozen=True):
    """A middleware, and the lifespans that it asks for."""

    function: Middleware
    wanted: tuple[str, ...]


class Calling:
    """What the handlers of an app are called with, and through.

    Attributes:
        lifespans: what lives as long as a worker.
        processes: where functions run that must not run in the worker's own process.
    """

    def __init__(self) -> None:
        self.lifespans = Lifespans()
        self.processes = HandlerProcesses()
        self._middleware: list[_Around] = []

    def add_middleware(self, function: Middleware) -> None:
        """Call the handlers that are bound from now on through `function`, inside earlier ones.

        Raises:
            SettingsError: it is no middleware.
        """
        what = f"middleware {function.__qualname__}"
        if not inspect.iscoroutinefunction(function):
            raise SettingsError(f"{what}: must be an `async def` function")
        wanted = wanted_by(function, what, known=self.lifespans.names, given=MIDDLEWARE_TAKES)
        self._middleware.append(_Around(function, wanted))

    def bind(self, function: Callable[..., Any], *, process: bool) -> Handler:
        """What a worker calls for `function`, which is a handler.

        Raises:
            SettingsError: it asks for what it cannot get.
        """
        what = f"job handler {function.__qualname__}"
        wanted = wanted_by(function, what, known=self.lifespans.names, given=HANDLER_TAKES)
        handler = (
            self._in_process(function, what, wanted) if process else self._here(function, wanted)
        )
        for around in reversed(self._middleware):
            handler = self._wrap(around, handler)
        return handler

    def _here(self, function: Callable[..., Any], wanted: tuple[str, ...]) -> Handler:
        values = self.lifespans.values
        if not inspect.iscoroutinefunction(function):

            async def in_a_thread(job: Any, payload: Any) -> Any:
                return await in_thread(function, job, payload, **values(wanted))

            return in_a_thread
        if not wanted:
            return function

        async def with_lifespans(job: Any, payload: Any) -> Any:
            return await function(job, payload, **values(wanted))

        return with_lifespans

    def _in_process(
        self, function: Callable[..., Any], what: str, wanted: tuple[str, ...]
    ) -> Handler:
        if inspect.iscoroutinefunction(function):
            raise SettingsError(f"{what}: runs in a process, so it must be a plain `def` function")
        if "<" in function.__qualname__:
            raise SettingsError(
                f"{what}: runs in a process, which must find it: define it at the top of a module"
            )
        if wanted:
            raise SettingsError(
                f"{what}: runs in a process, where lifespans like {wanted[0]!r} are not"
            )

        async def in_a_process(job: Any, payload: Any) -> Any:
            return await self.processes.call(function, job, payload)

        return in_a_process

    def _wrap(self, around: _Around, handler: Handler) -> Handler:
        values = self.lifespans.values

        async def through_middleware(job: Any, payload: Any) -> Any:
            return await around.function(job, payload, handler, **values(around.wanted))

        return through_middleware
