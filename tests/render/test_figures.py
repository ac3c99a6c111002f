"""The arithmetic of invoices and statements."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.render.figures import invoice_figures, statement_figures

from .helpers import invoices, sum_of_lines


def invoice(*amounts: float, **more: Any) -> dict[str, Any]:
    """An invoice of lines with these prices."""
    lines = [{"unit_price": amount, "quantity": 1} for amount in amounts]
    return {"currency": "USD", "lines": lines, **more}


@pytest.mark.parametrize("given_invoice", invoices(), ids=lambda each: each["invoice_number"])
def test_the_total_is_the_sum_of_the_lines(given_invoice: dict[str, Any]) -> None:
    """Real invoices come to exactly what their lines come to."""
    assert invoice_figures(given_invoice)["total"] == sum_of_lines(given_invoice)


def test_decimals_do_not_drift() -> None:
    """A thousand times ten cents is a hundred."""
    assert invoice_figures(invoice(*[0.1] * 1000))["total"] == Decimal(100)


def test_tax_is_added_or_included() -> None:
    """A rate alone is added; an included one is taken out of the total."""
    added = invoice_figures(invoice(100, tax=8.1))
    assert (added["tax"]["amount"], added["total"]) == (Decimal("8.10"), Decimal("108.10"))
    included = invoice_figures(invoice(119, tax={"rate": 19, "name": "VAT", "included": True}))
    assert (included["tax"]["amount"], included["total"]) == (Decimal(19), Decimal(119))


def test_a_total_that_is_wrong_is_not_printed() -> None:
    """An invoice that contradicts itself is an error, net or gross."""
    assert invoice_figures(invoice(100, tax=20, total=100))["total"] == 120
    assert invoice_figures(invoice(100, tax=20, total=120))["total"] == 120
    with pytest.raises(ValueError, match=r"total \$99.00 is not what the lines come to, \$100.00"):
        invoice_figures(invoice(100, total=99))


def statement(opening: float, closing: float, *entries: tuple[float, float]) -> dict[str, Any]:
    """A statement of (debit, credit) entries."""
    return {
        "currency": "EUR",
        "opening_balance": opening,
        "closing_balance": closing,
        "entries": [{"debit": debit, "credit": credit} for debit, credit in entries],
    }


def balances(figures: dict[str, Any]) -> list[Decimal]:
    """The balance after each entry."""
    return [balance for _, balance in figures["rows"]]


def test_balances_follow_the_closing_balance() -> None:
    """Debits raise a supplier's balance and lower a bank's: the closing balance tells."""
    supplier = statement_figures(statement(100, 130, (50, 0), (0, 20)))
    assert balances(supplier) == [150, 130]
    bank = statement_figures(statement(100, 70, (50, 0), (0, 20)))
    assert balances(bank) == [50, 70]


def test_a_statement_that_contradicts_itself_is_not_printed() -> None:
    """A closing balance that does not follow is named with the sums."""
    with pytest.raises(ValueError, match=r"closing_balance €131.00 does not follow .* €50.00"):
        statement_figures(statement(100, 131, (50, 0), (0, 20)))


cents = st.integers(-(10**8), 10**8).map(lambda n: n / 100)


@given(cents, st.lists(st.tuples(cents, cents), max_size=20))
def test_the_last_balance_is_the_closing_one(
    opening: float, entries: list[tuple[float, float]]
) -> None:
    """Whatever is booked, the column of balances ends at the closing balance."""
    exact = sum((Decimal(str(d)) - Decimal(str(c)) for d, c in entries), Decimal(str(opening)))
    figures = statement_figures(statement(opening, float(exact), *entries))
    assert [figures["opening"], *balances(figures)][-1] == exact
