"""The words that a field takes, for who gave another."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect


def choices(kind: Any, path: Sequence[str]) -> list[str]:
    """The words that are taken at a place of a value; none where it takes no fixed ones.

    Args:
        kind: the type of the value.
        path: the way to the place, as names of fields and indexes.
    """
    return [*_choices(inspect.type_info(kind), path)]


def _choices(kind: inspect.Type, path: Sequence[str]) -> Iterator[str]:
    match kind:
        case inspect.EnumType() if not path:
            yield from (str(each.value) for each in kind.cls)
        case inspect.LiteralType() if not path:
            yield from map(str, kind.values)
        case _:
            for inner, rest in _inside(kind, path):
                yield from _choices(inner, rest)


def _inside(
    kind: inspect.Type, path: Sequence[str]
) -> Iterator[tuple[inspect.Type, Sequence[str]]]:
    """The types to go on with, each with the way that is left."""
    match kind:
        case inspect.UnionType():
            yield from ((each, path) for each in kind.types)
        case inspect.VarTupleType() if path:
            yield kind.item_type, path[1:]
        case inspect.StructType() if path:
            found = (field.type for field in kind.fields if field.encode_name == path[0])
            yield from ((each, path[1:]) for each in found)
