"""Writing the finished PDF."""

from typing import Any, Final

from pikepdf import Encryption, ObjectStreamMode, Pdf, Permissions

from jobqueue.render.finishing import archiving
from jobqueue.render.finishing.plan import Locks, Plan

_PERMISSIONS = {
    "print": "print_lowres",
    "print_high_quality": "print_highres",
    "copy": "extract",
    "modify": "modify_other",
    "annotate": "modify_annotation",
    "fill_forms": "modify_form",
    "assemble": "modify_assembly",
    "accessibility": "accessibility",
}
"""Our names of permissions, and pikepdf's."""

PERMISSIONS = tuple(_PERMISSIONS)
VERSION = "1.7"
"""What is put into a document may need: ISO 32000-1, which every reader knows."""

AES_256: Final = 6
"""Revision of the security handler: the only one of ISO 32000-2."""


def write(pdf: Pdf, plan: Plan) -> None:
    """Save the document at the plan's output."""
    pdf.save(plan.output, **_options(plan))


def _options(plan: Plan) -> dict[str, Any]:
    if plan.standard is not None:
        return archiving.save_options(plan)
    mode = ObjectStreamMode.generate if plan.compress else ObjectStreamMode.preserve
    options: dict[str, Any] = {
        "min_version": VERSION,
        "linearize": plan.linearize,
        "recompress_flate": plan.compress,
        "object_stream_mode": mode,
    }
    if plan.locks is None:
        options["deterministic_id"] = True
    else:
        options["encryption"] = _encryption(plan.locks)
    return options


def _encryption(locks: Locks) -> Encryption:
    allowed = {theirs: locks.permissions[ours] for ours, theirs in _PERMISSIONS.items()}
    return Encryption(
        user=locks.user,
        owner=locks.owner,
        R=AES_256,
        allow=Permissions(**allowed),
        aes=True,
        metadata=True,
    )
