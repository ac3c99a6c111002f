"""The job types that may be submitted: those of this process, and what workers published."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from referencing import Registry as References

from jobqueue.app.codec import MAX_ERRORS, Parser
from jobqueue.broker.broker import Broker
from jobqueue.errors import FieldError, InvalidRequest, UnknownType
from jobqueue.model import TypeInfo
from jobqueue.registry import JobType, Registry
from jobqueue.retry import Retry
from jobqueue.schema_errors import schema_errors

FRESH_FOR = 5.0
"""Seconds for which the published types are not read again: a deployment's new schema counts
within that time, and a busy API asks Redis once in it."""

ASK_AGAIN = 0.5
"""Seconds between two reads for a type that nobody knows: a worker that has just started is
found soon, a client that invents names costs little."""


class Catalog:
    """Job types by name; the process's own win over published ones."""

    def __init__(self, broker: Broker, registry: Registry) -> None:
        self._broker = broker
        self._registry = registry
        self._published: dict[str, TypeInfo] = {}
        self._types: dict[str, JobType] = {}
        self._read_at = -FRESH_FOR
        self._reading = asyncio.Lock()

    async def find(self, name: str) -> JobType:
        """The type of this name.

        Raises:
            UnknownType: no worker has published it.
        """
        if own := self._registry.get(name):
            return own
        if self._age() > FRESH_FOR or (name not in self._types and self._age() > ASK_AGAIN):
            await self._refresh()
        if found := self._types.get(name):
            return found
        known = ", ".join(sorted({own.name for own in self._registry} | self._types.keys()))
        raise UnknownType(
            f"no worker runs jobs of type {name!r}: start one that does"
            + (f", or use one of {known}" if known else ""),
            (FieldError("/type", "unknown job type"),),
        )

    def seen(self, name: str) -> JobType | None:
        """The type of this name as far as it is known without asking."""
        return self._registry.get(name) or self._types.get(name)

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def _refresh(self) -> None:
        asked_at = time.monotonic()
        async with self._reading:
            if self._read_at >= asked_at:
                return  # somebody else read while this call waited
            published = await self._broker.types()
            self._types = {name: self._job_type(info) for name, info in published.items()}
            self._published = published
            self._read_at = time.monotonic()

    def _job_type(self, info: TypeInfo) -> JobType:
        if self._published.get(info.name) == info:
            return self._types[info.name]
        return JobType(
            name=info.name,
            queue=info.queue,
            timeout=info.timeout,
            retry=Retry(info.max_attempts),
            parse=_schema_parser(info.payload_schema),
            payload_schema=info.payload_schema,
            limit_key=info.limit_key,
            retention=info.retention,
        )


def _schema_parser(schema: Mapping[str, Any] | None) -> Parser:
    # an empty store of references: a schema may not make this process fetch anything
    validator = Draft202012Validator({} if schema is None else schema, registry=References())

    def parse(payload: bytes) -> Any:
        try:
            value = msgspec.json.decode(payload)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("the payload is wrong", (FieldError("", str(error)),)) from None
        if schema is not None:
            _refuse_mismatch(validator, value)
        return value

    return parse


def _refuse_mismatch(validator: Draft202012Validator, value: Any) -> None:
    errors = schema_errors(validator.iter_errors(value), at="", most=MAX_ERRORS)
    if errors:
        raise InvalidRequest("the payload is wrong", errors)
