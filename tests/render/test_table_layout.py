"""How tables are fitted to the paper."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.render import table_layout as module
from jobqueue.render.table_layout import table_layout

A4 = {"width_mm": 174.0, "height_mm": 259.0, "may_turn": True}


def test_numbers_are_aligned_right_with_equal_decimals() -> None:
    """A column of numbers reads as one; years get no thousands separator."""
    layout = table_layout(
        ["year", "amount", "text", "code"],
        [[2012, 1.5, "a", "1.20"], [2013, 12000, None, "-3 %"], [2014, None, True, ""]],
        A4,
    )
    assert [c["align"] for c in layout["columns"]] == ["right", "right", "left", "right"]
    assert layout["rows"] == [
        ("2012", "1.5", "a", "1.20"),
        ("2013", "12,000.0", "", "-3 %"),
        ("2014", "", "yes", ""),
    ]


def test_texts_that_read_like_numbers_are_aligned_but_not_changed() -> None:
    """Cells of a CSV file are texts; their digits stay as they are."""
    layout = table_layout(["n"], [["007"], ["$1,5"], ["-30%"]], A4)
    assert layout["columns"][0]["align"] == "right"
    assert layout["rows"] == [("007",), ("$1,5",), ("-30%",)]


def test_alignment_can_be_chosen() -> None:
    """A column says how it is aligned when the guess is wrong."""
    layout = table_layout([{"label": "postcode", "align": "left"}], [[1234]], A4)
    assert layout["columns"][0]["align"] == "left"


def test_wide_tables_turn_the_page_and_then_shrink() -> None:
    """Few columns are set large and upright, many in landscape, very many small."""
    narrow, wide, wider = (table_layout(["column"] * n, [["1234567"] * n], A4) for n in (4, 24, 50))
    assert (narrow["landscape"], narrow["points"]) == (False, module.LARGEST_TYPE)
    assert wide["landscape"]
    assert module.SMALLEST_TYPE < wide["points"] < module.COMFORTABLE_TYPE
    assert wider["points"] == module.SMALLEST_TYPE


def test_an_orientation_that_was_asked_for_is_kept() -> None:
    """A wide table on paper that was chosen does not turn it."""
    layout = table_layout(["column"] * 20, [["1234567"] * 20], A4 | {"may_turn": False})
    assert not layout["landscape"]


def test_short_rows_are_filled_and_long_ones_refused() -> None:
    """A missing cell is empty; a cell without a column would be lost."""
    assert table_layout(["a", "b"], [["x"]], A4)["rows"] == [("x", "")]
    with pytest.raises(ValueError, match="row 2 has 3 cells for 2 columns"):
        table_layout(["a", "b"], [["x"], ["x", "y", "z"]], A4)


def test_a_table_that_no_memory_holds_is_refused() -> None:
    """The limit is told, before Chromium meets the table."""
    with pytest.raises(ValueError, match=r"61200 cells.*60000"):
        table_layout(["a"] * 6, [[1]] * 10_200, A4)


cells: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    st.lists(st.text(), min_size=1, max_size=6),
    st.lists(st.lists(cells | st.text(max_size=40), max_size=1), max_size=5),
)
def test_any_table_fits(columns: list[str], rows: list[list[Any]]) -> None:
    """Every table gets a size of type within bounds and widths that add up to the page."""
    layout = table_layout(columns, rows, A4)
    assert module.SMALLEST_TYPE <= layout["points"] <= module.LARGEST_TYPE
    assert sum(column["percent"] for column in layout["columns"]) == pytest.approx(100, abs=1)
    assert all(len(row) == len(columns) for row in layout["rows"])
