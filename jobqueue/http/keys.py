"""API keys: create, list, revoke."""

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from jobqueue.access import ApiKey, Scope
from jobqueue.app.api_keys import KeyInfo, decode_key_request
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.documents import PREFIX, timestamp
from jobqueue.http.queries import no_query
from jobqueue.http.state import operations_of


class KeyDocument(msgspec.Struct):
    """An API key; its secret, `key`, is shown in the answer that creates it and never again."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    tenant: str | None
    created_at: str
    expires_at: str | None
    expired: bool
    last_used_at: str | None
    rate: str | None
    max_body: int | None
    key: str | UnsetType = UNSET


class KeyList(msgspec.Struct):
    """All API keys, oldest first."""

    keys: list[KeyDocument]


async def create(request: web.Request) -> web.Response:
    """Create a key: 201 with its secret."""
    no_query(request)
    wanted = decode_key_request(await read_json(request, ENVELOPE))
    key, secret = await operations_of(request).api_keys.create(wanted)
    document = created_document(key, secret)
    return json_response(document, status=201, headers={"Location": f"{PREFIX}/keys/{key.id}"})


async def list_all(request: web.Request) -> web.Response:
    """All keys, without their secrets."""
    no_query(request)
    found = await operations_of(request).api_keys.list()
    return json_response(KeyList([key_document(info) for info in found]))


async def revoke(request: web.Request) -> web.Response:
    """Let a key open nothing any more."""
    no_query(request)
    await operations_of(request).api_keys.revoke(request.match_info["id"])
    return web.Response(status=204)


def created_document(key: ApiKey, secret: str) -> KeyDocument:
    """What is answered to who created a key."""
    document = key_document(KeyInfo(key))
    document.key = secret
    return document


def key_document(info: KeyInfo) -> KeyDocument:
    """The document of a key."""
    key = info.key
    return KeyDocument(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        tenant=key.tenant,
        created_at=timestamp(key.created_at_ms),
        expires_at=_time(key.expires_at_ms),
        expired=info.expired,
        last_used_at=_time(info.last_used_at_ms),
        rate=key.rate,
        max_body=key.max_body,
    )


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)
