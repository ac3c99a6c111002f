"""What a running job knows of others: those that it waited for, and those that it adds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from jobqueue.app.arguments import request_of
from jobqueue.app.bulk import BulkErrors
from jobqueue.app.contents import Contents
from jobqueue.app.requests import JobRequest
from jobqueue.app.submission import Submitter
from jobqueue.broker.broker import Broker, Input
from jobqueue.conflicts import JobCancelled, JobFailed, NotReady
from jobqueue.errors import FieldError, InvalidRequest, JobNotFound, JobqueueError
from jobqueue.outcomes import WaitForChildren
from jobqueue.state import State

Policy = Literal["fail", "cancel", "ignore", "continue"]


class _Child(msgspec.Struct, frozen=True):
    """One job of a call of `children`."""

    request: JobRequest
    on_failure: Policy


class Family:
    """Reads what parents made, enqueues children, and tells when to wait for them."""

    def __init__(self, broker: Broker, submitter: Submitter, contents: Contents) -> None:
        self._broker = broker
        self._submitter = submitter
        self._contents = contents

    async def parents(self, job_id: str, parents: Iterable[str]) -> dict[str, Any]:
        """What those of a job's parents that have ended made, see `JobContext.parents`."""
        wanted = [*parents]
        inputs = await self._broker.inputs(job_id)
        inputs |= await self._since(wanted, inputs)
        return {
            parent: await self._made(parent, inputs[parent])
            for parent in wanted
            if parent in inputs
        }

    async def _since(self, parents: Sequence[str], inputs: Mapping[str, Input]) -> dict[str, Input]:
        """What those have made since that left nothing: they, or the job, were replayed."""
        lacking = [
            parent
            for parent in parents
            if parent not in inputs or inputs[parent].state != State.COMPLETED
        ]
        standings = await self._broker.standings(lacking) if lacking else {}
        return {
            parent: Input(standing.state, standing.result or b"")
            for parent, standing in standings.items()
            if standing.state.is_final
        }

    async def children(
        self, job_id: str, call: int, jobs: Iterable[Mapping[str, Any]]
    ) -> list[Any]:
        """What the jobs of a call made, see `JobContext.children`."""
        children = _read(jobs, f"children/{job_id}/{call}")
        if not children:
            return []
        accepted = await self._submitter.submit_many(
            [child.request for child in children], as_children=True
        )
        waits = {each.id: child.on_failure for each, child in zip(accepted, children, strict=True)}
        inputs = await self._broker.inputs(job_id)
        if not _may_go_on(waits, inputs):
            raise WaitForChildren(job_id, waits)
        return [await self._made(each.id, inputs.get(each.id)) for each in accepted]

    async def _made(self, job_id: str, found: Input | None) -> Any:
        """The result of a job, or the error that stands for it."""
        if found is None:
            return NotReady(f"job {job_id} has not ended")
        if found.state == State.COMPLETED:
            content = await self._contents.fetch(found.result or b"null")
            return msgspec.json.decode(content)
        return _failure(job_id, found.state)


def _read(jobs: Iterable[Mapping[str, Any]], key: str) -> list[_Child]:
    children: list[_Child] = []
    wrong = BulkErrors()
    for index, fields in enumerate(jobs):
        try:
            children.append(_child(fields, f"{key}/{index}"))
        except InvalidRequest as error:
            wrong.add(index, error)
    wrong.raise_any()
    return children


def _child(fields: Mapping[str, Any], key: str) -> _Child:
    values = dict(fields)
    given = values.pop("on_failure", "fail")
    if values.get("key") is not None:
        problem = "is made of the job's id and the place in the call: leave it out"
        raise InvalidRequest("a child has no key of its own", (FieldError("/key", problem),))
    try:
        policy = msgspec.convert(given, Policy)
    except msgspec.ValidationError:
        problem = "must be one of fail, cancel, ignore, continue"
        raise InvalidRequest("a policy is unknown", (FieldError("/on_failure", problem),)) from None
    return _Child(request_of({"payload": None, **values, "key": key}), policy)


def _may_go_on(waits: Mapping[str, Policy], inputs: Mapping[str, Input]) -> bool:
    """Whether a job that waits so runs again, by what it was told of its children."""
    ended = {child: inputs[child].state == State.COMPLETED for child in waits if child in inputs}
    if any(not ok and waits[child] == "continue" for child, ok in ended.items()):
        return True
    # one that failed and should have ended the job: it was replayed, and may be better by now
    return len(ended) == len(waits) and all(
        ok or waits[child] == "ignore" for child, ok in ended.items()
    )


def _failure(job_id: str, state: str) -> JobqueueError:
    match state:
        case State.CANCELLED:
            return JobCancelled(f"job {job_id} was cancelled")
        case "gone":
            return JobNotFound(f"there is no job {job_id!r} any more: its retention is over")
        case _:
            return JobFailed(f"job {job_id} is {state}")
