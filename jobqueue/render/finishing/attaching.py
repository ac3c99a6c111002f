"""Files inside of a PDF (ISO 32000-2, 7.11.4 and 14.13); pikepdf associates them with it."""

from datetime import UTC, datetime
from pathlib import Path

from pikepdf import AttachedFileSpec, Dictionary, Name, Pdf

from jobqueue.render.finishing.dates import pdf_date
from jobqueue.render.finishing.plan import AttachedFile


def attach(pdf: Pdf, file: AttachedFile, created: float | None) -> None:
    """Put a file into `pdf`, as one that belongs to the whole document.

    Args:
        pdf: the document.
        file: what to attach.
        created: Unix time that the file says it is of; None to say none.
    """
    date = "" if created is None else pdf_date(datetime.fromtimestamp(created, UTC))
    spec = AttachedFileSpec(
        pdf,
        Path(file.path).read_bytes(),
        description=file.description or "",
        filename=file.name,
        mime_type=file.content_type,
        creation_date=date,
        mod_date=date,
        relationship=Name(f"/{file.relationship}"),
    )
    _drop_empty(spec)
    pdf.attachments[free_name(pdf, file.name)] = spec


def copy_attachments(whole: Pdf, source: Pdf) -> None:
    """Take over the files in `source`; where a name is taken, it gets a number."""
    for name, spec in source.attachments.items():
        file = spec.get_file()
        free = free_name(whole, name)
        copy = AttachedFileSpec(
            whole,
            file.read_bytes(),
            description=spec.description or "",
            filename=free,
            mime_type=file.mime_type or "application/octet-stream",
            creation_date="",
            mod_date="",
            relationship=spec.relationship or Name.Unspecified,
        )
        _drop_empty(copy)
        whole.attachments[free] = copy


def free_name(pdf: Pdf, name: str) -> str:
    """`name`, numbered where the document has an attachment of that name."""
    stem, dot, suffix = name.rpartition(".")
    number, free = 1, name
    while free in pdf.attachments:
        number += 1
        free = f"{stem} ({number}){dot}{suffix}" if dot else f"{name} ({number})"
    return free


def _drop_empty(spec: AttachedFileSpec) -> None:
    """Remove what was not given: an empty date is none."""
    parameters = spec.obj.EF.F.get(Name.Params, Dictionary())
    for key in (Name.CreationDate, Name.ModDate):
        if key in parameters and not str(parameters[key]):
            del parameters[key]
    if Name.Desc in spec.obj and not str(spec.obj.Desc):
        del spec.obj[Name.Desc]
