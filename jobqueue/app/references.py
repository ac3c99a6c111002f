"""What stands in Redis for a payload or result that is kept in the storage: pure, no I/O.

Payloads and results are JSON, and no JSON begins with the byte that a reference begins with, so
one is never taken for the other, whatever users send. A small content carries nothing extra.
"""

import hashlib
import re

import msgspec

from jobqueue.ids import split_job_id

MARK = b"\x01"
"""First byte of a reference: a control character, which no JSON text may begin with."""

PAYLOADS = "payloads"
RESULTS = "results"

_KEY = re.compile(rf"(?:{PAYLOADS}/[^/]+/([^/]+)|{RESULTS}/[^/]+/([^/]+)\.[^/.]+)\.json")


class Reference(msgspec.Struct, frozen=True):
    """Where a content is in the storage, and how many bytes it has."""

    key: str
    size: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Reference).decode


def is_reference(content: bytes) -> bool:
    """Whether this stands for a content that is kept elsewhere."""
    return content.startswith(MARK)


def encode_reference(reference: Reference) -> bytes:
    """A reference as it is kept in Redis."""
    return MARK + _encode(reference)


def decode_reference(content: bytes) -> Reference:
    """The reference that `encode_reference` wrote.

    Raises:
        msgspec.DecodeError: another version has written it.
    """
    return _decode(content[len(MARK) :])


def referred_key(content: bytes) -> str | None:
    """The key that a reference holds; None when it cannot be read."""
    try:
        return decode_reference(content).key
    except msgspec.DecodeError:
        return None


def payload_key(deployment: str, job_id: str) -> str:
    """The key of a job's payload."""
    return f"{PAYLOADS}/{deployment}/{job_id}.json"


def shared_payload_key(deployment: str, payload: bytes) -> str:
    """The key of a payload that many jobs have: it belongs to none of them."""
    return f"{PAYLOADS}/{deployment}/schedules/{hashlib.sha256(payload).hexdigest()}.json"


def result_key(deployment: str, job_id: str, token: str) -> str:
    """The key of the result of the delivery with this token."""
    return f"{RESULTS}/{deployment}/{job_id}.{token}.json"


def is_result_key(key: str) -> bool:
    """Whether a key is of a result, and not of a payload."""
    return key.startswith(f"{RESULTS}/")


def content_prefixes(deployment: str) -> tuple[str, str]:
    """What the keys of a deployment's payloads and results start with."""
    return f"{PAYLOADS}/{deployment}/", f"{RESULTS}/{deployment}/"


def job_of_content(key: str) -> str | None:
    """The id of the job that a payload or result belongs to; None when the key is not ours."""
    match = _KEY.fullmatch(key)
    job_id = (match[1] or match[2]) if match else None
    return job_id if job_id and split_job_id(job_id) else None
