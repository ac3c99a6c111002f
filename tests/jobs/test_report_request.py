"""What a report request may say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from jobqueue.errors import InvalidRequest, SettingsError, UnknownTemplate
from jobqueue.jobs.builtin import add_builtin_types
from jobqueue.jobs.report_generation import payload_schema, report_generation
from jobqueue.jobs.report_request import HtmlSource, ReportParser, TemplateSource
from jobqueue.registry import Registry
from jobqueue.render.templates import Templates

TEMPLATES = Templates()
parse = ReportParser(TEMPLATES)
SAMPLE = TEMPLATES.sample("invoice")
INVOICE: dict[str, Any] = {"template": "invoice", "data": SAMPLE}


def errors_of(payload: Any) -> dict[str, str]:
    """Pointer and message of everything that is wrong."""
    with pytest.raises(InvalidRequest) as caught:
        parse(json.dumps(payload).encode())
    return {error.path: error.message for error in caught.value.errors}


def test_template_and_html_requests_are_accepted() -> None:
    """A template with its data, or HTML, each with options or without."""
    request = parse(json.dumps(INVOICE | {"options": {"format": "A5"}}).encode())
    assert request.source == TemplateSource("invoice", INVOICE["data"])
    assert request.options.format == "A5"
    request = parse(b'{"html": "<p>x", "options": null, "template": null}')
    assert request.source == HtmlSource("<p>x")


@pytest.mark.parametrize(
    ("payload", "path", "hint"),
    [
        ({}, "", "exactly one of"),
        ({"html": "x", **INVOICE}, "", "exactly one of"),
        ({"data": {}}, "", "exactly one of"),
        ({"html": ""}, "/html", "not empty"),
        ({"html": 5}, "/html", "must be a text"),
        ({"html": "x", "data": {}}, "/data", "belongs to a template"),
        ({"template": "invoice"}, "/data", "is required"),
        ({"template": "invoice", "data": []}, "/data", "must be object"),
        ({"template": 5, "data": {}}, "/template", "name of a template"),
        ({"html": "x", "colour": 1}, "/colour", "there are template, html, bundle"),
        ({"html": "x", "options": []}, "/options", "must be an object"),
        ({"html": "x", "options": {"scale": 9}}, "/options/scale", "less than or equal to 2"),
        ({"html": "x", "options": {"javascript": True}}, "/options/javascript", "not available"),
    ],
)
def test_wrong_requests_name_the_field(payload: Any, path: str, hint: str) -> None:
    """Every mistake is found at its JSON pointer."""
    errors = errors_of(payload)
    assert list(errors) == [path]
    assert hint in errors[path]


def test_options_and_data_are_reported_together() -> None:
    """One answer lists what is wrong everywhere."""
    data = SAMPLE | {"currency": "euro", "lines": [{"track": "x", "quantity": 1}]}
    payload = {"template": "invoice", "data": data, "options": {"scale": 9, "fromat": "A4"}}
    assert set(errors_of(payload)) == {
        "/options/scale",
        "/options/fromat",
        "/data/currency",
        "/data/lines/0/unit_price",
    }


def test_an_unknown_template_is_its_own_error() -> None:
    """A client can tell a missing template from wrong data."""
    with pytest.raises(UnknownTemplate, match="invoice, statement, table") as caught:
        parse(b'{"template": "invioce", "data": {}}')
    assert caught.value.errors[0].path == "/template"


@pytest.mark.parametrize("payload", [b"[]", b"null", b"7", b"{", b"[" * 5000, b"\xff"])
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    """Anything but a JSON object is a wrong request, not a crash."""
    with pytest.raises(InvalidRequest):
        parse(payload)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["template", "data", "html", "options", "x"]),
        json_values | st.sampled_from(TEMPLATES.names()),
    )
)
def test_any_json_is_accepted_or_refused(payload: dict[str, Any]) -> None:
    """No payload breaks the check."""
    try:
        request = parse(json.dumps(payload).encode())
    except InvalidRequest:
        return
    given_source = "template" if isinstance(request.source, TemplateSource) else "html"
    assert payload[given_source]


def test_the_published_schema_agrees() -> None:
    """Producers elsewhere can check payloads by the schema."""
    schema = Draft202012Validator(payload_schema(TEMPLATES))
    Draft202012Validator.check_schema(schema.schema)
    assert schema.is_valid(INVOICE)
    assert schema.is_valid({"html": "x", "options": {"margin_top": "20mm", "format": "A4"}})
    assert not schema.is_valid({"html": "x", **INVOICE})
    assert not schema.is_valid({"html": "x", "options": {"colour": 1}})


def test_the_type_is_known_without_a_browser() -> None:
    """An API accepts reports that another process renders."""
    registry = Registry()
    add_builtin_types(registry, templates=TEMPLATES)
    job_type = registry.get("report-generation")
    assert job_type is not None
    assert (job_type.queue, job_type.timeout, job_type.handler) == ("reports", 120, None)
    assert registry.queues() == set()
    with pytest.raises(SettingsError, match="defined twice"):
        registry.add(report_generation(TEMPLATES, None, None))
