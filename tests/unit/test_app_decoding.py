"""Reading JSON strictly, without a server around it."""

from contextlib import suppress
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from jobqueue.app.decoding import Decoder, check_json, fields_of
from jobqueue.errors import FieldError, InvalidRequest, MalformedBody
from jobqueue.schema_errors import pointer
from jobqueue.state import State


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a model."""

    size: Annotated[int, Meta(ge=0)] = 0
    state: State = State.QUEUED


class Model(msgspec.Struct, forbid_unknown_fields=True):
    """A model of all that matters to the decoder."""

    name: str
    raw: msgspec.Raw = msgspec.Raw(b"null")
    inner: Inner | None = None
    many: tuple[int | Inner, ...] = ()
    side: Literal["left", "right"] = "left"
    table: dict[str, int] = {}


decode = Decoder(Model)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def errors_of(body: bytes) -> list[FieldError]:
    """The errors that a body is refused with."""
    with pytest.raises(InvalidRequest) as caught:
        decode(body)
    return list(caught.value.errors)


@given(value=json_values)
def test_raw_fields_keep_their_bytes(value: Any) -> None:
    """Whatever JSON is in a raw field stays as it was written."""
    written = msgspec.json.encode(value)
    assert bytes(decode(b'{"name":"x", "raw": ' + written + b" }").raw) == written


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No body, whatever is in it, gets anything but a value or one of the two refusals."""
    with suppress(MalformedBody, InvalidRequest):
        assert isinstance(decode(body).name, str)


@given(body=st.binary(max_size=40))
def test_both_checks_agree_on_what_is_json(body: bytes) -> None:
    """What one route takes for an object of JSON, every other does."""
    try:
        fields_of(body)
    except MalformedBody as error:
        if "twice" not in str(error):
            with pytest.raises(MalformedBody):
                check_json(body)
    except InvalidRequest:
        check_json(body)


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b"{}", "/name", "is missing"),
        (b'{"name":1}', "/name", "expected a string, got an integer"),
        (b'{"name":"x","nam":1}', "/nam", "unknown field; did you mean name?"),
        (b'{"name":"x","a/b~c":1}', "/a~1b~0c", "unknown field"),
        (b'{"name":"x","inner":{"size":-1}}', "/inner/size", "expected an integer >= 0"),
        (b'{"name":"x","inner":{"sizes":1}}', "/inner/sizes", "unknown field"),
        (b'{"name":"x","many":[{},{"size":"1"}]}', "/many/1/size", "expected an integer"),
        (b'{"name":"x","table":{"a":"1"}}', "/table", "expected an integer, got a string"),
        (b"[]", "", "expected an object, got an array"),
        (b'{"name":"x","side":"up"}', "/side", "must be one of left, right"),
        (
            b'{"name":"x","many":[1,{"state":"odd"}]}',
            "/many/1/state",
            "must be one of scheduled, blocked, queued",
        ),
    ],
)
def test_points_at_what_is_wrong(body: bytes, path: str, message: str) -> None:
    """An error says where and what, in words of JSON."""
    (error,) = errors_of(body)
    assert error.path == path
    assert error.message.startswith(message)


def test_names_every_wrong_field() -> None:
    """All wrong fields are named at once."""
    paths = [error.path for error in errors_of(b'{"raw":1,"inner":[],"table":3,"other":{}}')]
    assert sorted(paths) == ["/inner", "/name", "/other", "/table"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"a","name":"b"}',
        b'{"name":"a","n\\u0061me":"b"}',
        b'{"name":"a", "name" \t:"b"}',
        b'{"\\u006eame":"a","name":"b"}',
    ],
)
def test_refuses_repeated_names(body: bytes) -> None:
    """A name that is there twice is refused however it is written."""
    with pytest.raises(MalformedBody, match="'name' twice"):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"name","raw":{"name":1,"name":2}}',
        b'{"name":"\\u00e9 \\"name\\": \\"name\\":"}',
        b'{"name":"x","table":{"n\\u00e4me":1,"name":2}}',
    ],
)
def test_does_not_mind_names_elsewhere(body: bytes) -> None:
    """Names inside values are the values' business."""
    decode(body)


def test_writes_pointers() -> None:
    """Pointers escape what RFC 6901 says."""
    assert pointer("a/b", "~", 0, "") == "/a~1b/~0/0/"
    assert pointer() == ""
