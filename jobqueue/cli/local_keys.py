"""API keys without a service: in Redis itself, as whoever can write there may."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar, cast

import msgspec

from jobqueue.app.api_keys import ApiKeys, KeyRequest
from jobqueue.app.opening import open_broker
from jobqueue.app.requests import model_from
from jobqueue.audit import AuditRecord
from jobqueue.broker.broker import Broker
from jobqueue.client.documents import KeyDocument
from jobqueue.http.documents import PREFIX
from jobqueue.http.keys import created_document, key_document
from jobqueue.settings import Settings

T = TypeVar("T")


class Keys(Protocol):
    """Who can create, list and revoke keys: a client of a service, or `LocalKeys`."""

    async def create_key(self, name: str, scopes: Iterable[str], **options: Any) -> KeyDocument:
        """Create a key."""

    async def keys(self) -> list[KeyDocument]:
        """Every key, oldest first."""

    async def revoke_key(self, key_id: str) -> None:
        """Let a key open nothing any more."""


class LocalKeys:
    """The keys of one Redis; answers as a service does, and is put down in the same audit log."""

    def __init__(self, broker: Broker) -> None:
        self._keys = ApiKeys(broker.access.api_keys)
        self._audit = broker.access.audit

    async def create_key(self, name: str, scopes: Iterable[str], **options: Any) -> KeyDocument:
        """Create a key."""
        fields = {"name": name, "scopes": [*scopes], **options}
        request = model_from(fields, KeyRequest, what="key")
        key, secret = await self._keys.create(request)
        await self._put_down("keys create", key.id)
        return _plain(created_document(key, secret))

    async def keys(self) -> list[KeyDocument]:
        """Every key, oldest first."""
        return [_plain(key_document(info)) for info in await self._keys.list()]

    async def revoke_key(self, key_id: str) -> None:
        """Let a key open nothing any more."""
        await self._keys.revoke(key_id)
        await self._put_down("keys revoke", key_id)

    async def _put_down(self, action: str, key_id: str) -> None:
        who = f"user {os.getuid()} on {socket.gethostname()}"
        record = AuditRecord(
            kind="local",
            id=who,
            name=who,
            action=action,
            target=f"{PREFIX}/keys/{key_id}",
        )
        await self._audit.add(record)


def run_locally(settings: Settings, work: Callable[[Keys], Awaitable[T]]) -> T:
    """Run `work` on the keys of the Redis of `settings` to its end."""

    async def session() -> T:
        async with open_broker(settings) as broker:
            return await work(LocalKeys(broker))

    return asyncio.run(session())


def _plain(document: object) -> KeyDocument:
    return cast("KeyDocument", msgspec.to_builtins(document))
