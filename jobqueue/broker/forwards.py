"""Following jobs that were moved: from an id that a job had to the queue where it is now."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.outbox import Outbox
from jobqueue.broker.resend import resend
from jobqueue.errors import RedisFull
from jobqueue.ids import split_job_id

T = TypeVar("T")


class _Forward(NamedTuple):
    """What a queue knows of the latest move of a job: its id after it, and which move it was."""

    job_id: str
    number: int


class Forwards:
    """Finds moved jobs for all who look for one by its id.

    Args:
        outbox: carries a job on whose move was cut in two.
    """

    def __init__(self, channel: Commands, keys: Keys, outbox: Outbox) -> None:
        self._channel = channel
        self._keys = keys
        self._outbox = outbox

    async def follow(
        self, job_id: str, look: Callable[[str, str], Awaitable[T | None]]
    ) -> T | None:
        """What `look(queue, ulid)` finds of a job where it is now; None: nothing anywhere.

        Raises:
            RedisFull: the job is on its way to a queue that cannot take it yet.
        """
        names, number = split_job_id(job_id), 0
        left: str | None = None
        while names:
            found = await look(*names)
            if found is not None:
                return found
            forward = await self._forward_of(*names)
            if forward and forward.number > number:
                left, number = names[0], forward.number
                names = split_job_id(forward.job_id)
            elif left:  # it is on its way here, or has arrived since the look
                if forward is None or forward.number < number:
                    await self._bring(left, f"{names[0]}-{names[1]}")
                left = None
            else:  # it came here and is gone, or there never was one
                return None
        return None

    async def _bring(self, queue: str, job_id: str) -> None:
        """Complete the move of a job from a queue that it has left."""
        while await self._outbox.relay(queue):
            pass
        if await self._outbox.has_for(queue, job_id):
            raise RedisFull(f"job {job_id} is on its way to a queue that cannot take it: ask again")

    async def _forward_of(self, queue: str, ulid: str) -> _Forward | None:
        key = self._keys.of(queue, f"moved:{ulid}")
        text: bytes | None = await resend(lambda: self._channel.execute("GET", key))
        if text is None:
            return None
        moved_to, _, number = text.decode().partition(" ")
        return _Forward(moved_to, int(number))
