"""API keys: made, shown once, listed, asked for, revoked."""

import hashlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from jobqueue.http import key_cache
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .callers import bearer, new_key
from .service import Service, running_service

TOKEN = "the-token-of-the-settings"  # noqa: S105 - opens only the test's own server
STATS = "/api/v1/stats"
KEYS = "/api/v1/keys"
TEMPLATES = "/api/v1/templates"
"""Are in the storage, so that they are answered without Redis."""


@pytest.fixture
async def guarded(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An API with a token, which is the admin's."""
    async with running_service(redis_url, namespace, tmp_path, token=TOKEN) as service:
        yield service


async def test_a_key_is_shown_once_and_opens(guarded: Service) -> None:
    """The secret of a key is in the answer that creates it, in no list, and lets its holder in."""
    wanted = {"name": "shop", "scopes": ["read", "submit"], "expires_in": 3600}
    answer = await guarded.post(KEYS, wanted, headers=bearer(TOKEN))
    made = answer.json()
    assert answer.status == 201
    assert answer.headers["Location"] == f"{KEYS}/{made['id']}"
    assert re.fullmatch(rf"jq_{made['id']}_[0-9a-f]{{64}}", made["key"])
    assert (made["scopes"], made["expired"], made["last_used_at"]) == (
        ["submit", "read"],
        False,
        None,
    )
    assert (await guarded.get(STATS, headers=bearer(made["key"]))).status == 200

    listed = await guarded.get(KEYS, headers=bearer(TOKEN))
    (shown,) = listed.json()["keys"]
    assert (shown["id"], shown["name"]) == (made["id"], "shop")
    assert shown["last_used_at"] is not None
    assert made["key"].rpartition("_")[2].encode() not in listed.body


async def test_redis_has_a_digest_only(guarded: Service, redis_url: str, namespace: str) -> None:
    """Who can read Redis, or a copy of its file, cannot call the API with what is there."""
    key_id, secret = await new_key(guarded)
    record = redis.Redis.from_url(redis_url).hget(f"{namespace}:api_keys", key_id)
    assert isinstance(record, bytes)
    assert hashlib.sha256(secret.encode()).hexdigest().encode() in record
    assert secret.rpartition("_")[2].encode() not in record


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:-1],
        lambda secret: secret + "0",
        lambda secret: secret.upper(),
        lambda secret: secret.replace("jq_", "jq_jq_"),
        lambda secret: "jq_" + "0" * 12 + "_" + secret.rpartition("_")[2],
        lambda secret: secret.rpartition("_")[0] + "_",
        lambda _: "jq_",
        lambda _: "jq__",
    ],
)
async def test_no_other_secret_opens(guarded: Service, spoil: object) -> None:
    """A secret that is cut, lengthened or of another key is refused as any wrong token is."""
    assert callable(spoil)
    _, secret = await new_key(guarded, "admin")
    answer = await guarded.get(STATS, headers=bearer(spoil(secret)))
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_revoked_key_opens_nothing(guarded: Service) -> None:
    """A key that is in use is refused within a second of its end; it is revoked once."""
    key_id, secret = await new_key(guarded, "read")
    assert (await guarded.get(STATS, headers=bearer(secret))).status == 200
    revoked = await guarded.delete(f"{KEYS}/{key_id}", headers=bearer(TOKEN))
    assert revoked.status == 204

    async def refused() -> bool:
        return (await guarded.get(STATS, headers=bearer(secret))).status == 401

    await eventually(refused, within=key_cache.MAX_AGE + 2)
    again = await guarded.delete(f"{KEYS}/{key_id}", headers=bearer(TOKEN))
    assert (again.status, again.code) == (404, "key_not_found")


async def test_a_key_whose_time_is_over_opens_nothing(guarded: Service) -> None:
    """An expired key is refused although its record is believed still, and the list says so."""
    _, secret = await new_key(guarded, "read", expires_in=0.3)
    assert (await guarded.get(STATS, headers=bearer(secret))).status == 200

    async def refused() -> bool:
        return (await guarded.get(STATS, headers=bearer(secret))).status == 401

    await eventually(refused, within=5)
    (shown,) = (await guarded.get(KEYS, headers=bearer(TOKEN))).json()["keys"]
    assert shown["expired"] is True


async def test_use_is_noted_once_in_a_while(
    guarded: Service, redis_url: str, namespace: str
) -> None:
    """That a key is used is written down, but not with every request."""
    key_id, secret = await new_key(guarded, "read")
    client, used = redis.Redis.from_url(redis_url), f"{namespace}:api_keys_used"
    assert (await guarded.get(STATS, headers=bearer(secret))).status == 200
    assert client.hget(used, key_id) is not None
    client.hset(used, key_id, 1)
    assert (await guarded.get(STATS, headers=bearer(secret))).status == 200
    assert client.hget(used, key_id) == b"1"


async def test_a_note_of_a_revoked_key_does_not_stay(
    guarded: Service, redis_url: str, namespace: str
) -> None:
    """What a process noted of a key while it was removed is cleared by the next list."""
    client, used = redis.Redis.from_url(redis_url), f"{namespace}:api_keys_used"
    client.hset(used, "0123456789ab", 1)
    assert (await guarded.get(KEYS, headers=bearer(TOKEN))).json() == {"keys": []}
    assert not client.exists(used)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": "x"}, "/scopes"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "", "scopes": ["read"]}, "/name"),
        ({"name": "a\nb", "scopes": ["read"]}, "/name"),
        ({"name": "x", "scopes": ["read"], "tenant": "a b"}, "/tenant"),
        ({"name": "x", "scopes": ["admin"], "tenant": "acme"}, "/scopes"),
        ({"name": "x", "scopes": ["read"], "expires_in": 0}, "/expires_in"),
        ({"name": "x", "scopes": ["read"], "secret": "jq_mine"}, "/secret"),
    ],
)
async def test_a_wrong_key_is_refused(
    guarded: Service, fields: dict[str, object], path: str
) -> None:
    """What no key can be is refused with the field's place, and makes none."""
    answer = await guarded.post(KEYS, fields, headers=bearer(TOKEN))
    assert (answer.status, set(answer.errors())) == (422, {path})
    assert (await guarded.get(KEYS, headers=bearer(TOKEN))).json() == {"keys": []}


async def test_the_first_key_closes_the_door(service: Service) -> None:
    """An API that asked nobody asks everybody as soon as there is a key, and again none after."""
    assert (await service.get(STATS)).status == 200
    key_id, secret = await new_key(service, "admin")

    async def closed() -> bool:
        return (await service.get(STATS)).status == 401

    await eventually(closed, within=key_cache.MAX_AGE + 2)
    assert (await service.get(STATS, headers=bearer("made-up"))).status == 401
    assert (await service.delete(f"{KEYS}/{key_id}", headers=bearer(secret))).status == 204

    async def open_again() -> bool:
        return (await service.get(STATS)).status == 200

    await eventually(open_again, within=key_cache.MAX_AGE + 2)


async def test_without_redis_nobody_is_let_in_or_forgotten(
    namespace: str, tmp_path: Path, socket_folder: Path
) -> None:
    """While Redis is away a key is neither taken nor called wrong; the token of the settings is."""
    with redis_server(socket_folder) as url:
        async with running_service(url, namespace, tmp_path, token=TOKEN) as service:
            _, secret = await new_key(service, "read")
            client = redis.Redis.from_url(url)
            assert (await service.get(STATS, headers=bearer(secret))).status == 200
            client.shutdown(nosave=True)

            async def unknown() -> bool:
                answer = await service.get("/api/v1/schedules", headers=bearer(secret))
                return answer.status == 503 and answer.code == "redis_unavailable"

            await eventually(unknown, within=15)
            made_up = await service.get(STATS, headers=bearer("jq_0123456789ab_" + "0" * 64))
            assert made_up.status == 503
            assert (await service.get("/nothing", headers=bearer(TOKEN))).status == 404
            assert (await service.get(STATS, headers=bearer("made-up"))).status == 401


async def test_a_door_that_may_have_been_closed_is_not_open(
    namespace: str, tmp_path: Path, socket_folder: Path
) -> None:
    """While nobody can tell whether there is a key, an API without a token lets nobody in."""
    with redis_server(socket_folder) as url:
        async with running_service(url, namespace, tmp_path) as service:
            assert (await service.get(TEMPLATES)).status == 200
            redis.Redis.from_url(url).shutdown(nosave=True)

            async def closed() -> bool:
                return (await service.get(TEMPLATES)).status == 503

            await eventually(closed, within=15)


async def test_no_secret_reaches_the_log(
    guarded: Service, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither a right nor a wrong secret is logged."""
    caplog.set_level(logging.DEBUG)
    _, secret = await new_key(guarded, "read")
    for shown in (secret, secret[:-1]):
        await guarded.get(STATS, headers=bearer(shown))
    written = caplog.text + "".join(capfd.readouterr())
    assert secret.rpartition("_")[2][:-1] not in written
