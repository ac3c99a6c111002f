"""How many jobs one call of a handler may take."""

import msgspec

from jobqueue.errors import SettingsError

MAX_SIZE = 500
"""Most jobs of a batch: as many as one claim may bring."""

MAX_BATCH_WAIT = 60.0
"""Longest wait in seconds for a batch to fill: jobs that wait in a worker hold slots."""


class Batch(msgspec.Struct, frozen=True):
    """A handler of the type takes up to `size` jobs in one call.

    Attributes:
        size: most jobs of a call, 1 to 500.
        wait: seconds that the first job of a batch waits for others, 0 to 60; with 0 a
            batch is what one claim brought.

    Raises:
        SettingsError: a number is outside its bounds.
    """

    size: int
    wait: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_SIZE:
            raise SettingsError(f"batch size: must be 1 to {MAX_SIZE}, not {self.size}")
        if not 0 <= self.wait <= MAX_BATCH_WAIT:
            raise SettingsError(f"batch wait: must be 0 to {MAX_BATCH_WAIT:g} s, not {self.wait}")
