"""The options of a report: a file for each group of them, and the whole."""

from jobqueue.render.options.whole import RenderOptions

__all__ = ["RenderOptions"]
