"""Which lifespans a function asks for: those that its parameters are called after."""

import difflib
import inspect
from collections.abc import Callable, Collection, Sequence
from inspect import Parameter
from typing import Any

from jobqueue.errors import SettingsError

_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def wanted_by(
    function: Callable[..., Any], what: str, *, known: Collection[str], given: Sequence[str]
) -> tuple[str, ...]:
    """The names of the lifespans that are passed to `function`.

    Args:
        function: a user's function.
        what: it, for messages.
        known: the lifespans that are defined so far.
        given: what it is called with in front of them, for messages.

    Raises:
        SettingsError: it does not take what it is given, or asks for what there is not.
    """
    signature = inspect.signature(function)
    try:
        signature.bind_partial(*given)
    except TypeError:
        raise SettingsError(f"{what}: must take the arguments {', '.join(given)}") from None
    wanted = []
    for parameter in [*signature.parameters.values()][len(given) :]:
        if parameter.name in known and parameter.kind in _BY_NAME:
            wanted.append(parameter.name)
        elif parameter.default is Parameter.empty and parameter.kind not in _VARIABLE:
            raise SettingsError(f"{what}: {_unknown(parameter.name, known)}")
    return tuple(wanted)


def _unknown(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"define one with `async def {name}()`"
    return f"takes {name!r}, and no lifespan of that name is defined before it: {hint}"
