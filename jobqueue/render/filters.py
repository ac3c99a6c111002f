"""What templates use to print money, numbers, dates, addresses and CSS texts."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from markupsafe import Markup, escape

NBSP = "\u00a0"

_SYMBOLS = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN¥",
    "EUR": "€",
    "GBP": "£",
    "ILS": "₪",
    "INR": "₹",
    "JPY": "¥",
    "KRW": "₩",
    "MXN": "MX$",
    "NZD": "NZ$",
    "USD": "$",
    "VND": "₫",
}
"""The English signs of the CLDR; every other currency is printed by its ISO 4217 code."""

_DIGITS = dict.fromkeys(["CLP", "ISK", "JPY", "KRW", "PYG", "VND", "XAF", "XOF", "XPF"], 0)
_DIGITS |= dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
"""Decimals of ISO 4217 where they are not two."""

MAX_DIGITS = 18
"""Digits before the point of the largest number; with its decimals it is still exact."""

_POSTCODE_LAST = frozenset({"united kingdom", "uk", "great britain", "ireland"})
"""Countries that put the postcode behind the city, as those with states do."""


def to_decimal(value: Any) -> Decimal:
    """A JSON number as the decimal that was written in the JSON.

    Raises:
        ValueError: it is no number, or one that nobody could read.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - one error for all that is none
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a number")
    if number.adjusted() > MAX_DIGITS:
        raise ValueError(f"{value!r} is too large to be printed")
    return number


def currency_digits(currency: str) -> int:
    """Decimals that amounts of this currency have."""
    return _DIGITS.get(currency, 2)


def round_money(value: Any, currency: str) -> Decimal:
    """An amount as it can be paid: half a cent is rounded away from zero."""
    unit = Decimal(1).scaleb(-currency_digits(currency))
    return to_decimal(value).quantize(unit, ROUND_HALF_UP)


def money(value: Any, currency: str, *, exact: bool = False) -> str:
    """An amount with its currency, e.g. `-$1,234.50` or `CHF 12.00`.

    Args:
        value: the amount.
        currency: ISO 4217 code.
        exact: keep further decimals, as a price of a part may have.
    """
    amount = round_money(value, currency)
    if exact and amount != to_decimal(value):
        amount = to_decimal(value).normalize()
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(currency, currency + NBSP)
    return f"{sign}{symbol}{abs(amount):,f}"


def number(value: Any, decimals: int | None = None) -> str:
    """A number with thousands separators; as many decimals as it has unless told."""
    amount = to_decimal(value)
    if decimals is None:
        amount = amount.normalize()
        return f"{amount:,f}"
    return f"{amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):,f}"


def long_date(value: str) -> str:
    """An ISO date as nobody misreads it, e.g. `1 January 2021`."""
    date = dt.date.fromisoformat(value)
    return f"{date.day}{NBSP}{date:%B}{NBSP}{date.year}"


def css_text(value: Any) -> Markup:
    """A text as a quoted CSS string that cannot end its string, rule or element."""
    escaped = "".join(c if c.isalnum() and c.isascii() else f"\\{ord(c):x} " for c in str(value))
    return Markup(f'"{escaped}"')  # noqa: S704 - only letters, digits, backslashes and spaces


def breakable(value: Any) -> Markup:
    """A text that may break behind `_`, `/` and `.`, as names of columns have them."""
    return Markup(re.sub(r"([_/.])", r"\1<wbr>", str(escape(value))))  # noqa: S704 - escaped


def address_lines(party: Mapping[str, Any]) -> list[str]:
    """The lines of a postal address, whatever parts of it there are."""
    return [line for line in _address(party) if line]


def _address(party: Mapping[str, Any]) -> Iterator[str]:
    street = party.get("address")
    yield from (street.splitlines() if street else ())
    city, state, postcode = (party.get(key) or "" for key in ("city", "state", "postal_code"))
    country = party.get("country") or ""
    if state or country.lower() in _POSTCODE_LAST:
        yield " ".join(filter(None, [", ".join(filter(None, [city, state])), postcode]))
    else:
        yield " ".join(filter(None, [postcode, city]))
    yield country


FILTERS: dict[str, Callable[..., Any]] = {
    "address_lines": address_lines,
    "breakable": breakable,
    "css_text": css_text,
    "long_date": long_date,
    "money": money,
    "number": number,
}
