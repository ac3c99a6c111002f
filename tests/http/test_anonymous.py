"""An API that asks nobody who it is: for this machine alone, and not for any web page."""

from pathlib import Path

import pytest

from .callers import bearer, new_key
from .service import Service, running_service

STATS = "/api/v1/stats"


def port_of(service: Service) -> str:
    """The port on which a service listens."""
    return service.server.url.rpartition(":")[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "jobs.localhost"])
async def test_whoever_is_on_the_machine_may_call(service: Service, host: str) -> None:
    """By any of the machine's names for itself the API answers, to pages of its own too."""
    name = f"{host}:{port_of(service)}"
    for headers in ({"Host": name}, {"Host": name, "Origin": f"http://{name}"}):
        assert (await service.get(STATS, headers=headers)).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example.test", "null", "http://127.0.0.1:1", "x"])
async def test_a_page_of_another_site_may_not(service: Service, origin: str) -> None:
    """A page that its user's browser shows cannot pause queues of the user's machine."""
    path = "/api/v1/queues/images/pause"
    answer = await service.post(path, headers={"Origin": origin})
    assert (answer.status, answer.code) == (403, "foreign_origin")
    queues = (await service.get("/api/v1/queues")).json()["queues"]
    assert not any(queue["paused"] for queue in queues)


@pytest.mark.parametrize(
    "host", ["evil.example.test", "10.0.0.7:8080", "[::2]", "[", "localhost.a"]
)
async def test_a_name_that_leads_here_is_not_enough(service: Service, host: str) -> None:
    """A site that points its own name at this machine gets nothing (DNS rebinding)."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    for sent in (headers, {"Host": host}):
        answer = await service.get(STATS, headers=sent)
        assert (answer.status, answer.code) == (403, "foreign_origin")


async def test_who_shows_a_key_may_come_from_anywhere(service: Service) -> None:
    """A page has no key unless somebody gave it one, so one that shows a key is served."""
    _, secret = await new_key(service, "read")
    headers = {**bearer(secret), "Host": "jobs.example.test", "Origin": "https://app.example.test"}
    assert (await service.get(STATS, headers=headers)).status == 200


async def test_behind_a_proxy_that_asks(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """With `allow_anonymous` any name will do, and pages of another site still do not."""
    async with running_service(redis_url, namespace, tmp_path, allow_anonymous=True) as service:
        await new_key(service, "read")
        headers = {"Host": "jobs.example.test"}
        assert (await service.get(STATS, headers=headers)).status == 200
        foreign = {**headers, "Origin": "https://evil.example.test"}
        assert (await service.get(STATS, headers=foreign)).code == "foreign_origin"


async def test_health_is_for_everybody(service: Service) -> None:
    """Load balancers call by whatever name they have."""
    assert (await service.get("/readyz", headers={"Host": "10.0.0.7"})).status == 200
