"""The options of a submit, for type checkers: what they mean is said at `Enqueuing.enqueue`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from jobqueue.retry import Backoff
from jobqueue.submission import Durability, Parent, Unique


class EnqueueOptions(TypedDict, total=False):
    """The arguments of `enqueue` beside the type and the payload."""

    queue: str | None
    priority: str | int
    delay: float | None
    run_at: datetime | None
    timeout: float | None
    max_attempts: int | None
    backoff: Backoff | None
    tags: Iterable[str]
    metadata: Mapping[str, Any] | None
    tenant: str | None
    key: str | None
    unique_key: str | None
    unique: Unique | None
    expires_in: float | None
    depends_on: Iterable[str | Parent]
    retention: float | None
    durability: Durability | str | None
