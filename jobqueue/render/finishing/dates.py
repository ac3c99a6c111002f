"""Dates as PDF and XMP write them, in UTC."""

from datetime import datetime


def pdf_date(instant: datetime) -> str:
    """`instant` as ISO 32000-1, 7.9.4 has it."""
    return instant.strftime("D:%Y%m%d%H%M%SZ")


def xmp_date(instant: datetime) -> str:
    """`instant` as ISO 8601 has it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
