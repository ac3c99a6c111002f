"""Where reports are stored: each attempt under a key of its own, one of which the result names."""

import re

import msgspec

from jobqueue.ids import split_job_id

KEY_PREFIX = "reports"

_LATE = "-late"

_KEY = re.compile(rf"{KEY_PREFIX}/([^/]+)\.[^/.]+\.(?:pdf|png|jpeg|webp|html)")


class _Pointer(msgspec.Struct, frozen=True):
    key: str


def document_key(job_id: str, token: str, suffix: str = "pdf") -> str:
    """The key under which the delivery of this token stores its document.

    Without a folder for each job: on a disk that would be one more write to wait for.
    """
    return f"{KEY_PREFIX}/{job_id}.{token}.{suffix}"


def picture_key(job_id: str, token: str) -> str:
    """The key of what was there of a delivery's document that was not ready in time."""
    return document_key(job_id, f"{token}{_LATE}", "jpeg")


def is_picture(key: str) -> bool:
    """Whether the key is one of `picture_key`."""
    return key.endswith(f"{_LATE}.jpeg")


def job_of_document(key: str) -> str | None:
    """The id of the job that a document was made for; None when the key is not one of ours."""
    match = _KEY.fullmatch(key)
    return match[1] if match and split_job_id(match[1]) else None


def published_document(result: bytes) -> str | None:
    """The key that a report's result points at; None when it names none."""
    try:
        return msgspec.json.decode(result, type=_Pointer).key
    except msgspec.DecodeError:
        return None
