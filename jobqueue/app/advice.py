"""What may stand at a place in a request, for errors that otherwise say only what may not."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect


def advice(kind: Any, path: Iterable[str]) -> str | None:
    """What is taken at a place, e.g. `must be one of fixed, linear`; None: nobody said.

    Args:
        kind: the type of the whole value.
        path: names of fields and indexes of items, from the outside in.
    """
    nodes = [*_alternatives(inspect.type_info(kind))]
    for part in path:
        nodes = [found for node in nodes for inner in _inside(node, part) for found in inner]
    for node in nodes:
        if isinstance(node, inspect.Metadata) and node.extra_json_schema:
            return str(node.extra_json_schema["description"])
    words = [str(word) for node in nodes for word in _words(node)]
    return f"must be one of {', '.join(words)}" if words else None


def _alternatives(node: inspect.Type) -> Iterator[inspect.Type]:
    """What a value of a type may be: that, what is annotated, and each part of a union."""
    yield node
    if isinstance(node, inspect.Metadata):
        yield from _alternatives(node.type)
    elif isinstance(node, inspect.UnionType):
        for each in node.types:
            yield from _alternatives(each)


def _inside(node: inspect.Type, part: str) -> Iterator[Iterator[inspect.Type]]:
    if isinstance(node, inspect.StructType):
        for field in node.fields:
            if field.encode_name == part:
                yield _alternatives(field.type)
    elif isinstance(node, inspect.CollectionType):
        yield _alternatives(node.item_type)


def _words(node: inspect.Type) -> Iterable[object]:
    if isinstance(node, inspect.EnumType):
        return [member.value for member in node.cls]
    return node.values if isinstance(node, inspect.LiteralType) else ()
