"""How times, sizes and texts are written."""

import pytest

from jobqueue.cli import show
from jobqueue.cli.failures import explain, one_line
from jobqueue.errors import FieldError, InvalidRequest, JobqueueError


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "0.00 s"),
        (0.123, "0.12 s"),
        (1.25, "1.2 s"),
        (59.7, "60 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_durations_have_two_figures(seconds: float, written: str) -> None:
    """A time span is written in the unit in which it is easy to grasp."""
    assert show.duration(seconds) == written


@pytest.mark.parametrize(
    ("count", "written"),
    [(812, "812 bytes"), (2048, "2 KiB"), (1_023_000, "999 KiB"), (3 * 1024**2, "3.0 MiB")],
)
def test_sizes_are_in_binary_units(count: int, written: str) -> None:
    """A size is written in bytes, KiB or MiB."""
    assert show.size(count) == written


def test_texts_cannot_take_over_the_terminal() -> None:
    """Control characters in what a job wrote are taken out, lines are joined."""
    assert one_line("a\x1b]0;title\x07\r\nb\u202e  c") == "a ]0;title b c"


def test_many_wrong_fields_stay_one_line() -> None:
    """Of many wrong fields the first five are named, the others counted."""
    errors = tuple(FieldError(f"/{number}", "is wrong") for number in range(9))
    code, line = explain(InvalidRequest("the job is wrong", errors))
    assert code == 2
    assert line == (
        "the job is wrong: /0: is wrong; /1: is wrong; /2: is wrong; /3: is wrong; /4: is wrong; "
        "and 4 more"
    )


def test_what_nobody_expected_is_one_line_too() -> None:
    """An unexpected error says how to get its traceback, alone and in a group."""
    for error in (ValueError("no\nidea"), ExceptionGroup("many", [ValueError("no\nidea")])):
        code, line = explain(error)
        assert code == 70
        assert line == "unexpected ValueError: no idea; run it again with --debug for the traceback"
    assert explain(JobqueueError("internal"))[0] == 70
