r"""How jobs are written in Redis.

A spec is one string: lane letter, type, options where there are any, newline, payload:

    nthumbnail {"tags":["a"]}\n{"url":"…"}

It is compact, because a queued job is this string and one list entry; the scripts read its
first letter and nothing else. All that changes later is in the status hash.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from jobqueue.broker.scripts import Argument
from jobqueue.ids import ULID_LENGTH, created_at_ms, partition_of, queue_of, split_job_id
from jobqueue.job_log import LogLine, NewLines
from jobqueue.model import ClaimedJob, Failure, Job, Outcome, Progress, Verdict
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import (
    DEFAULT_OPTIONS,
    Accepted,
    JobOptions,
    NewJob,
    Parent,
    Priority,
    Refusal,
    UniqueMode,
)

LETTERS = {
    Priority.CRITICAL: b"c",
    Priority.HIGH: b"h",
    Priority.NORMAL: b"n",
    Priority.LOW: b"l",
}
PRIORITIES = {letter: priority for priority, letter in LETTERS.items()}

_STATES = {state.encode(): state for state in State}

_STANDS_FOR: dict[str, Literal["key", "unique"]] = {"k": "key", "u": "unique"}

_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
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
    """What `enqueue` and `stage` take of a job: id, spec, delay_ms, run_at_ms, extras."""
    plain = job.options is DEFAULT_OPTIONS and job.group is None
    extras = b"" if plain else encode_extras(job)
    return (ulid_of(job.id), encode_spec(job), job.delay_ms, job.run_at_ms, extras)


def encode_extras(job: NewJob) -> bytes:
    """What admission.lua needs of a job beside its spec; empty where it needs nothing."""
    options, kept = job.options, _kept_extras(job)
    unique = options.unique
    extras = {
        "x": kept or None,
        "digest": job.digest if options.key is not None else None,
        "ttl": _ms(unique.ttl) if unique else None,
        "expires_in": _ms(options.expires_in),
        "parents": parents_argument(partition_of(job.id), options.depends_on) or None,
    }
    extras = {name: value for name, value in extras.items() if value is not None}
    return _pack({"x": {}, **extras}) if extras else b""


def _kept_extras(job: NewJob) -> dict[str, Any]:
    """What every later script needs to know of a job: the field `x` of its status."""
    options, unique = job.options, job.options.unique
    kept: dict[str, Any] = {"g": job.group, "k": options.key, "r": _ms(options.retention)}
    if unique is not None and unique.mode is UniqueMode.THROTTLE:
        kept["t"] = unique.key
    elif unique is not None:
        kept |= {"u": unique.key, "m": unique.mode}
    return {name: value for name, value in kept.items() if value is not None}


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def parents_argument(queue: str, parents: Sequence[Parent]) -> list[tuple[str, str]]:
    """Parents as the scripts of `queue` name them: short where they are of the same queue."""
    start = f"{queue}-"
    return [
        (
            ulid_of(parent.id)
            if parent.id.startswith(start) and len(parent.id) == len(start) + ULID_LENGTH
            else parent.id,
            parent.on_failure,
        )
        for parent in parents
    ]


def decode_answer(queue: str, job_id: str, answer: bytes) -> Accepted | Refusal:
    """What admission.lua says of a job."""
    if plain := _STATES.get(answer):
        return Accepted(job_id, plain)
    text = answer.decode()
    if text[0] == "=":
        why, ulid, state = text[1:].split(" ", 2)
        moved = state == "moved"  # to another queue, where it may be in any state by now
        found = State.QUEUED if moved else State(state)
        return Accepted(f"{queue}-{ulid}", found, _STANDS_FOR[why])
    why, _, what = text[1:].partition(" ")
    return Refusal(why, f"{queue}-{what}" if why == "conflict" else what)


def retention_argument(retention: RetentionSettings) -> str:
    """What scripts that end jobs take: state, age in ms and count, for each final state."""
    limits = (
        (State.COMPLETED, retention.completed, retention.completed_count),
        (State.CANCELLED, retention.cancelled, retention.cancelled_count),
        (State.DEAD, retention.dead, retention.dead_count),
    )
    return " ".join(f"{state} {round(age * 1000)} {count}" for state, age, count in limits)


def verdict_arguments(verdict: Verdict) -> tuple[Argument, ...]:
    """What `settle` takes of a verdict: see settle.lua."""
    failure = verdict.failure
    result = verdict.result if verdict.result is not None else b""
    if verdict.outcome is Outcome.WAIT:
        result = _pack(parents_argument(partition_of(verdict.id), verdict.parents))
    return (
        ulid_of(verdict.id),
        verdict.token,
        verdict.outcome,
        verdict.delay_ms,
        result,
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


CLAIM_FIELDS = 7
"""Values of one job in a claim's answer: id, spec, attempt, deliveries, crashes, run_at, group."""


def decode_claimed(
    partition: str, token: str, now_ms: int, values: Sequence[Any]
) -> list[ClaimedJob]:
    """The jobs of a claim's answer."""
    jobs = []
    for index in range(0, len(values), CLAIM_FIELDS):
        name, spec, attempt, deliveries, crashes, run_at, group = values[
            index : index + CLAIM_FIELDS
        ]
        ulid = name.decode()
        _, type_name, options, payload = decode_spec(spec)
        due = max(int(run_at), created_at_ms(ulid))
        jobs.append(
            ClaimedJob(
                f"{partition}-{ulid}",
                queue_of(partition),
                type_name,
                payload,
                options,
                token,
                int(attempt) + 1,
                int(deliveries),
                int(crashes),
                max(now_ms - due, 0),
                group.decode() or None,
            )
        )
    return jobs


def decode_job(job_id: str, record: Sequence[Any]) -> Job:
    """A job from `read`'s answer: spec, status fields, result, error."""
    spec, fields, result, error = record
    names = split_job_id(job_id)
    if names is None:
        raise ValueError(f"not a job id: {job_id!r}")
    partition, ulid = names
    priority, type_name, options, payload = decode_spec(spec)
    status: dict[bytes, bytes] = dict(zip(fields[::2], fields[1::2], strict=True))
    state = State(status.get(b"state", b"queued").decode())
    failed = int(status.get(b"attempt", 0))
    running = state in {State.ACTIVE, State.COMPLETED}
    delivered = b"started_at" in status and (state is State.ACTIVE or state.is_final)
    return Job(
        id=job_id,
        queue=queue_of(partition),
        type=type_name,
        state=state,
        priority=PRIORITIES.get(status.get(b"lane", b""), priority),
        payload=payload,
        options=options,
        created_at_ms=created_at_ms(ulid),
        attempt=failed + running,
        deliveries=int(status.get(b"deliveries", delivered)),
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
