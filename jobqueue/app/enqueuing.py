"""Submitting from Python: one job, many, or a flow of jobs that wait for each other."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, TypeVar, Unpack, overload

from jobqueue.app.arguments import durability_from, request_of
from jobqueue.app.bulk import BulkErrors
from jobqueue.app.flow_requests import flow_of
from jobqueue.app.handlers import HandlerFunction
from jobqueue.app.handles import JobHandle
from jobqueue.app.opened import Opened
from jobqueue.app.options import EnqueueOptions
from jobqueue.context import JobContext
from jobqueue.errors import InvalidRequest
from jobqueue.retry import Backoff
from jobqueue.submission import Durability, Parent, Priority, Unique

if TYPE_CHECKING:
    from jobqueue.app.requests import JobRequest

Payload = TypeVar("Payload")
Result = TypeVar("Result")


class Enqueuing(Opened):
    """Jobs that are submitted once."""

    @overload
    async def enqueue(
        self,
        type: str,
        payload: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> JobHandle[Any]: ...
    @overload
    async def enqueue(
        self,
        type: Callable[Concatenate[JobContext, Payload, ...], Awaitable[Result]],
        payload: Payload,
        **options: Unpack[EnqueueOptions],
    ) -> JobHandle[Result]: ...
    @overload
    async def enqueue(
        self,
        type: Callable[Concatenate[JobContext, Payload, ...], Result],
        payload: Payload,
        **options: Unpack[EnqueueOptions],
    ) -> JobHandle[Result]: ...
    async def enqueue(
        self,
        type: str | HandlerFunction,  # noqa: A002 - likewise
        payload: Any = None,
        *,
        queue: str | None = None,
        priority: str | int = Priority.NORMAL,
        delay: float | None = None,
        run_at: datetime | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the job's, not this call's
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        tenant: str | None = None,
        key: str | None = None,
        unique_key: str | None = None,
        unique: Unique | None = None,
        expires_in: float | None = None,
        depends_on: Iterable[str | Parent] = (),
        retention: float | None = None,
        durability: Durability | str | None = None,
    ) -> JobHandle:
        """Submit a job.

        Args:
            type: one of this program's types, or one that some worker runs; or a handler of
                this program, so that a type checker knows the payload and the result.
            payload: a pydantic model, or whatever JSON can hold.
            queue: another queue than its type's.
            priority: `critical`, `high`, `normal`, `low`, or their numbers.
            delay: seconds from now to its earliest start.
            run_at: its earliest start, with a time zone.
            timeout: seconds that one attempt may take, instead of its type's.
            max_attempts: how often it is tried, instead of its type's.
            backoff: how long it waits in between, instead of its type's.
            tags: words to find it by.
            metadata: what JSON can hold, kept with the job.
            tenant: whose job it is: tenants take turns, and have limits of their own.
            key: idempotency key: a second submit with it gives the first one's job.
            unique_key: at most one job of this key waits or runs; a second submit gives the job
                that is there. Short for `unique=Unique(key)`.
            unique: the same in other modes: see `Unique`.
            expires_in: seconds within which it must start, else it is cancelled.
            depends_on: ids of jobs that must end before it starts, or `Parent`s.
            retention: seconds for which it is kept once it has ended.
            durability: what has happened to the job when this returns: it is in Redis' memory
                (None), and on another server too (`replicated`), or on Redis' disk (`fsync`).

        Raises:
            InvalidRequest: names each wrong field.
            PayloadTooLarge: the payload is over `limits.payload`.
            IdempotencyConflict: its key was used for another request.
            Backpressure: its queue or tenant has too many jobs.
            StorageUnavailable: the storage cannot take its large payload: it was not taken.
            Unavailable: Redis cannot take it now; whether it was taken may be unknown.
        """
        level = durability_from(durability)
        options = {
            "queue": queue,
            "delay": delay,
            "run_at": run_at,
            "timeout": timeout,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "metadata": metadata,
            "tenant": tenant,
            "key": key,
            "unique_key": unique_key,
            "unique": unique,
            "expires_in": expires_in,
            "retention": retention,
        }
        given = {name: value for name, value in options.items() if value is not None}
        always = {
            "type": self.name_of(type),
            "payload": payload,
            "priority": priority,
            "tags": tags,
        }
        request = request_of({**always, "depends_on": depends_on, **given})
        accepted = await self._opened().accept(request, durability=level)
        return self._handle(accepted.id)

    async def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any]], *, durability: Durability | str | None = None
    ) -> list[JobHandle]:
        """Submit all of `jobs` or, when one is wrong, none.

        Args:
            jobs: each with the arguments of `enqueue` by name.
            durability: as for `enqueue`.

        Raises:
            InvalidRequest: names each wrong field, paths start with the job's index.
            PayloadTooLarge: too many jobs, or a payload is over its limit.
            StorageUnavailable: the storage cannot take a large payload: none was taken.
            Unavailable: Redis cannot take them now.
        """
        level = durability_from(durability)
        requests: list[JobRequest] = []
        wrong = BulkErrors()
        for index, fields in enumerate(jobs):
            try:
                requests.append(request_of(fields))
            except InvalidRequest as error:
                wrong.add(index, error)
        wrong.raise_any()
        accepted = await self._opened().submit_many(requests, durability=level)
        return [self._handle(each.id) for each in accepted]

    async def enqueue_flow(
        self,
        steps: Mapping[str, Mapping[str, Any]],
        *,
        key: str | None = None,
        durability: Durability | str | None = None,
    ) -> dict[str, JobHandle]:
        """Submit jobs that wait for each other, all of them or, when one is wrong, none.

            await app.enqueue_flow({
                "fetch": {"type": "fetch", "payload": {"url": "…"}},
                "resize": {"type": "resize", "depends_on": ["fetch"]},
                "show": {"type": "show", "depends_on": ["fetch", "resize"]},
            })

        The steps of one queue come in at once; those of several queues one queue after the other,
        and what may refuse them is asked of all queues before.

        Args:
            steps: each with the arguments of `enqueue` by name; `depends_on` has names of other
                steps, or mappings with `step` and `on_failure` as in `Parent`.
            key: idempotency key: the same call with it completes a flow of which a part came in,
                and gives the handles of the jobs that are there.
            durability: as for `enqueue`.

        Returns:
            The handles by the names of the steps.

        Raises:
            InvalidRequest: names each wrong field, a step that there is not, and a circle; paths
                start with `/steps/<name>`.
            PayloadTooLarge: too many steps, or a payload is over its limit.
            IdempotencyConflict: the key was used for another flow.
            Backpressure: a queue or tenant has too many jobs.
            StorageUnavailable: the storage cannot take a large payload: none was taken.
            Unavailable: Redis cannot take them now.
        """
        level = durability_from(durability)
        accepted = await self._opened().flows.submit(flow_of(steps, key), durability=level)
        return {name: self._handle(each.id) for name, each in accepted.items()}
