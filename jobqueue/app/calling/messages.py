"""What a worker and the process of a handler tell each other: pickles, each after its length.

Both ends are one program under one user, so that a pickle is no risk that the program is not.
"""

import pickle
import struct
from typing import Any, NamedTuple, TypeAlias

from jobqueue.context import JobContext

LENGTH = struct.Struct(">Q")


class ContextFields(NamedTuple):
    """What a `JobContext` tells that does not change."""

    id: str
    type: str
    attempt: int
    max_attempts: int
    token: str
    deadline: float


class Call(NamedTuple):
    """Call the function `name` of `module`."""

    module: str
    name: str
    contexts: list[ContextFields]
    payload: Any
    is_batch: bool


class Began(NamedTuple):
    """The call has arrived; whatever happens now happens to its job."""


class Progressed(NamedTuple):
    """The function reported progress of a job."""

    job_id: str
    percent: float
    message: str | None


class Logged(NamedTuple):
    """The function logged a line for a job."""

    job_id: str
    line: str


class Returned(NamedTuple):
    """The function returned."""

    value: Any


class Raised(NamedTuple):
    """The function raised; `value` is what `raised.pack` made of it."""

    value: Any


Message: TypeAlias = Call | Began | Progressed | Logged | Returned | Raised


def encode(message: Message) -> bytes:
    """A message as it is sent, with its length.

    Raises:
        Exception: whatever pickling a user's value raises.
    """
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)) + content


def decode(content: bytes) -> Any:
    """A message, without its length."""
    return pickle.loads(content)  # noqa: S301 - see above


def fields_of(context: JobContext) -> ContextFields:
    """What is sent of a context."""
    return ContextFields(*(getattr(context, name) for name in ContextFields._fields))
