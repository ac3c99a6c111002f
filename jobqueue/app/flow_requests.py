"""Flows at the edge: steps that name each other in, checked values in their order out."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from jobqueue.app.arguments import plain_fields
from jobqueue.app.bulk import BulkErrors
from jobqueue.app.decoding import Decoder, fields_of
from jobqueue.app.requests import MAX_PARENTS, JobFields, JobRequest, Key, ParentRequest, model_from
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.schedule import NO_PAYLOAD
from jobqueue.schema_errors import pointer

StepName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class StepParentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A step of the same flow to wait for, see `Parent`."""

    step: str
    on_failure: Literal["fail", "cancel", "ignore", "continue"] = "fail"


class StepRequest(JobFields, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step: a job that waits for others of its flow."""

    payload: msgspec.Raw = msgspec.Raw(NO_PAYLOAD)
    depends_on: Annotated[tuple[str | StepParentRequest, ...], Meta(max_length=MAX_PARENTS)] = ()

    def parents(self) -> Iterator[StepParentRequest]:
        """The steps to wait for."""
        for each in self.depends_on:
            yield StepParentRequest(each) if isinstance(each, str) else each

    def job(self, ids: Mapping[str, str], *, key: str | None) -> JobRequest:
        """It as a job, where each step has its id in `ids`.

        Args:
            ids: of the steps that it waits for, at least.
            key: its idempotency key, unless it has its own.
        """
        fields = {name: getattr(self, name) for name in JobFields.__struct_fields__}
        fields["depends_on"] = tuple(
            ParentRequest(ids[parent.step], parent.on_failure) for parent in self.parents()
        )
        return JobRequest(**{**fields, "key": self.key or key})


class FlowRequest(msgspec.Struct, frozen=True):
    """A flow: its steps by name, each after those that it waits for, and its idempotency key."""

    steps: dict[str, StepRequest]
    key: str | None = None


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a flow's submit; its steps are read one by one, so that all errors are told."""

    steps: dict[StepName, msgspec.Raw]
    key: Key | None = None


_decode_body = Decoder(_Body)
_decode_step = Decoder(StepRequest)


def decode_flow(body: bytes) -> FlowRequest:
    """The flow in a body.

    Raises:
        MalformedBody: it is not JSON.
        InvalidRequest: it is no flow; names each wrong field.
    """
    read = _decode_body(body)
    fields_of(bytes(fields_of(body)["steps"]))  # no step twice
    return _flow(read.key, ((name, _decode_step, bytes(step)) for name, step in read.steps.items()))


def flow_of(steps: Mapping[str, Mapping[str, Any]], key: str | None) -> FlowRequest:
    """The flow that a program means.

    Args:
        steps: each with the arguments of `enqueue` by name; `depends_on` names steps.
        key: its idempotency key.

    Raises:
        InvalidRequest: names each wrong field.
    """
    body = model_from(
        {"steps": dict.fromkeys(steps, msgspec.Raw(b"0")), "key": key}, _Body, what="flow"
    )
    return _flow(body.key, ((name, _step_of, fields) for name, fields in steps.items()))


def _step_of(fields: Mapping[str, Any]) -> StepRequest:
    return model_from(plain_fields(fields), StepRequest, what="step")


def _flow(key: str | None, steps: Iterable[tuple[str, Any, Any]]) -> FlowRequest:
    """A flow of steps, each given as its name, what reads it, and what that reads."""
    read: dict[str, StepRequest] = {}
    wrong = BulkErrors()
    for name, decode, given in steps:
        try:
            read[name] = decode(given)
        except InvalidRequest as error:
            wrong.add(place_of(name), error)
    wrong.raise_any()
    if not read:
        raise InvalidRequest("the flow has no steps", (FieldError("/steps", "is empty"),))
    return FlowRequest({name: read[name] for name in _order(read)}, key)


def place_of(step: str) -> str:
    """Where a step is in its flow: a JSON pointer without its first `/`."""
    return pointer("steps", step)[1:]


def _order(steps: Mapping[str, StepRequest]) -> list[str]:
    """The names of the steps, each after those that it waits for.

    Raises:
        InvalidRequest: one waits for a step that there is not, or for itself in the end.
    """
    unknown = [
        FieldError(
            f"/{place_of(name)}/depends_on/{index}",
            f"there is no step {parent.step!r} in this flow",
        )
        for name, step in steps.items()
        for index, parent in enumerate(step.parents())
        if parent.step not in steps
    ]
    if unknown:
        raise InvalidRequest("a step waits for one that there is not", tuple(unknown))
    graph = {name: [parent.step for parent in step.parents()] for name, step in steps.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = error.args[1]
        message = f"these steps wait for each other: {' → '.join(circle)}"
        place = f"/{place_of(circle[0])}/depends_on"
        raise InvalidRequest("the flow has a circle", (FieldError(place, message),)) from None
