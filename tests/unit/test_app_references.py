"""References: what stands in Redis for a content that is kept in the storage."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.app.codec import to_json
from jobqueue.app.references import (
    Reference,
    decode_reference,
    encode_reference,
    is_reference,
    is_result_key,
    job_of_content,
    payload_key,
    referred_key,
    result_key,
)
from jobqueue.storage.keys import is_key

JOB = "reports-01ARZ3NDEKTSV4RRFFQ69G5FAV"
TOKEN = "0123456789abcdef" * 2
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_no_json_is_a_reference(value: object) -> None:
    """Whatever a user's value is, its JSON is never taken for a reference."""
    assert not is_reference(to_json(value))


@given(st.text(), st.integers(0, 2**40))
def test_a_reference_is_no_json(key: str, size: int) -> None:
    """A reference is recognised, reads back as it was, and parses as no JSON."""
    written = encode_reference(Reference(key, size))
    assert is_reference(written)
    assert decode_reference(written) == Reference(key, size)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(written)


def test_one_that_cannot_be_read_refers_to_nothing_known() -> None:
    """A reference of another version is told from one that can be read."""
    assert referred_key(encode_reference(Reference("a/b", 1))) == "a/b"
    assert referred_key(b'\x01{"place":"a/b"}') is None


def test_keys_tell_their_job() -> None:
    """The job of a payload or result is read off its key, which every storage takes."""
    payload, result = payload_key("d", JOB), result_key("d", JOB, TOKEN)
    assert {job_of_content(payload), job_of_content(result)} == {JOB}
    assert [is_result_key(payload), is_result_key(result)] == [False, True]
    longest = result_key("0" * 16, f"{'q' * 63}-{JOB[-26:]}", TOKEN)
    assert all(map(is_key, (payload, result, longest)))


@pytest.mark.parametrize(
    "key",
    [
        f"payloads/{JOB}.json",
        f"payloads/d/{JOB}.pdf",
        f"payloads/d/{JOB}.{TOKEN}.json",
        f"payloads/d/deeper/{JOB}.json",
        "payloads/d/not-an-id.json",
        f"results/d/{JOB}.json",
        f"results/d/not-an-id.{TOKEN}.json",
        f"old/results/d/{JOB}.{TOKEN}.json",
        f"reports/{JOB}.{TOKEN}.pdf",
    ],
)
def test_only_contents_of_jobs_are_ours(key: str) -> None:
    """A key is a payload's or result's only when it has the shape that we give it."""
    assert job_of_content(key) is None
