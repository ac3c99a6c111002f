"""Where a job is, and what other systems call it."""

from enum import StrEnum


class State(StrEnum):
    """Where a job is: `scheduled → queued → active → completed | dead | cancelled`."""

    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a job in this state never runs again by itself."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({State.COMPLETED, State.DEAD, State.CANCELLED})


STATE_ALIASES = {
    "waiting": State.QUEUED,
    "pending": State.QUEUED,
    "processing": State.ACTIVE,
    "delayed": State.SCHEDULED,
    "failed": State.DEAD,
}
"""What other systems call the states; accepted wherever a state is taken."""


def parse_state(name: str) -> State | None:
    """The state of this name or alias; None for any other word."""
    try:
        return STATE_ALIASES.get(name) or State(name)
    except ValueError:
        return None
