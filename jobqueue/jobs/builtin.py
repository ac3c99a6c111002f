"""The job types that come with the program."""

from jobqueue.jobs.report_generation import report_generation
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.net.vetting import NOTHING_ALLOWED, Vetting
from jobqueue.registry import Registry
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.storage.base import Storage


def add_builtin_types(
    registry: Registry,
    *,
    templates: Templates,
    renderer: RenderPool | None = None,
    storage: Storage | None = None,
    shelf: TemplateShelf | None = None,
    vetting: Vetting = NOTHING_ALLOWED,
) -> None:
    """Enter the built-in job types.

    Args:
        registry: the table to enter them in.
        templates: those that reports can use.
        renderer: prints documents; None where this process renders none.
        storage: takes documents; None likewise.
        shelf: users' templates, and what fills them; None: reports can have the shipped ones only.
        vetting: the hosts that documents may load from.
    """
    registry.add(report_generation(templates, renderer, storage, shelf, vetting))
