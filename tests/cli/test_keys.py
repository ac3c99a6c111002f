"""API keys on the command line."""

import json
from typing import Any

import redis

from .conftest import Cli, address


def test_the_first_key_is_made_in_redis(cli: Cli, redis_url: str, namespace: str) -> None:
    """Without a service keys are created, listed and revoked in Redis, and put down as that."""
    environ = {"REDIS_URL": redis_url, "JOBQUEUE_REDIS__NAMESPACE": namespace}
    created = cli("keys", "create", "shop", "--scope", "submit", "--scope", "read", **environ)
    assert created.returncode == 0, created.stderr
    secret = created.stdout.strip()
    key_id = secret.split("_")[1]
    assert secret.startswith("jq_")
    assert f"key {key_id}, shop: keep it now, it is not shown again" in created.stderr

    listed = cli("keys", "list", **environ).stdout
    assert key_id in listed
    assert "submit,read" in listed
    assert secret not in listed
    revoked = cli("keys", "revoke", key_id, **environ)
    assert revoked.stdout == f"key {key_id} is revoked\n"
    assert "no keys; to make one: jobqueue keys create" in cli("keys", "list", **environ).stderr

    client: Any = redis.Redis.from_url(redis_url)
    kept = client.xrange(f"{namespace}:audit")
    actions = [json.loads(fields[b"record"])["action"] for _, fields in kept]
    assert actions == ["keys create", "keys revoke"]


def test_keys_of_a_service(remote: Cli, cli: Cli, service_url: str) -> None:
    """With JOBQUEUE_URL the service is asked; a key that it made opens it, until it is revoked."""
    answer = remote(
        "keys",
        "create",
        "acme",
        "--scope",
        "read",
        "--tenant",
        "acme",
        "--expires-in",
        "60",
        "--json",
    )
    made = json.loads(answer.stdout)
    assert (made["tenant"], made["scopes"]) == ("acme", ["read"])
    environ = {**address(service_url), "JOBQUEUE_TOKEN": made["key"]}
    assert cli("list", **environ).returncode == 0
    refused = cli("stats", **environ)
    assert refused.returncode == 2
    assert "is about all tenants" in refused.stderr
    keys = json.loads(remote("keys", "list", "--json").stdout)["keys"]
    assert made["id"] in [key["id"] for key in keys]
    assert remote("keys", "revoke", made["id"]).returncode == 0
    again = remote("keys", "revoke", made["id"])
    assert again.returncode == 1
    assert f"there is no key '{made['id']}'" in again.stderr


def test_a_key_that_cannot_be_is_refused_alike(remote: Cli, cli: Cli, redis_url: str) -> None:
    """What is wrong with a key is said in one line, with a service or without one."""
    arguments = ("keys", "create", "x", "--scope", "admin", "--tenant", "acme")
    for answer in (remote(*arguments), cli(*arguments, REDIS_URL=redis_url)):
        assert answer.returncode == 2
        assert "/scopes: admin is about all tenants: give such a key no tenant" in answer.stderr


def test_keys_alone_shows_its_help(cli: Cli) -> None:
    """`jobqueue keys` says what it can do."""
    answer = cli("keys")
    assert answer.returncode == 0
    assert all(f"  {action} " in answer.stdout for action in ("create", "list", "revoke"))
