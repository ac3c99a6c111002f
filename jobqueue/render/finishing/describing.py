"""The metadata of a PDF: its Info dictionary, and the same as XMP."""

from datetime import UTC, datetime

from pikepdf import Name, Pdf, String

from jobqueue.render.finishing.dates import pdf_date
from jobqueue.render.finishing.plan import About, Plan
from jobqueue.render.finishing.xmp import Facts, packet

_INFO = {"title": "/Title", "author": "/Author", "subject": "/Subject", "keywords": "/Keywords"}


def describe(pdf: Pdf, plan: Plan) -> None:
    """Write the metadata that is asked for; Info and XMP say the same."""
    about = plan.about or About()
    created = None if plan.created is None else datetime.fromtimestamp(plan.created, UTC)
    _write_info(pdf, about, created)
    if about.language is not None:
        pdf.Root.Lang = String(about.language)
    if plan.about is None and plan.standard is None:
        return
    facts = Facts(
        title=_info(pdf, "/Title"),
        author=_info(pdf, "/Author"),
        subject=_info(pdf, "/Subject"),
        keywords=_info(pdf, "/Keywords"),
        language=about.language,
        creator=_info(pdf, "/Creator"),
        producer=_info(pdf, "/Producer"),
        created=created,
        standard=plan.standard,
        custom=about.custom,
        invoice=plan.invoice,
    )
    stream = pdf.make_stream(packet(facts), Type=Name.Metadata, Subtype=Name.XML)
    pdf.Root.Metadata = pdf.make_indirect(stream)


def _write_info(pdf: Pdf, about: About, created: datetime | None) -> None:
    for field, key in _INFO.items():
        value = getattr(about, field)
        if value is not None:
            pdf.docinfo[Name(key)] = String(value)
    for name, value in about.custom.items():
        pdf.docinfo[Name(f"/{name}")] = String(value)
    for date in (Name.CreationDate, Name.ModDate):
        if created is not None:
            pdf.docinfo[date] = String(pdf_date(created))
        elif date in pdf.docinfo:
            del pdf.docinfo[date]


def _info(pdf: Pdf, key: str) -> str | None:
    value = pdf.docinfo.get(key)
    return None if value is None or not str(value) else str(value)
