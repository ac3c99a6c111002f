"""Limits at the edge: JSON or values in, checked values out."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from jobqueue.app.requests import Span
from jobqueue.limits import GroupLimits, QueueLimits, Rate

MAX_COUNT = 1_000_000_000
"""Most that a limit may be: more is no limit."""

MAX_WEIGHT = 1000
"""Most jobs of one turn: two groups whose shares differ more do not take turns."""

Count = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
Room = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
GroupName = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\ud800-\udfff]+$")]


class RateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `count` starts in any `period` seconds, see `Rate`."""

    count: Count
    period: Span

    def value(self) -> Rate:
        """The checked value."""
        return Rate(self.count, self.period)


class GroupLimitsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one tenant or value of a limit key may do, see `GroupLimits`."""

    weight: Annotated[int, Meta(ge=1, le=MAX_WEIGHT)] = 1
    paused: bool = False
    concurrency: Count | None = None
    rate: RateRequest | None = None
    size: Room | None = None

    def value(self) -> GroupLimits:
        """The checked value."""
        rate = self.rate.value() if self.rate else None
        return GroupLimits(self.weight, self.paused, self.concurrency, rate, self.size)


class LimitsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All limits of a queue and of its groups, see `QueueLimits`."""

    concurrency: Count | None = None
    rate: RateRequest | None = None
    size: Room | None = None
    group_concurrency: Count | None = None
    group_rate: RateRequest | None = None
    group_size: Room | None = None
    starvation_after: Span | None = None
    groups: dict[GroupName, GroupLimitsRequest] = {}

    def value(self) -> QueueLimits:
        """The checked limits of the queue."""
        return QueueLimits(
            concurrency=self.concurrency,
            rate=self.rate.value() if self.rate else None,
            size=self.size,
            group_concurrency=self.group_concurrency,
            group_rate=self.group_rate.value() if self.group_rate else None,
            group_size=self.group_size,
            starvation_after=self.starvation_after,
        )


def plain(limits: QueueLimits | GroupLimits) -> dict[str, Any]:
    """All fields of limits as JSON has them."""
    fields: dict[str, Any] = msgspec.structs.asdict(limits)
    return {
        name: msgspec.structs.asdict(value) if isinstance(value, Rate) else value
        for name, value in fields.items()
    }
