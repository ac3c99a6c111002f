"""The names of structure elements, by which cells of a table say what their headers are.

Chromium takes the numbers of nodes for them: they differ between two prints of a document,
and two documents may have the same. ISO 32000-1, 14.7.2 (`/ID`, `/IDTree`), 14.8.5.7 (`/Headers`).
"""

from collections.abc import Iterator

from pikepdf import Array, Dictionary, Name, NameTree, Object, Pdf, String


def renumber(root: Object, start: int = 0) -> dict[str, Object]:
    """Give the elements below `root` names that only their document decides.

    Args:
        root: of the structure.
        start: the first number.

    Returns:
        The elements that have a name, by their new names; the tree of names is removed.
    """
    tree = root.get(Name.IDTree)
    if not isinstance(tree, Dictionary):
        return {}
    elements = dict(NameTree(tree).items())
    new = {old: f"node{number:08d}" for number, old in enumerate(sorted(elements), start)}
    del root[Name.IDTree]
    for old, element in elements.items():
        if isinstance(element, Dictionary):
            element.ID = String(new[old])
    for headers in _headers(root):
        for index in range(len(headers)):
            old = str(headers[index])
            headers[index] = String(new.get(old, old))
    return {new[old]: element for old, element in elements.items()}


def write_names(pdf: Pdf, root: Object, names: dict[str, Object]) -> None:
    """Write the tree of names that `renumber` gave; a reader finds elements by it."""
    if not names:
        return
    tree = NameTree.new(pdf)
    for name, element in names.items():
        tree[name] = element
    root.IDTree = tree.obj


def renumber_all(pdf: Pdf) -> None:
    """Renumber the structure of a document, if it has one."""
    root = pdf.Root.get(Name.StructTreeRoot)
    if isinstance(root, Dictionary):
        write_names(pdf, root, renumber(root))


def _headers(root: Object) -> Iterator[Array]:
    """The lists of headers that elements below `root` have."""
    waiting, seen = [root], set()
    while waiting:
        element = waiting.pop()
        if isinstance(element, Array):
            waiting.extend(element[index] for index in range(len(element)))
        elif isinstance(element, Dictionary) and element.objgen not in seen:
            if element.is_indirect:
                seen.add(element.objgen)
            yield from _headers_of(element.get(Name.A))
            if Name.K in element:
                waiting.append(element.K)


def _headers_of(attributes: Object | None) -> Iterator[Array]:
    for each in attributes if isinstance(attributes, Array) else [attributes]:
        headers = each.get(Name.Headers) if isinstance(each, Dictionary) else None
        if isinstance(headers, Array):
            yield headers
