"""What people are told about data that does not fit a template."""

from typing import Any

import pytest

from jobqueue.errors import FieldError
from jobqueue.render.schema import MAX_ERRORS, DataSchema
from jobqueue.schema_errors import pointer

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "day": {"type": "string", "format": "date", "description": "a date such as 2024-01-31"},
        "side": {"enum": ["left", "right"]},
        "rows": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "properties": {"n": {"type": ["number", "null"]}}},
        },
        "a/b~c": {"type": "integer", "minimum": 1},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def test_each_thing_that_is_wrong_is_told_once() -> None:
    """A field that is missing beside others that are missing too is named once."""
    schema = {"type": "object", "required": ["a", "b", "c"]}
    assert DataSchema(schema).errors({}, at="") == tuple(
        FieldError(path, "is required") for path in ("/a", "/b", "/c")
    )


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({}, "/data/name", "is required"),
        ({"name": ""}, "/data/name", "must not be empty"),
        ({"name": "abcdef"}, "/data/name", "must have at most 5 characters"),
        ({"name": 3}, "/data/name", "must be string, not integer"),
        ({"name": None}, "/data/name", "must be string, not null"),
        ({"name": "a", "day": "2024-02-30"}, "/data/day", "a date such as 2024-01-31"),
        ({"name": "a", "day": "x" * 99}, "/data/day", "…"),
        ({"name": "a", "side": "up"}, "/data/side", "must be one of left, right"),
        ({"name": "a", "rows": []}, "/data/rows", "at least 1 items"),
        ({"name": "a", "rows": [{}, {"n": True}]}, "/data/rows/1/n", "not boolean"),
        ({"name": "a", "a/b~c": 0}, "/data/a~1b~0c", "must be at least 1"),
        ({"name": "a", "nmae": 1}, "/data/nmae", "is not known; there are name, day"),
        ([], "/data", "must be object, not array"),
    ],
)
def test_each_mistake_has_a_pointer_and_words(data: Any, path: str, message: str) -> None:
    """A wrong field is found by its JSON pointer, and the message says what it must be."""
    (error,) = DataSchema(SCHEMA).errors(data, at="/data")
    assert error.path == path
    assert message in error.message


def test_all_mistakes_come_at_once_but_not_thousands() -> None:
    """Several wrong fields are one answer; a wrong column is a readable one."""
    rows = {"name": 1, "rows": [{"n": "x"}] * 1000}
    errors = DataSchema(SCHEMA).errors(rows, at="")
    assert len(errors) == MAX_ERRORS
    assert FieldError("/name", "must be string, not integer") in errors


def test_optional_fields_are_null_for_templates() -> None:
    """A template meets null for what was left out, and what was given unchanged."""
    data = {"name": "a", "rows": [{}, {"n": 1}]}
    assert DataSchema(SCHEMA).complete(data) == {
        "name": "a",
        "day": None,
        "side": None,
        "rows": [{"n": None}, {"n": 1}],
        "a/b~c": None,
    }


def test_pointers_escape_as_rfc_6901_says() -> None:
    """Names with slashes and tildes stay one step of the pointer."""
    assert pointer("a/b", 0, "~") == "/a~1b/0/~0"
