"""Exceptions on their way from one process to another.

Pickle calls an exception's class with `args`, which fails for every class whose `__init__` takes
something else, and quietly changes some that take one text. So an exception is made anew without
its `__init__`; where that does not give the same text, what arrives has its name and text only.
"""

import contextlib
import pickle
import traceback
from typing import Any, NamedTuple

MAX_TRACEBACK = 8192
"""Characters of a traceback that are sent, its end: more are not kept with a job."""


class Packed(NamedTuple):
    """An exception; `kind` is None where it cannot be made anew."""

    kind: type[BaseException] | None
    args: tuple[Any, ...]
    state: dict[str, Any]
    name: str
    text: str
    trace: str


def pack(error: BaseException) -> Packed:
    """`error` with its traceback, as something that can be pickled."""
    trace = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    whole = Packed(type(error), error.args, vars(error), type(error).__name__, _text(error), trace)
    with contextlib.suppress(Exception):  # whatever a user's class does, it cannot be sent then
        arrived = pickle.loads(pickle.dumps(whole))  # noqa: S301 - our own
        if _text(_made_anew(arrived)) == whole.text:
            return whole
    return whole._replace(kind=None, args=(), state={})


def unpack(packed: Packed) -> BaseException:
    """The exception, with a note that tells where in the other process it was raised."""
    error = _made_anew(packed)
    error.add_note(f"In the process of the handler:\n{packed.trace}")
    return error


def _made_anew(packed: Packed) -> BaseException:
    if packed.kind is None:
        kind: type[BaseException] = type(packed.name, (RuntimeError,), {})
        return kind(packed.text)
    error = packed.kind.__new__(packed.kind, *packed.args)
    error.args = packed.args
    vars(error).update(packed.state)
    return error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - likewise
        return ""
