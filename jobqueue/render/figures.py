"""The arithmetic of the shipped templates, in decimals and checked against what was given."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any

from jobqueue.render.filters import money, round_money, to_decimal


def invoice_figures(invoice: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts, subtotal, tax and total of an invoice; the amounts shown are those added up.

    Raises:
        ValueError: the `total` that is given is not what the lines come to.
    """
    currency = invoice["currency"]
    amounts = [
        round_money(to_decimal(line["unit_price"]) * to_decimal(line["quantity"]), currency)
        for line in invoice["lines"]
    ]
    subtotal = sum(amounts, Decimal(0))
    tax = _tax(invoice.get("tax"), subtotal, currency)
    total = subtotal if tax is None or tax["included"] else subtotal + tax["amount"]
    given = invoice.get("total")
    if given is not None and round_money(given, currency) not in {subtotal, total}:
        raise ValueError(
            f"total {money(given, currency)} is not what the lines come to,"
            f" {money(total, currency)}"
        )
    rows = list(zip(invoice["lines"], amounts, strict=True))
    return {"rows": rows, "subtotal": subtotal, "tax": tax, "total": total}


def _tax(tax: Any, subtotal: Decimal, currency: str) -> dict[str, Any] | None:
    """The tax of an invoice: a percentage, added to the subtotal or included in it."""
    if tax is None:
        return None
    details = tax if isinstance(tax, Mapping) else {"rate": tax}
    rate = to_decimal(details["rate"])
    included = bool(details.get("included"))
    share = rate / (100 + rate) if included else rate / 100
    return {
        "name": details.get("name") or "Tax",
        "rate": rate,
        "included": included,
        "amount": round_money(subtotal * share, currency),
    }


def statement_figures(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The balance after each entry, and the sums of both columns.

    Whether a debit raises or lowers the balance differs between a bank's statement
    and a supplier's; the closing balance tells which one it is.

    Raises:
        ValueError: the closing balance does not follow from the entries.
    """
    currency = statement["currency"]
    opening = round_money(statement["opening_balance"], currency)
    closing = round_money(statement["closing_balance"], currency)
    entries = statement["entries"]
    debits = [round_money(entry.get("debit") or 0, currency) for entry in entries]
    credits_ = [round_money(entry.get("credit") or 0, currency) for entry in entries]
    debit, credit = sum(debits, Decimal(0)), sum(credits_, Decimal(0))
    sign = 1 if opening + debit - credit == closing else -1
    if opening + sign * (debit - credit) != closing:
        raise ValueError(
            f"closing_balance {money(closing, currency)} does not follow from the opening balance"
            f" {money(opening, currency)}, debits of {money(debit, currency)}"
            f" and credits of {money(credit, currency)}"
        )
    changes = [sign * (out - back) for out, back in zip(debits, credits_, strict=True)]
    balances = list(accumulate(changes, initial=opening))[1:]
    return {
        "opening": opening,
        "closing": closing,
        "debit": debit,
        "credit": credit,
        "rows": list(zip(entries, balances, strict=True)),
    }
