"""What the service answers, as types: JSON objects with the fields that are promised."""

from typing import Any, NotRequired, TypedDict


class ProgressDocument(TypedDict):
    """How far a running job is."""

    percent: float
    message: str | None
    updated_at: str


class FailureDocument(TypedDict):
    """Why the last failed attempt failed."""

    code: str
    message: str
    attempt: int


class JobDocument(TypedDict):
    """A job as the service shows it; times are RFC 3339 in UTC."""

    id: str
    type: str
    queue: str
    state: str
    priority: str
    tags: list[str]
    attempt: int
    max_attempts: int
    deliveries: int
    progress: ProgressDocument | None
    error: FailureDocument | None
    reason: str | None
    worker_id: str | None
    created_at: str
    run_at: str | None
    started_at: str | None
    finished_at: str | None
    links: dict[str, str]
    result: NotRequired[Any]
    payload: NotRequired[Any]


class AcceptedDocument(TypedDict):
    """What a bulk submit answers for each job."""

    id: str
    state: str


class JobList(TypedDict):
    """A part of a listing; `cursor` is None at its end."""

    jobs: list[JobDocument]
    cursor: str | None


class SweptDocument(TypedDict):
    """What a call on many jobs did; `more`: the same call with `cursor` goes on."""

    count: int
    more: bool
    cursor: str | None


class KeyDocument(TypedDict):
    """An API key; its secret is in the answer that creates it only."""

    id: str
    name: str
    scopes: list[str]
    tenant: str | None
    created_at: str
    expires_at: str | None
    expired: bool
    last_used_at: str | None
    rate: str | None
    max_body: int | None
    key: NotRequired[str]
