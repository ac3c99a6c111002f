"""Pages of other PDFs over and under those of the document."""

from itertools import count

from pikepdf import Dictionary, Name, Object, Page, Pdf, Rectangle

from jobqueue.render.finishing.opening import opened
from jobqueue.render.finishing.plan import Layer
from jobqueue.render.finishing.ranges import pages_in


def add_layer(pdf: Pdf, layer: Layer) -> None:
    """Put a layer on its pages, as large as fits them; it is in the file once.

    Raises:
        CannotFinish: the layer cannot be read.
    """
    with opened(layer.path, layer.name, foreign=False) as source:
        form = pdf.copy_foreign(source.pages[0].as_form_xobject())
        pages = list(pdf.pages)  # each look-up by number would go through them all
        for number in sorted(set(pages_in(layer.pages, len(pages)))):
            _place(pages[number], form, under=layer.under)


def _place(page: Page, form: Object, *, under: bool) -> None:
    """Draw `form` on a page, as an artifact: a screen reader passes over it.

    The page's own content is wrapped, because it may end with another state of
    the graphics than it began with.
    """
    name = page.add_resource(form, Name.XObject, _free_name(page))
    placed = page.calc_form_xobject_placement(
        form, name, Rectangle(page.trimbox), invert_transformations=True
    )
    mark = b"/Artifact BMC\nq\n" + placed + b"\nQ\nEMC\n"
    page.contents_add(b"q\n", prepend=True)
    page.contents_add(b"\nQ\n")
    page.contents_add(mark, prepend=under)


def _free_name(page: Page) -> Name:
    """A name that no form of the page has: the same for the same page."""
    taken = page.resources.get(Name.XObject, Dictionary())
    return next(name for name in map(Name, map("/Layer{}".format, count(1))) if name not in taken)
