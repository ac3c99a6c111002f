"""Money, numbers, percentages, dates and times in the words of a locale, by the CLDR (Babel)."""

import datetime as dt
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError, dates, numbers
from jinja2 import pass_context
from jinja2.runtime import Context

from jobqueue.render import filters
from jobqueue.render.filters import round_money, to_decimal

ENGLISH = "en"

P = ParamSpec("P")

_STYLES = ("short", "medium", "long", "full")


def _in_locale(
    function: Callable[Concatenate[Any, str | None, P], str],
) -> Callable[Concatenate[Context, Any, P], str]:
    """A filter that takes `locale=`, and else the one that the template has set as `locale`."""

    @pass_context
    def call(context: Context, value: Any, /, *args: P.args, **kwargs: P.kwargs) -> str:
        asked = kwargs.pop("locale", None) or context.get("locale")
        return function(value, asked if isinstance(asked, str) else None, *args, **kwargs)

    return call


@lru_cache(maxsize=64)
def to_locale(name: str) -> Locale:
    """The locale of a name like `de`, `pt-BR` or `zh_Hant`.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(
            f"locale {name!r} is not known: use one like en, de-AT or zh-Hant"
        ) from None


@_in_locale
def money(value: Any, locale: str | None, currency: str, *, exact: bool = False) -> str:
    """An amount with its currency, e.g. `1.234,50 €` for `de`; without a locale `€1,234.50`.

    Args:
        value: the amount.
        locale: in whose manner.
        currency: ISO 4217 code.
        exact: keep further decimals, as a price of a part may have.
    """
    if locale is None:
        return filters.money(value, currency, exact=exact)
    amount = round_money(value, currency)
    if exact and amount != to_decimal(value):
        return numbers.format_currency(
            to_decimal(value), currency, locale=to_locale(locale), decimal_quantization=False
        )
    return numbers.format_currency(amount, currency, locale=to_locale(locale))


@_in_locale
def number(value: Any, locale: str | None, decimals: int | None = None) -> str:
    """A number with its thousands apart; as many decimals as it has unless told."""
    if locale is None:
        return filters.number(value, decimals)
    amount = to_decimal(value)
    if decimals is not None:
        amount = _rounded(amount, decimals)
    where = to_locale(locale)
    whole, _, _ = where.decimal_formats[None].pattern.partition(".")
    return numbers.format_decimal(
        amount,
        format=_with_decimals(whole, decimals or 0),
        locale=where,
        decimal_quantization=decimals is not None,
    )


@_in_locale
def percent(value: Any, locale: str | None, decimals: int = 0) -> str:
    """A share as a percentage: 0.195 is `20 %`, or `19.5%` with one decimal."""
    share = _rounded(to_decimal(value), decimals + 2)
    where = to_locale(locale or ENGLISH)
    pattern = _with_decimals(where.percent_formats[None].pattern, decimals)
    return numbers.format_percent(share, format=pattern, locale=where)


@_in_locale
def date(value: Any, locale: str | None, style: str = "long") -> str:
    """A date, given in ISO form; `style` is short, medium, long, full or a pattern of the CLDR."""
    return dates.format_date(
        _moment(value).date(), _style(style), locale=to_locale(locale or ENGLISH)
    )


@_in_locale
def datetime(value: Any, locale: str | None, style: str = "medium", *, tz: str = "UTC") -> str:
    """A moment, given in ISO form or as Unix time in seconds, in a time zone.

    One without an offset is of that zone already.
    """
    zone = _zone(tz)
    moment = _moment(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return dates.format_datetime(
        moment, _style(style), tzinfo=zone, locale=to_locale(locale or ENGLISH)
    )


def _with_decimals(pattern: str, decimals: int) -> str:
    """A number pattern of the CLDR without decimals, with so many of them."""
    before, zero, after = pattern.rpartition("0")
    return f"{before}{zero}.{'0' * decimals}{after}" if decimals else pattern


def _rounded(value: Decimal, decimals: int) -> Decimal:
    if not 0 <= decimals <= filters.MAX_DIGITS:
        raise ValueError(f"decimals must be 0 to {filters.MAX_DIGITS}, not {decimals}")
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    try:
        return dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no date: use ISO form, like 2024-02-29") from None


def _style(style: str) -> Any:
    if style.isalpha() and style not in _STYLES and len(style) > len("short"):
        raise ValueError(f"style {style!r} is none of {', '.join(_STYLES)}, nor a pattern")
    return style


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time zone {name!r} is not known: use one like Europe/Berlin") from None


FILTERS: dict[str, Callable[..., Any]] = {
    "date": date,
    "datetime": datetime,
    "money": money,
    "number": number,
    "percent": percent,
}
