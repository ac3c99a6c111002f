"""The options of a report: a file for each group of them, and the whole."""

from jobqueue.render.options.output import CONTENT_TYPES
from jobqueue.render.options.whole import RenderOptions

__all__ = ["CONTENT_TYPES", "RenderOptions"]
