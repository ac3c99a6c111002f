"""What a document is made of, beside what is seen: as JSON that people can read."""

import io
import re
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

DATES = {"CreationDate", "ModDate"}
UNSTABLE = {"Producer", "producer", "Creator"}
"""They name the version of Chromium."""

COUNTED = re.compile(r"H[1-6]|Table|TR|TH|TD|L|LI|Figure|Link")
"""Elements of the structure that a document has because its HTML has them."""

POINTS = 72 / 25.4
"""Points in a millimetre."""


def structure(document: bytes, *, dated: bool) -> dict[str, Any]:
    """What is told about a document.

    Args:
        document: a PDF.
        dated: whether it tells a time that was asked for.
    """
    hidden = UNSTABLE if dated else UNSTABLE | DATES
    with pikepdf.open(io.BytesIO(document)) as pdf:
        fonts = list(_fonts(pdf))
        return {
            "pages": [_paper(page) for page in pdf.pages],
            "language": str(pdf.Root.get("/Lang", "")),
            "info": {
                key.strip("/"): str(value)
                for key, value in sorted(pdf.docinfo.items())
                if key.strip("/") not in hidden
            },
            "xmp": _xmp(pdf),
            "outline": list(_outline(pdf)),
            "links": list(_links(pdf)),
            "elements": _elements(pdf),
            "fonts": sorted({name for name, _ in fonts}),
            "not_embedded": sorted({name for name, embedded in fonts if not embedded}),
            "attachments": [_attachment(name, pdf) for name in sorted(pdf.attachments)],
        }


def font_revisions(document: bytes) -> dict[str, float]:
    """The revisions of the embedded TrueType fonts by their names."""
    with pikepdf.open(io.BytesIO(document)) as pdf:
        found = {}
        for each in pdf.objects:
            if isinstance(each, Dictionary) and "/FontFile2" in each:
                name = _without_prefix(str(each.FontName))
                found[name] = _revision(each.FontFile2.read_bytes())
        return dict(sorted(found.items()))


def _revision(font: bytes) -> float:
    """`head.fontRevision` (OpenType 1.9, table `head`)."""
    (tables,) = struct.unpack_from(">H", font, 4)
    for at in range(12, 12 + 16 * tables, 16):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, at)
        if tag == b"head":
            (fixed,) = struct.unpack_from(">i", font, offset + 4)
            return float(round(fixed / 65536, 3))
    return 0.0


def _paper(page: pikepdf.Page) -> str:
    left, bottom, right, top = (float(each) for each in page.mediabox)
    return f"{(right - left) / POINTS:.0f} x {(top - bottom) / POINTS:.0f} mm"


def _xmp(pdf: pikepdf.Pdf) -> dict[str, Any]:
    if "/Metadata" not in pdf.Root:
        return {}
    with pdf.open_metadata(update_docinfo=False) as xmp:
        pairs = {re.sub(r"\{.*[/#:](\w*)[/#]?\}", r"\1:", key): xmp[key] for key in xmp}
    told = {
        key: sorted(value) if isinstance(value, set) else value
        for key, value in pairs.items()
        if not key.endswith(("Date", "Producer", "CreatorTool", "schemas"))
    }
    return dict(sorted(told.items()))


def _outline(pdf: pikepdf.Pdf) -> Iterator[dict[str, Any]]:
    with pdf.open_outline() as outline:
        yield from (_bookmark(pdf, each) for each in outline.root)


def _bookmark(pdf: pikepdf.Pdf, item: pikepdf.OutlineItem) -> dict[str, Any]:
    entry: dict[str, Any] = {"title": item.title, "page": _page_of(pdf, item.destination)}
    if item.children:
        entry["below"] = [_bookmark(pdf, each) for each in item.children]
    return entry


def _page_of(pdf: pikepdf.Pdf, target: Any) -> int | None:
    """The number of the page that a destination, by name or not, leads to."""
    if isinstance(target, Name):
        target = pdf.Root.Dests[str(target)]
    elif isinstance(target, pikepdf.String):
        target = pikepdf.NameTree(pdf.Root.Names.Dests)[str(target)]
    if isinstance(target, Dictionary):
        target = target.D
    return None if target is None else pikepdf.Page(target[0]).index + 1


def _links(pdf: pikepdf.Pdf) -> Iterator[str]:
    for number, page in enumerate(pdf.pages, 1):
        for note in page.obj.get("/Annots", []):
            if "/Dest" in note:
                yield f"page {number} to page {_page_of(pdf, note.Dest)}"
            elif "/A" in note and "/URI" in note.A:
                yield f"page {number} to {note.A.URI}"


def _elements(pdf: pikepdf.Pdf) -> dict[str, int]:
    if "/StructTreeRoot" not in pdf.Root:
        return {}
    kinds = Counter(
        str(each.S).strip("/")
        for each in pdf.objects
        if isinstance(each, Dictionary) and "/S" in each and "/P" in each
    )
    return {kind: count for kind, count in sorted(kinds.items()) if COUNTED.fullmatch(kind)}


def _fonts(pdf: pikepdf.Pdf) -> Iterator[tuple[str, bool]]:
    """Each font's name without the mark of a subset, and whether the file has it."""
    for each in pdf.objects:
        if not isinstance(each, Dictionary) or each.get("/Type") != Name.Font:
            continue
        if each.Subtype == Name.Type3:
            yield "(drawn glyph by glyph)", True
        elif each.Subtype == Name.Type0:
            (inner,) = each.DescendantFonts
            files = {"/FontFile", "/FontFile2", "/FontFile3"} & set(inner.FontDescriptor.keys())
            yield _without_prefix(str(each.BaseFont)), bool(files)
        elif "/FontDescriptor" not in each:
            yield str(each.BaseFont), False


def _without_prefix(name: str) -> str:
    return re.sub(r"^/?([A-Z]{6}\+)?", "", name)


def _attachment(name: str, pdf: pikepdf.Pdf) -> dict[str, Any]:
    spec = pdf.attachments[name]
    return {
        "name": name,
        "type": spec.get_file().mime_type,
        "relationship": str(spec.relationship),
        "bytes": len(spec.get_file().read_bytes()),
    }
