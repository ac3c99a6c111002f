"""PDF/A-2b and 3b (ISO 19005-2 and -3), checked after writing by pikepdf's allow list.

What breaks one of the standard's rules is an error of the job. What the list does not know is a
warning, but for what Chromium writes and other validators accept.
"""

from collections.abc import Iterator
from typing import Any

from pikepdf import Dictionary, Name, Pdf, Stream, pdfa

from jobqueue.render.finishing.plan import Plan
from jobqueue.render.finishing.refusals import PDF_A_IMPOSSIBLE, CannotFinish

MOST_FINDINGS = 5
"""Findings that are told: they tend to repeat for every object."""

_ACCEPTED = frozenset({"pikepdf:font-type3", "pikepdf:schema-OutlineItem"})
"""Not checked by pikepdf, and allowed: Chromium prints emoji and CJK as Type 3 fonts, and its
bookmarks name the elements (/SE) that they were made from."""

_UNKNOWN_PROPERTY = ":6.6.2.3.1-1"
"""End of the rule that a property of XMP be known or described. pikepdf does not read
descriptions; the packet is always ours, and describes what it has."""


def prepare(pdf: Pdf, standard: str) -> list[str]:
    """Make the changes that the standard demands; gives what is lost by them."""
    _drop_needless_keys(pdf)
    changes = pdfa.prepare(pdf, standard)
    return [text for level, text in changes.messages() if level == "warning"]


def save_options(plan: Plan) -> dict[str, Any]:
    """How the document is saved, as the standard allows it."""
    return pdfa.resolve_save_kwargs(
        plan.standard or "3b",
        linearize=plan.linearize,
        recompress_flate=plan.compress,
        deterministic_id=True,
        min_version="1.7",
    )


def check(path: str, standard: str) -> list[str]:
    """Validate a document that was written; gives what could not be checked.

    Raises:
        CannotFinish: it breaks the standard.
    """
    report = pdfa.validate_written(path, standard)
    findings = [each for each in report.findings if not each.rule.endswith(_UNKNOWN_PROPERTY)]
    wrong = [each for each in findings if each.kind == "violation" or each.rule.startswith("ISO")]
    if wrong:
        raise CannotFinish(
            PDF_A_IMPOSSIBLE,
            f"the document cannot be PDF/A-{standard}: {_told(wrong)};"
            " look at the fonts, colours and actions of the PDFs it is made from",
        )
    unknown = [each for each in findings if each.rule not in _ACCEPTED]
    return [f"not checked for PDF/A-{standard}: {_told(unknown)}"] if unknown else []


def _told(findings: list[Any]) -> str:
    texts = list(dict.fromkeys(f"{each.message} ({each.rule})" for each in findings))
    more = len(texts) - MOST_FINDINGS
    return "; ".join(texts[:MOST_FINDINGS]) + (f"; and {more} more" if more > 0 else "")


def _drop_needless_keys(pdf: Pdf) -> None:
    """Remove what Chromium writes into dictionaries where it means nothing."""
    for name in (Name.ViewerPreferences, Name.MarkInfo):
        entry = pdf.Root.get(name)
        if isinstance(entry, Dictionary) and Name.Type in entry:
            del entry[Name.Type]
    for owner, key in _needless(pdf):
        del owner[key]


def _needless(pdf: Pdf) -> Iterator[tuple[Any, Name]]:
    for each in pdf.objects:
        if isinstance(each, Stream):
            if each.get(Name.Subtype) == Name.Image and Name.ColorTransform in each:
                yield each, Name.ColorTransform
        elif (
            isinstance(each, Dictionary)
            and Name.CIDToGIDMap in each
            and each.get(Name.Subtype) in (Name.Type3, Name.Type0)
        ):
            yield each, Name.CIDToGIDMap
