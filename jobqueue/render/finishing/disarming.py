"""Removing from a PDF what runs, starts or sends something; links stay."""

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream
from pikepdf.sanitize import remove_javascript

_DANGEROUS = frozenset({"/Launch", "/SubmitForm", "/ImportData", "/JavaScript"})
_DEEPEST = 50
"""Dictionaries in dictionaries that are looked into: an action is at most a few deep."""


def disarm(pdf: Pdf) -> None:
    """Remove scripts, and actions that start programs or send forms (ISO 32000-1, 12.6.4)."""
    remove_javascript(pdf)
    for each in pdf.objects:
        _disarm(each, _DEEPEST)


def _disarm(owner: Object, depth: int) -> None:
    """Remove such actions from an object and what is written inside of it."""
    if depth == 0:
        return
    if isinstance(owner, Array):
        for index in range(len(owner)):
            _disarm_direct(owner[index], depth)
    elif isinstance(owner, (Dictionary, Stream)):
        for key in list(owner.keys()):
            value = owner[key]
            if _is_dangerous(value):
                del owner[key]
            else:
                _disarm_direct(value, depth)


def _disarm_direct(value: object, depth: int) -> None:
    """Go into what is part of its owner: what has a number of its own gets its own turn."""
    if isinstance(value, (Array, Dictionary)) and not value.is_indirect:
        _disarm(value, depth - 1)


def _is_dangerous(value: object) -> bool:
    if not isinstance(value, Dictionary):
        return False
    kind = value.get(Name.S)
    return isinstance(kind, Name) and str(kind) in _DANGEROUS
