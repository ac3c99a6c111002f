"""Callers with API keys of their own."""

from collections.abc import Mapping
from typing import Any

from jobqueue.app.api_keys import KeyRequest
from jobqueue.app.requests import model_from

from .service import Answer, Service

ALL = ("submit", "read", "operate")


async def new_key(service: Service, *scopes: str, **fields: Any) -> tuple[str, str]:
    """A new key: its id and its secret."""
    request = model_from(
        {"name": "test", "scopes": scopes or ALL, **fields}, KeyRequest, what="key"
    )
    key, secret = await service.operations.api_keys.create(request)
    return key.id, secret


def bearer(secret: str) -> dict[str, str]:
    """The header that shows a secret."""
    return {"Authorization": f"Bearer {secret}"}


class Caller:
    """Calls a service with a key."""

    def __init__(self, service: Service, secret: str) -> None:
        self._service = service
        self._headers = bearer(secret)

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request."""
        return await self._service.call(
            method, path, json, headers={**self._headers, **(headers or {})}
        )


async def caller(service: Service, *scopes: str, **fields: Any) -> Caller:
    """A caller with a new key."""
    _, secret = await new_key(service, *scopes, **fields)
    return Caller(service, secret)
