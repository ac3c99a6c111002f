"""Many requests in one call, all or nothing: read, counted, and their errors gathered."""

from collections.abc import Iterable

import msgspec

from jobqueue.app.decoding import check_json, check_text, malformed
from jobqueue.app.requests import JobRequest, decode_request
from jobqueue.errors import FieldError, InvalidRequest, MalformedBody, PayloadTooLarge
from jobqueue.settings import LimitSettings

MAX_BULK_ERRORS = 100
"""Wrong fields that the answer to a bulk call names: a caller fixes a program, not 10 000 jobs."""

_items_of = msgspec.json.Decoder(list[msgspec.Raw]).decode


class BulkErrors:
    """What is wrong with the jobs of one call."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []
        self._kinds: set[type[InvalidRequest]] = set()
        self._jobs = 0

    def add(self, index: int | str, error: InvalidRequest) -> None:
        """The job that is at `index` in the call, a part of a JSON pointer, is wrong."""
        self._jobs += 1
        self._kinds.add(type(error))
        room = MAX_BULK_ERRORS - len(self._errors)
        found = error.errors or (FieldError("", str(error)),)
        self._errors += [FieldError(f"/{index}{at.path}", at.message) for at in found[:room]]

    def raise_any(self) -> None:
        """Raise one error that names them all, if there are any."""
        if self._jobs:
            # the common kind where there is one, e.g. all are of unknown types
            kind = self._kinds.pop() if len(self._kinds) == 1 else InvalidRequest
            jobs = "1 job is" if self._jobs == 1 else f"{self._jobs} jobs are"
            raise kind(f"{jobs} wrong, so none was accepted", tuple(self._errors))


def check_count(count: int, limits: LimitSettings) -> None:
    """Raises PayloadTooLarge when one call may not bring so many jobs."""
    if count > limits.bulk:
        raise PayloadTooLarge(
            f"{count} jobs in one call, at most {limits.bulk} are accepted (limits.bulk): "
            "send them in several calls"
        )


def requests_from_array(body: bytes, limits: LimitSettings) -> list[JobRequest]:
    """The requests of a JSON array.

    Raises:
        MalformedBody: it is not JSON.
        InvalidRequest: it is no array of jobs; paths start with the index.
        PayloadTooLarge: it has too many jobs.
    """
    check_text(body)
    try:
        items = _items_of(body)
    except msgspec.ValidationError:
        check_json(body)  # it was read up to the error only
        raise InvalidRequest(
            "the body is not an array of jobs", (FieldError("", "expected an array"),)
        ) from None
    except (ValueError, RecursionError) as error:
        raise malformed(error) from None
    check_count(len(items), limits)
    return _decode_all(map(bytes, items))


def requests_from_lines(body: bytes, limits: LimitSettings) -> list[JobRequest]:
    """The requests of a body with one JSON object a line; blank lines are skipped.

    Raises:
        MalformedBody: a line is not JSON.
        InvalidRequest: a line is no job; paths start with the job's index.
        PayloadTooLarge: it has too many jobs.
    """
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    check_count(len(lines), limits)
    return _decode_all((line for _, line in lines), [number for number, _ in lines])


def _decode_all(items: Iterable[bytes], lines: list[int] | None = None) -> list[JobRequest]:
    requests: list[JobRequest] = []
    wrong = BulkErrors()
    for index, item in enumerate(items):
        try:
            requests.append(decode_request(item))
        except InvalidRequest as error:
            wrong.add(index, error)
        except MalformedBody as error:
            where = f"line {lines[index]}" if lines else f"job {index}"
            raise MalformedBody(f"{where}: {error}") from None
    wrong.raise_any()
    if not requests:
        raise InvalidRequest("there are no jobs in the body", (FieldError("", "is empty"),))
    return requests
