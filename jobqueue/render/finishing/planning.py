"""From the options of a document to the plan of its finishing."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from jobqueue.render.finishing.finisher import MEMORY
from jobqueue.render.finishing.plan import (
    About,
    AttachedFile,
    Invoice,
    Layer,
    Locks,
    Piece,
    Plan,
)
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.finish import invoice_name
from jobqueue.render.options.finish_values import Encryption, Metadata

_LEVELS = {
    "minimum": "MINIMUM",
    "basic_wl": "BASIC WL",
    "basic": "BASIC",
    "en16931": "EN 16931",
    "extended": "EXTENDED",
    "xrechnung": "XRECHNUNG",
}
"""The names of profiles as Factur-X writes them."""

_NO_FULL_INVOICE = frozenset({"minimum", "basic_wl"})


def make_plan(
    options: RenderOptions,
    pieces: Sequence[Piece],
    layers: Sequence[Layer],
    files: Sequence[AttachedFile],
    *,
    output: Path,
    seconds: float,
    largest: int,
    epoch: int | None,
) -> Plan:
    """The plan of a document whose files are all there.

    Args:
        options: those of the document.
        pieces: what it is made from.
        layers: what is over and under its pages.
        files: its attachments, the invoice among them.
        output: where it is to be written.
        seconds: that there are for it.
        largest: bytes that it may have.
        epoch: Unix time of reproducible documents that name none.
    """
    return Plan(
        pieces=list(pieces),
        layers=list(layers),
        files=list(files),
        output=str(output),
        created=_created(options, epoch),
        seconds=max(1, int(seconds) + 1),
        memory=MEMORY,
        largest=largest,
        about=None if options.metadata is None else _about(options.metadata),
        standard=options.standard,
        invoice=_invoice(options),
        locks=None if options.encryption is None else _locks(options.encryption),
        compress=options.compress,
        linearize=options.linearize,
        reproducible=options.reproducible,
    )


def invoice_file(options: RenderOptions, path: Path) -> AttachedFile | None:
    """The invoice as an attachment, to be found at `path`; None when there is none."""
    invoice = options.factur_x
    if invoice is None:
        return None
    usual = "Data" if invoice.kind in _NO_FULL_INVOICE else "Alternative"
    return AttachedFile(
        name=invoice_name(invoice),
        content_type="text/xml",
        path=str(path),
        description="Invoice for machines (Factur-X)",
        relationship=invoice.relationship or usual,
    )


def _created(options: RenderOptions, epoch: int | None) -> float | None:
    if options.created is not None:
        return options.created.timestamp()
    return epoch if options.reproducible else time.time()


def _about(metadata: Metadata) -> About:
    return About(**{name: getattr(metadata, name) for name in About.__struct_fields__})


def _invoice(options: RenderOptions) -> Invoice | None:
    if options.factur_x is None:
        return None
    return Invoice(invoice_name(options.factur_x), _LEVELS[options.factur_x.kind])


def _locks(encryption: Encryption) -> Locks:
    user, owner = encryption.user_password, encryption.owner_password
    return Locks(
        user="" if user is None else user.get_secret_value(),
        owner=secrets.token_urlsafe(32) if owner is None else owner.get_secret_value(),
        permissions=encryption.permissions.model_dump(by_alias=True),
    )
