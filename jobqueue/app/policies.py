"""What a program says of a job type, checked when it is defined and not when a job fails."""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobqueue.app.requests import Attempts, BackoffRequest, Timeout, Wait, model_from
from jobqueue.errors import InvalidRequest, SettingsError
from jobqueue.retry import Retry

LimitKey = Annotated[
    str,
    Meta(pattern=r"^[^.]+(\.[^.]+)*\Z", description="must be names with dots between them"),
]


class _Policy(msgspec.Struct, forbid_unknown_fields=True):
    """The numbers and words of a type's policy; a backoff function is not looked at."""

    timeout: Timeout
    max_attempts: Attempts
    backoff: BackoffRequest | None
    retention: Wait | None
    limit_key: LimitKey | None


def check_policy(
    name: str, *, timeout: object, retry: object, retention: object, limit_key: object
) -> None:
    """Raise SettingsError, which names all that is wrong, unless a type may have this policy."""
    if not isinstance(retry, Retry):
        raise SettingsError(f"job type {name!r}: retry must be a Retry, not {retry!r}")
    backoff = retry.backoff
    fields = {
        "timeout": timeout,
        "max_attempts": retry.max_attempts,
        "backoff": None if callable(backoff) else _plain(backoff),
        "retention": retention,
        "limit_key": limit_key,
    }
    try:
        model_from(fields, _Policy, what="policy")
    except InvalidRequest as wrong:
        problems = "; ".join(
            f"{error.path[1:].replace('/', '.')}: {error.message}" for error in wrong.errors
        )
        raise SettingsError(f"job type {name!r}: {problems}") from None


def _plain(backoff: object) -> object:
    return msgspec.structs.asdict(backoff) if isinstance(backoff, msgspec.Struct) else backoff
