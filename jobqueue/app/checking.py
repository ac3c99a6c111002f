"""What is wrong with a submitted job: its options, and its payload."""

from collections.abc import Iterator

import msgspec

from jobqueue.app.requests import JobRequest, wrong_time
from jobqueue.errors import FieldError, InvalidRequest, SettingsError
from jobqueue.ids import split_job_id
from jobqueue.registry import JobType, check_name
from jobqueue.submission import Priority, UniqueMode

PRIORITIES: dict[str | int, Priority] = {
    **{priority.label: priority for priority in Priority},
    **{priority.value: priority for priority in Priority},
}
"""What a priority may be called."""

NEED_TTL = (UniqueMode.THROTTLE, UniqueMode.DEBOUNCE)

MAX_METADATA = 16 * 1024
"""Bytes of a job's metadata: it travels with every read of the job."""


def check_job(
    request: JobRequest,
    job_type: JobType,
    payload: bytes,
    payload_path: str,
    wrong: InvalidRequest | None,
) -> None:
    """Raises InvalidRequest with all that is wrong, of the kind that the type itself chose.

    Args:
        request: what is wanted.
        job_type: of which type.
        payload: what its parser looks at.
        payload_path: where that is in the request.
        wrong: what the type has found already.
    """
    errors = list(_wrong_options(request))
    found = [wrong] if wrong else []
    try:
        job_type.parse(payload)
    except InvalidRequest as error:
        found.append(error)
    for each in found:
        fields = each.errors or (FieldError("", str(each)),)
        errors += [FieldError(payload_path + at.path, at.message) for at in fields]
    if found:
        raise type(found[0])(str(found[0]), tuple(errors)) from None
    if errors:
        raise InvalidRequest("the job has wrong fields", tuple(errors))


def _wrong_options(request: JobRequest) -> Iterator[FieldError]:
    if request.queue is not None:
        try:
            check_name("queue", request.queue)
        except SettingsError as error:
            yield FieldError("/queue", str(error))
    if request.priority not in PRIORITIES:
        names = ", ".join(f"{priority.label} ({priority})" for priority in Priority)
        yield FieldError("/priority", f"must be one of {names}")
    if request.delay is not None and request.run_at is not None:
        yield FieldError("/run_at", "give either delay or run_at, not both")
    if request.run_at is not None and (problem := wrong_time(request.run_at)):
        yield FieldError("/run_at", problem)
    if request.metadata and len(msgspec.json.encode(request.metadata)) > MAX_METADATA:
        yield FieldError("/metadata", f"must not be longer than {MAX_METADATA} bytes as JSON")
    if request.unique or request.depends_on:
        yield from _wrong_relations(request)


def _wrong_relations(request: JobRequest) -> Iterator[FieldError]:
    """What is wrong with how a job stands to others."""
    unique = request.unique
    if unique and unique.ttl is None and unique.mode in NEED_TTL:
        yield FieldError("/unique/ttl", f"is needed in mode {unique.mode}: seconds")
    policies: dict[str, str] = {}
    for index, parent in enumerate(request.parents()):
        if split_job_id(parent.id) is None:
            yield FieldError(f"/depends_on/{index}", f"{parent.id!r} is no job id")
        elif policies.setdefault(parent.id, parent.on_failure) != parent.on_failure:
            problem = "names the same job again, with another on_failure: name it once"
            yield FieldError(f"/depends_on/{index}", problem)
