"""What a key may send: so many requests in a time, and so many bytes at once."""

import asyncio

import pytest

from jobqueue.access import Principal, Scope
from jobqueue.http.rate_limit import RateLimiter

from .callers import Caller, caller
from .service import Service

STATS = "/api/v1/stats"
JOBS = "/api/v1/jobs"
BODY = {"type": "echo", "payload": "x" * 2000}


async def test_a_key_over_its_rate_is_told_when_to_come_back(service: Service) -> None:
    """After so many requests the next is 429, with the rate and when one is answered again."""
    limited, free = await caller(service, rate="3/60"), await caller(service)
    answers = [await limited.call("GET", STATS) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == [
        "r=2",
        "r=1",
        "r=0",
        "r=0",
    ]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"key";q=3;w=60'}
    assert answers[-1].code == "too_many_requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
    other = await free.call("GET", STATS)
    assert (other.status, "RateLimit" in other.headers) == (200, False)


async def test_the_rate_comes_back_evenly(service: Service) -> None:
    """Who waits as long as it was told is answered then, and not before."""
    limited = await caller(service, rate="2/2")
    for _ in range(2):
        assert (await limited.call("GET", STATS)).status == 200
    refused = await limited.call("GET", STATS)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    await asyncio.sleep(1)  # what the answer said
    assert (await limited.call("GET", STATS)).status == 200
    assert (await limited.call("GET", STATS)).status == 429


async def test_what_is_refused_counts_too(service: Service) -> None:
    """Requests that a scope forbids, or that lead nowhere a caller may look, spend the rate."""
    limited = await caller(service, "read", rate="2/60")
    assert (await limited.call("POST", "/api/v1/queues/x/pause")).status == 403
    assert (await limited.call("PUT", JOBS)).status == 405
    assert (await limited.call("GET", STATS)).status == 429


@pytest.mark.parametrize(("count", "period"), [(1, 1), (3, 7), (100, 60), (100_000, 86_400)])
def test_a_full_bucket_holds_the_whole_rate(count: int, period: int) -> None:
    """Whatever the numbers, a burst of the whole count passes and one more does not."""
    limiter = RateLimiter()
    who = Principal(kind="key", id="a", name="a", scopes=frozenset({Scope.READ}))
    passed = 0
    while not (quota := limiter.count(who, f"{count}/{period}")).next_in:
        passed += 1
        assert passed <= count * 2
    assert passed >= count
    assert quota.next_in <= period / count


@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/bulk", "/api/v1/flows", "/echo/enqueue"])
async def test_a_key_may_be_held_to_small_bodies(service: Service, path: str) -> None:
    """A body over the key's limit is 413 on every route, one under it is taken; others are free."""
    body = {
        f"{JOBS}/bulk": [BODY],
        "/api/v1/flows": {"steps": {"a": BODY}},
        "/echo/enqueue": BODY["payload"],
    }.get(path, BODY)
    for most, status in ((1000, 413), (3000, 202), (None, 202)):
        fields = {} if most is None else {"max_body": most}
        answer = await (await caller(service, **fields)).call("POST", path, body)
        assert answer.status == status


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"rate": "0/60"}, "/rate"),
        ({"rate": "100"}, "/rate"),
        ({"rate": "1/0"}, "/rate"),
        ({"max_body": 0}, "/max_body"),
    ],
)
async def test_limits_that_are_none_are_refused(
    service: Service, fields: dict[str, object], path: str
) -> None:
    """A rate of nothing, or no rate, makes no key."""
    admin: Caller = await caller(service, "admin")
    body = {"name": "x", "scopes": ["read"], **fields}
    answer = await admin.call("POST", "/api/v1/keys", body)
    assert (answer.status, set(answer.errors())) == (422, {path})
