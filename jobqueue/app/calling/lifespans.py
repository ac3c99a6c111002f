"""What lives as long as a worker: opened before its first job, closed after its last."""

import inspect
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import structlog

from jobqueue.app.calling.parameters import wanted_by
from jobqueue.errors import SettingsError

LifespanFunction = Callable[..., Any]
"""An async generator function with one `yield`, or one that gives an async context manager."""

NOTHING: Mapping[str, Any] = {}

_log = structlog.get_logger(__name__)


class _Lifespan(msgspec.Struct, frozen=True):
    """One of them, and those that it is given itself."""

    name: str
    enter: Callable[..., AbstractAsyncContextManager[Any]]
    wanted: tuple[str, ...]


class Lifespans:
    """The lifespans of an app by name, in the order in which they open."""

    def __init__(self) -> None:
        self._lifespans: dict[str, _Lifespan] = {}
        self._values: dict[str, Any] | None = None

    @property
    def names(self) -> Collection[str]:
        """Those that are defined so far."""
        return self._lifespans.keys()

    def add(self, function: LifespanFunction) -> None:
        """Enter one under its function's name.

        Raises:
            SettingsError: it is none, its name is taken, or it asks for what there is not.
        """
        name = function.__name__
        enter = _entering(function)
        if name in self._lifespans:
            raise SettingsError(f"lifespan {name!r} is defined twice")
        wanted = wanted_by(function, f"lifespan {name}", known=self._lifespans, given=())
        self._lifespans[name] = _Lifespan(name, enter, wanted)

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """What those of these names have yielded."""
        if self._values is None:
            raise RuntimeError("lifespans are open where a worker runs, and nowhere else")
        return {name: self._values[name] for name in names}

    @asynccontextmanager
    async def open(self, replaced: Mapping[str, Any] = NOTHING) -> AsyncIterator[None]:
        """Open all of them, and close them in reverse.

        Args:
            replaced: values to use instead of opening those of these names, for tests.

        Raises:
            SettingsError: one did not open; those before it are closed again.
        """
        if self._values is not None:
            raise RuntimeError("the lifespans of this app are open already")
        if unknown := sorted(set(replaced) - set(self._lifespans)):
            raise SettingsError(f"there is no lifespan {unknown[0]!r} to replace")
        self._values = dict(replaced)
        try:
            async with AsyncExitStack() as stack:
                for lifespan in self._lifespans.values():
                    if lifespan.name not in replaced:
                        self._values[lifespan.name] = await self._enter(stack, lifespan)
                yield
        finally:
            self._values = None

    async def _enter(self, stack: AsyncExitStack, lifespan: _Lifespan) -> Any:
        try:
            manager = lifespan.enter(**self.values(lifespan.wanted))
            return await stack.enter_async_context(_closing_calmly(lifespan.name, manager))
        except Exception as error:
            raise SettingsError(
                f"lifespan {lifespan.name} did not start: {type(error).__name__}: {error}"
            ) from error


def _entering(function: LifespanFunction) -> Callable[..., AbstractAsyncContextManager[Any]]:
    if inspect.isasyncgenfunction(function):
        return asynccontextmanager(function)
    if inspect.isasyncgenfunction(inspect.unwrap(function)):  # it is one by contextlib's decorator
        return function
    raise SettingsError(
        f"lifespan {function.__name__}: must be an `async def` function that yields once"
    )


@asynccontextmanager
async def _closing_calmly(
    name: str, manager: AbstractAsyncContextManager[Any]
) -> AsyncIterator[Any]:
    """`manager`, whose failure to close is logged: the jobs have ended, and others are to close."""
    value = await manager.__aenter__()
    try:
        yield value
    finally:
        try:
            await manager.__aexit__(None, None, None)
        except Exception:  # noqa: BLE001 - as said
            _log.exception("lifespan_did_not_stop", lifespan=name)
