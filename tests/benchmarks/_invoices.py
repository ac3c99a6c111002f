"""Real invoices for a benchmark, and a reader that finds in a PDF what must be on it."""

import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from pypdf import PdfReader

_TOTAL = re.compile(r"\bTotal\s*[^\d\s]*\s*([\d,]+\.\d\d)\s*$", re.MULTILINE)


class Invoice(NamedTuple):
    """An invoice as it is submitted, and what its document must say."""

    data: dict[str, Any]
    number: int
    customer: str
    total: Decimal
    """The sum of its lines, computed here."""

    def problem(self, pdf: bytes) -> str | None:
        """What is wrong with its document; None when nothing is."""
        text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
        if f"No. {self.number}" not in text:
            return f"invoice {self.number}: its number is not in the document"
        if self.customer not in " ".join(text.split()):
            return f"invoice {self.number}: the customer is not printed as {self.customer!r}"
        printed = [Decimal(total.replace(",", "")) for total in _TOTAL.findall(text)]
        if printed != [self.total]:
            found = ", ".join(map(str, printed)) or "no total"
            return f"invoice {self.number}: printed {found}, its lines make {self.total}"
        return None


def load_invoices(path: Path, count: int | None) -> list[Invoice]:
    """The first `count` invoices of an NDJSON file, or all."""
    return [_invoice(line) for line in path.read_text("utf-8").splitlines()[:count]]


def _invoice(line: str) -> Invoice:
    data = json.loads(line)
    exact = json.loads(line, parse_float=Decimal)
    total = sum((item["unit_price"] * item["quantity"] for item in exact["lines"]), Decimal(0))
    return Invoice(data, data["invoice_number"], data["customer"]["name"], total)
