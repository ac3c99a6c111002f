"""How templates print money, numbers, dates and addresses."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.render import filters


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (13.86, "USD", "$13.86"),
        (0, "USD", "$0.00"),
        (-1234567.891, "EUR", "-€1,234,567.89"),
        (0.005, "GBP", "£0.01"),
        (2.675, "USD", "$2.68"),
        (1234.5, "JPY", "¥1,235"),
        (1.2345, "KWD", "KWD\u00a01.235"),
        (12, "CHF", "CHF\u00a012.00"),
    ],
)
def test_money_is_rounded_as_it_is_paid(value: float, currency: str, text: str) -> None:
    """Half a cent is rounded up, each currency has its sign and decimals."""
    assert filters.money(value, currency) == text


def test_exact_money_keeps_parts_of_a_cent() -> None:
    """A unit price of a quarter cent is not shown as nothing."""
    assert filters.money(0.0025, "USD", exact=True) == "$0.0025"
    assert filters.money(0.9, "USD", exact=True) == "$0.90"


@pytest.mark.parametrize("value", [True, None, "abc", "NaN", "Infinity", []])
def test_what_is_no_number_is_refused(value: Any) -> None:
    """Money of something else than a number is an error, never 0."""
    with pytest.raises(ValueError, match="is not a number"):
        filters.money(value, "USD")


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
    )
)
def test_a_sum_of_rounded_amounts_is_exact(value: Decimal) -> None:
    """What is rounded once is not changed by rounding again."""
    rounded = filters.round_money(value, "USD")
    assert filters.round_money(rounded, "USD") == rounded
    assert filters.round_money(float(value), "USD") == rounded


def test_numbers_have_the_decimals_they_have() -> None:
    """Quantities are printed without zeros that nobody wrote."""
    assert filters.number(40) == "40"
    assert filters.number(1.50) == "1.5"
    assert filters.number(1e6) == "1,000,000"
    assert filters.number(2, 2) == "2.00"


def test_dates_cannot_be_misread() -> None:
    """The month is a word."""
    assert filters.long_date("2021-02-01").replace("\u00a0", " ") == "1 February 2021"
    with pytest.raises(ValueError, match="day"):
        filters.long_date("2021-02-30")


@pytest.mark.parametrize(
    ("party", "lines"),
    [
        (
            {"address": "Theodor-Heuss-Straße 34", "city": "Stuttgart", "postal_code": "70174"},
            ["Theodor-Heuss-Straße 34", "70174 Stuttgart"],
        ),
        (
            {"city": "Boston", "state": "MA", "postal_code": "2113", "country": "USA"},
            ["Boston, MA 2113", "USA"],
        ),
        (
            {"city": "London", "postal_code": "N1 5LH", "country": "United Kingdom"},
            ["London N1 5LH", "United Kingdom"],
        ),
        ({"city": None, "state": "Dublin", "country": "Ireland"}, ["Dublin", "Ireland"]),
        ({}, []),
    ],
)
def test_addresses_have_no_gaps(party: dict[str, Any], lines: list[str]) -> None:
    """Missing parts leave no empty lines, commas or the word None."""
    assert filters.address_lines(party) == lines


@given(st.text())
def test_css_texts_cannot_end_their_element(text: str) -> None:
    """No name of a customer can close the string, the rule or the style element."""
    escaped = str(filters.css_text(text))
    assert escaped[0] == escaped[-1] == '"'
    assert all(c.isascii() and (c.isalnum() or c in "\\ ") for c in escaped[1:-1])


def test_labels_break_at_underscores_and_are_escaped() -> None:
    """Names of columns may wrap; their text stays text."""
    assert filters.breakable("a_b<i>") == "a_<wbr>b&lt;i&gt;"
