"""What a producer asks for, at the edge: JSON or keywords in, checked values out."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from jobqueue.app.codec import to_json
from jobqueue.app.decoding import Decoder, explain
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.retry import MAX_DELAY, Backoff
from jobqueue.submission import Parent, Unique, UniqueMode
from jobqueue.timing import END_OF_TIME_MS, TOO_FAR, milliseconds

MAX_WAIT = 10 * 365 * 86400
"""Seconds by which a job may be delayed: longer is a mistake in units."""

MAX_TIMEOUT = 30 * 86400
"""Seconds that one attempt may be given: longer is a mistake in units."""

MAX_ATTEMPTS = 100
"""Attempts that one job may be given, as in `limits.max_attempts`."""

MAX_TAGS = 32
"""Tags of one job; they are kept in its options, and a list filters by them one by one."""

MAX_PARENTS = 1000
"""Jobs that one job may wait for: a fan-in of more is read as a mistake."""

Wait = Annotated[float, Meta(ge=0, le=MAX_WAIT)]
Span = Annotated[float, Meta(ge=0.001, le=MAX_WAIT)]
"""Seconds; Redis counts milliseconds, and none is no span."""

Timeout = Annotated[float, Meta(gt=0, le=MAX_TIMEOUT)]
Attempts = Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)]
Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]+\Z",
        description="use 1 to 255 visible characters",
    ),
]
Tenant = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}\Z",
        description="use letters, digits and _.:@- at most 128, the first a letter or digit",
    ),
]
Tag = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[^\ud800-\udfff]+$",
        description="use what UTF-8 can hold: no lone surrogates",
    ),
]


class BackoffRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the delay grows from attempt to attempt, see `Backoff`."""

    kind: Literal["fixed", "linear", "exponential"] = "exponential"
    delay: Annotated[float, Meta(ge=0, le=MAX_WAIT)] = Backoff().delay
    jitter: Annotated[float, Meta(ge=0, le=1)] = Backoff().jitter
    cap: Annotated[float, Meta(gt=0, le=MAX_WAIT)] = MAX_DELAY

    def value(self) -> Backoff:
        """The checked value."""
        return Backoff(self.kind, self.delay, self.jitter, self.cap)


class UniqueRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most one job of a key at a time, see `Unique`."""

    key: Key
    mode: UniqueMode = UniqueMode.SIMPLE
    ttl: Span | None = None

    def value(self) -> Unique:
        """The checked value."""
        return Unique(self.key, self.mode, self.ttl)


class ParentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to wait for, see `Parent`."""

    id: str
    on_failure: Literal["fail", "cancel", "ignore", "continue"] = "fail"


class JobFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every request for a job may say; `payload` stays the bytes that were sent."""

    type: str
    payload: msgspec.Raw
    queue: str | None = None
    priority: str | int = "normal"
    delay: Wait | None = None
    run_at: Annotated[datetime, Meta(tz=True)] | None = None
    timeout: Timeout | None = None
    max_attempts: Attempts | None = None
    backoff: BackoffRequest | None = None
    tags: Annotated[tuple[Tag, ...], Meta(max_length=MAX_TAGS)] = ()
    metadata: dict[str, Any] = {}
    tenant: Tenant | None = None
    key: Key | None = None
    unique: UniqueRequest | None = None
    expires_in: Span | None = None
    retention: Wait | None = None

    def digest(self) -> str:
        """The same for two requests that ask for the same, but for their idempotency key."""
        fields = msgspec.structs.asdict(self)
        fields |= {"key": None, "payload": msgspec.json.decode(self.payload)}
        text = msgspec.json.encode(fields, order="sorted")
        return hashlib.blake2b(text, digest_size=16).hexdigest()


class JobRequest(JobFields, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of a submit."""

    depends_on: Annotated[tuple[str | ParentRequest, ...], Meta(max_length=MAX_PARENTS)] = ()

    def parents(self) -> tuple[Parent, ...]:
        """The jobs to wait for."""
        if not self.depends_on:
            return ()
        return tuple(
            Parent(each) if isinstance(each, str) else Parent(each.id, each.on_failure)
            for each in self.depends_on
        )


decode_request = Decoder(JobRequest)

Model = TypeVar("Model", bound=msgspec.Struct)


def wrong_time(run_at: object) -> str | None:
    """What is wrong with a job's earliest start, if anything is."""
    if not isinstance(run_at, datetime):
        return "must be a datetime"
    if run_at.tzinfo is None:
        return "needs a time zone"
    return TOO_FAR if milliseconds(run_at) >= END_OF_TIME_MS else None


def check_key(key: str, name: str) -> str:
    """An idempotency key that came in a header called `name`.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        return msgspec.convert(key, Key)
    except msgspec.ValidationError:
        problem = "use 1 to 255 visible characters, in UTF-8"
        raise InvalidRequest("a header is wrong", (FieldError(f"/{name}", problem),)) from None


def request_from(fields: Mapping[str, Any]) -> JobRequest:
    """A job's request out of Python values, see `model_from`."""
    return model_from(fields, JobRequest, what="job")


def model_from(fields: Mapping[str, Any], model: type[Model], *, what: str) -> Model:
    """A request out of Python values, checked as one over HTTP is.

    Args:
        fields: the values by name.
        model: the kind of request.
        what: what it asks for, for messages.

    Raises:
        InvalidRequest: names each wrong field.
    """
    values = dict(fields)
    errors = []
    for name, written in (("payload", msgspec.Raw), ("metadata", msgspec.json.decode)):
        if name in values:
            try:
                values[name] = written(to_json(values[name]))
            except (TypeError, ValueError, RecursionError) as error:
                errors.append(FieldError(f"/{name}", f"cannot be written as JSON: {error}"))
    if errors:
        raise InvalidRequest(f"the {what} is wrong", tuple(errors))
    try:
        return msgspec.convert(values, model)
    except msgspec.ValidationError:
        raise InvalidRequest(
            f"the {what} is wrong", explain(values, model, msgspec.convert)
        ) from None
