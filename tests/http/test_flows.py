"""Flows over HTTP."""

import pytest

from .service import Service

ECHO = {"type": "echo", "payload": 1}
STEPS = {
    "first": ECHO,
    "second": {**ECHO, "depends_on": ["first"]},
    "third": {**ECHO, "depends_on": [{"step": "first", "on_failure": "ignore"}, "second"]},
}


async def test_a_flow_is_accepted_whole(service: Service) -> None:
    """The answer has the id and the state of each step."""
    answer = await service.post("/api/v1/flows", {"steps": STEPS})
    assert answer.status == 202
    steps = answer.json()["steps"]
    assert {name: step["state"] for name, step in steps.items()} == {
        "first": "queued",
        "second": "blocked",
        "third": "blocked",
    }
    job = (await service.get(f"/api/v1/jobs/{steps['third']['id']}")).json()
    assert job["state"] == "blocked"


async def test_a_flow_has_one_key(service: Service) -> None:
    """A flow that is sent again with its key, in the header or the body, is the same flow."""
    first = await service.post("/api/v1/flows", {"steps": STEPS, "key": "f"})
    again = await service.post("/api/v1/flows", {"steps": STEPS}, headers={"Idempotency-Key": "f"})
    assert [step["id"] for step in first.json()["steps"].values()] == [
        step["id"] for step in again.json()["steps"].values()
    ]
    other = {**STEPS, "first": {**ECHO, "payload": 2}}
    conflict = await service.post("/api/v1/flows", {"steps": other, "key": "f"})
    assert (conflict.status, conflict.code) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, {"/steps"}),
        ({"steps": {}}, {"/steps"}),
        ({"steps": {"a": {"type": "echo", "depends_on": ["b"]}}}, {"/steps/a/depends_on/0"}),
        (
            {"steps": {"a": {"depends_on": 1}, "b": 2}},
            {"/steps/a/type", "/steps/a/depends_on", "/steps/b"},
        ),
        ({"steps": {"a": {"type": "echo", "depends_on": ["a"]}}}, {"/steps/a/depends_on"}),
        ({"steps": {"a": {"type": "thumbnail", "payload": {}}}}, {"/steps/a/payload/url"}),
        ({"steps": {"a": ECHO}, "colour": 1}, {"/colour"}),
    ],
)
async def test_names_what_is_wrong(service: Service, body: object, paths: set[str]) -> None:
    """Every wrong field is named, in which step it is."""
    answer = await service.post("/api/v1/flows", body)
    assert answer.status == 422
    assert set(answer.errors()) == paths


async def test_a_step_cannot_be_there_twice(service: Service) -> None:
    """JSON that names a step twice means different things to different readers."""
    step = '{"type":"echo","payload":1}'
    answer = await service.post("/api/v1/flows", data=f'{{"steps":{{"a":{step},"a":{step}}}}}')
    assert (answer.status, answer.code) == (400, "malformed_body")
