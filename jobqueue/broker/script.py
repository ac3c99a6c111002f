"""One script as a function: its calls, and the check of its stub against its text."""

import inspect
from collections.abc import Callable, Iterable
from typing import Generic, ParamSpec, cast

from jobqueue.broker.lua import ScriptSource

P = ParamSpec("P")

Argument = str | bytes | int


class ScriptCall:
    """One call of a script, ready to be sent."""

    __slots__ = ("arguments", "meta", "source")

    def __init__(
        self, source: ScriptSource, meta: str | bytes, arguments: tuple[Argument, ...]
    ) -> None:
        self.source = source
        self.meta = meta
        self.arguments = arguments

    def command(self) -> tuple[Argument, ...]:
        """The call by the script's digest."""
        return ("EVALSHA", self.source.sha, 1, self.meta, *self.arguments)

    def command_with_text(self) -> tuple[Argument, ...]:
        """The call for a server that does not have the script."""
        return ("EVAL", self.source.text, 1, self.meta, *self.arguments)

    def in_cluster(self) -> "ScriptCall":
        """The same call for a Redis Cluster."""
        return ScriptCall(self.source.in_cluster, self.meta, self.arguments)


class Script(Generic[P]):
    """A script that is called with the parameters of its stub, after the queue's meta key."""

    def __init__(self, stub: Callable[P, None]) -> None:
        self.source = ScriptSource(stub.__name__)
        _check(self.source, stub)

    def __call__(self, meta: str, *args: P.args, **kwargs: P.kwargs) -> ScriptCall:
        """A call for the queue of `meta`; the last argument may repeat a group."""
        if kwargs:
            raise TypeError("script arguments are positional")
        fixed = cast("tuple[Argument, ...]", args)
        if self.source.rest:
            rest = cast("Iterable[Argument]", fixed[-1])
            return ScriptCall(self.source, meta, (*fixed[:-1], *rest))
        return ScriptCall(self.source, meta, fixed)


def _check(source: ScriptSource, stub: Callable[..., None]) -> None:
    names = tuple(inspect.signature(stub).parameters)
    expected = source.parameters + (("rest",) if source.rest else ())
    if names != expected:
        raise TypeError(f"{source.name}.lua takes {expected}, its stub says {names}")
