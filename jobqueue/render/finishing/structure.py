"""The structure of merged PDFs, for screen readers.

ISO 32000-1, 14.7: pages and annotations name by `/StructParents` and `/StructParent` a key of
the number tree `/ParentTree`, where the elements are that describe their content. The keys of
a piece are moved behind those of the pieces before it, and its elements go below a common root.
"""

from collections.abc import Iterable

from pikepdf import Array, Dictionary, Name, NumberTree, Object, Page, Pdf

from jobqueue.render.finishing.identifiers import renumber, write_names


class StructureMerge:
    """Takes over the structure of one piece after another.

    Args:
        whole: the document that the pieces are added to.
    """

    def __init__(self, whole: Pdf) -> None:
        self._whole = whole
        self._elements = Array()
        self._parents: dict[int, Object] = {}
        self._names: dict[str, Object] = {}
        self._roles = Dictionary()
        self._complete = True

    def add(self, source: Pdf, copies: Iterable[Page]) -> None:
        """Take over the structure of a source whose pages are copied.

        Args:
            source: the piece.
            copies: its pages in the document.
        """
        root = source.Root.get(Name.StructTreeRoot)
        if not isinstance(root, Dictionary) or Name.ParentTree not in root:
            self._complete = False
            _forget_keys(copies)
            return
        shift = max(self._parents, default=-1) + 1
        copy = self._whole.copy_foreign(source.make_indirect(root))
        self._names |= renumber(copy, len(self._names))
        for key, parent in NumberTree(copy.ParentTree).items():
            self._parents[int(key) + shift] = parent
        for page in copies:
            _shift_keys(page, shift)
        kids = copy.get(Name.K)
        for kid in kids if isinstance(kids, Array) else [kids]:
            if isinstance(kid, Dictionary):
                self._elements.append(self._whole.make_indirect(kid))
        for role, standard in copy.get(Name.RoleMap, Dictionary()).items():
            self._roles[Name(role)] = standard

    def finish(self) -> None:
        """Write the common root; a document of which a piece has no structure is not tagged."""
        if not len(self._elements):
            return
        root = self._whole.make_indirect(Dictionary(Type=Name.StructTreeRoot))
        document = self._whole.make_indirect(
            Dictionary(Type=Name.StructElem, S=Name.Document, P=root, K=self._elements)
        )
        for element in self._elements:
            element.P = document
        root.K = document
        tree = NumberTree.new(self._whole)
        for key, parent in self._parents.items():
            tree[key] = parent
        root.ParentTree = tree.obj
        root.ParentTreeNextKey = max(self._parents, default=-1) + 1
        write_names(self._whole, root, self._names)
        if len(self._roles):
            root.RoleMap = self._roles
        self._whole.Root.StructTreeRoot = root
        self._whole.Root.MarkInfo = Dictionary(Marked=self._complete)


def _annotations(page: Page) -> Iterable[Object]:
    annotations = page.obj.get(Name.Annots)
    if isinstance(annotations, Array):
        yield from (each for each in annotations if isinstance(each, Dictionary))


def _shift_keys(page: Page, shift: int) -> None:
    if Name.StructParents in page.obj:
        page.obj.StructParents = int(page.obj.StructParents) + shift
    for annotation in _annotations(page):
        if Name.StructParent in annotation:
            annotation.StructParent = int(annotation.StructParent) + shift


def _forget_keys(copies: Iterable[Page]) -> None:
    for page in copies:
        if Name.StructParents in page.obj:
            del page.obj[Name.StructParents]
        for annotation in _annotations(page):
            if Name.StructParent in annotation:
                del annotation[Name.StructParent]
