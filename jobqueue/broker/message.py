"""A message from one queue to another, as the outbox of a queue keeps it."""

from typing import NamedTuple


class Message(NamedTuple):
    """What is to be done in another queue; what an operation does not need is empty.

    Attributes:
        raw: the message as it is kept, by which it is removed.
        to: the full id of the job that it is for.
        op: `watch`, `tell`, or `enqueue`: a job comes.
        peer: the full id of the job at the other end of a dependency.
        state: that job's end, with its `result`.
        spec: the job that comes, with `run_at` and `extras` as `enqueue` takes them.
        move: what a moved job has behind it, as arrive.lua takes it.
        log: the key of its log, in both queues; empty where it has none.
        name: what the job that watches calls the watched one; empty: by its full id.
        number: which move brought that to its queue.
    """

    raw: bytes
    to: bytes
    op: bytes
    peer: bytes
    state: bytes
    result: bytes
    spec: bytes
    run_at: bytes
    extras: bytes
    move: bytes
    log: bytes
    name: bytes
    number: int
