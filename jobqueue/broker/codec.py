r"""How jobs are written in Redis.

A spec is one string: lane letter, type, options where there are any, newline, payload:

    nthumbnail {"tags":["a"]}\n{"url":"…"}

It is compact, because a queued job is this string and one list entry; the scripts read its
first letter and nothing else. All that changes later is in the status hash.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from jobqueue.broker.scripts import Argument
from jobqueue.ids import created_at_ms, split_job_id
from jobqueue.job_log import LogLine, NewLines
from jobqueue.model import (
    DEFAULT_OPTIONS,
    ClaimedJob,
    Failure,
    Job,
    JobOptions,
    NewJob,
    Priority,
    Progress,
    State,
    Verdict,
)

LETTERS = {
    Priority.CRITICAL: b"c",
    Priority.HIGH: b"h",
    Priority.NORMAL: b"n",
    Priority.LOW: b"l",
}
PRIORITIES = {letter: priority for priority, letter in LETTERS.items()}

_encode = msgspec.json.Encoder().encode
_decode_options = msgspec.json.Decoder(JobOptions).decode
_decode_failure = msgspec.json.Decoder(Failure).decode
_decode_progress = msgspec.json.Decoder(Progress).decode


def ulid_of(job_id: str) -> str:
    """The part of a job id that is its name inside its queue's keys."""
    return job_id[-26:]


def encode_spec(job: NewJob) -> bytes:
    """The string that a job is in Redis."""
    head = LETTERS[job.priority] + job.type.encode()
    if job.options is not DEFAULT_OPTIONS and job.options != DEFAULT_OPTIONS:
        head += b" " + _encode(job.options)
    return head + b"\n" + job.payload


def decode_spec(spec: bytes) -> tuple[Priority, str, JobOptions, bytes]:
    """Priority, type, options and payload of a spec."""
    head, _, payload = spec.partition(b"\n")
    name, _, options = head[1:].partition(b" ")
    return (
        PRIORITIES[head[:1]],
        name.decode(),
        _decode_options(options) if options else DEFAULT_OPTIONS,
        payload,
    )


def enqueue_arguments(job: NewJob) -> tuple[Argument, ...]:
    """What `enqueue` and `stage` take of a job: id, spec, delay_ms, run_at_ms."""
    return (ulid_of(job.id), encode_spec(job), job.delay_ms, job.run_at_ms)


def verdict_arguments(verdict: Verdict) -> tuple[Argument, ...]:
    """What `settle` takes of a verdict: see settle.lua."""
    failure = verdict.failure
    return (
        ulid_of(verdict.id),
        verdict.token,
        verdict.outcome,
        verdict.delay_ms,
        verdict.result if verdict.result is not None else b"",
        _encode(failure) if failure else b"",
        _encode(failure.message) if failure else b"",
        verdict.reason or "",
    )


def report_arguments(
    job_id: str, token: str, progress: Progress | None, new: NewLines | None
) -> tuple[Argument, ...]:
    """What `report` takes of a delivery: see report.lua."""
    return (
        ulid_of(job_id),
        token,
        _encode(progress) if progress else b"",
        new.first if new else 0,
        _encode_lines(new) if new else b"",
    )


def decode_log(entries: Iterable[bytes]) -> list[LogLine]:
    """A job's log from its list."""
    pairs = (entry.partition(b" ") for entry in entries)
    return [LogLine(int(at), text.decode()) for at, _, text in pairs]


CLAIM_FIELDS = 6
"""Values of one job in a claim's answer: id, spec, attempt, deliveries, crashes, run_at."""


def decode_claimed(queue: str, token: str, now_ms: int, values: Sequence[Any]) -> list[ClaimedJob]:
    """The jobs of a claim's answer."""
    jobs = []
    for index in range(0, len(values), CLAIM_FIELDS):
        name, spec, attempt, deliveries, crashes, run_at = values[index : index + CLAIM_FIELDS]
        ulid = name.decode()
        _, type_name, options, payload = decode_spec(spec)
        due = max(int(run_at), created_at_ms(ulid))
        jobs.append(
            ClaimedJob(
                f"{queue}-{ulid}",
                queue,
                type_name,
                payload,
                options,
                token,
                int(attempt) + 1,
                int(deliveries),
                int(crashes),
                max(now_ms - due, 0),
            )
        )
    return jobs


def decode_job(job_id: str, record: Sequence[Any]) -> Job:
    """A job from `read`'s answer: spec, status fields, result, error."""
    spec, fields, result, error = record
    names = split_job_id(job_id)
    if names is None:
        raise ValueError(f"not a job id: {job_id!r}")
    queue, ulid = names
    priority, type_name, options, payload = decode_spec(spec)
    status: dict[bytes, bytes] = dict(zip(fields[::2], fields[1::2], strict=True))
    state = State(status.get(b"state", b"queued").decode())
    failed = int(status.get(b"attempt", 0))
    running = state in {State.ACTIVE, State.COMPLETED}
    return Job(
        id=job_id,
        queue=queue,
        type=type_name,
        state=state,
        priority=PRIORITIES.get(status.get(b"lane", b""), priority),
        payload=payload,
        options=options,
        created_at_ms=created_at_ms(ulid),
        attempt=failed + running,
        deliveries=int(status.get(b"deliveries", 0)),
        crashes=int(status.get(b"crashes", 0)),
        run_at_ms=_number(status, b"run_at"),
        started_at_ms=_number(status, b"started_at"),
        finished_at_ms=_number(status, b"finished_at"),
        worker_id=_text(status, b"worker"),
        progress=_progress(status.get(b"progress")),
        result=result if result is not None else status.get(b"result"),
        failure=_decode_failure(error) if error else None,
        reason=_text(status, b"reason"),
        cancel_requested=b"cancel" in status,
    )


def _encode_lines(new: NewLines) -> bytes:
    """Lone surrogates, which no UTF-8 has, become question marks."""
    return "\n".join(f"{age} {text}" for age, text in new.lines).encode(errors="replace")


def _number(status: dict[bytes, bytes], field: bytes) -> int | None:
    value = status.get(field)
    return int(value) if value is not None else None


def _text(status: dict[bytes, bytes], field: bytes) -> str | None:
    value = status.get(field)
    return value.decode() if value is not None else None


def _progress(kept: bytes | None) -> Progress | None:
    if kept is None:
        return None
    at, _, text = kept.partition(b" ")
    return msgspec.structs.replace(_decode_progress(text), updated_at_ms=int(at))
