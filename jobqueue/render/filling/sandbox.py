"""The Jinja environment of users' templates."""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from typing_extensions import override

from jobqueue.render import codes, filters, localized, markdown
from jobqueue.render.figures import invoice_figures, statement_figures
from jobqueue.render.table_layout import table_layout
from jobqueue.render.template_files import MEDIA_TYPES, SHARED

FILTERS = filters.FILTERS | codes.FILTERS | markdown.FILTERS | localized.FILTERS

GLOBALS: dict[str, Callable[..., Any]] = {
    "invoice_figures": invoice_figures,
    "page_of": markdown.page_of,
    "statement_figures": statement_figures,
    "table_layout": table_layout,
}

MAX_BITS = 4096
"""Size of the largest power: more is no number that anybody prints, and takes minutes."""

_KEPT = ("cycler", "dict", "joiner", "namespace", "range")
"""Jinja's own globals that templates get; `lipsum` only makes text."""


class NumberTooLarge(ValueError):
    """A power that would take for ever."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with the files of one template, and powers of a sane size."""

    intercepted_binops = frozenset({"**"})

    def __init__(self, files: Mapping[str, bytes], shared: Mapping[str, str]) -> None:
        super().__init__(
            loader=FunctionLoader(partial(_load, files, shared)),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals = {name: self.globals[name] for name in _KEPT} | GLOBALS
        self.globals["asset"] = partial(_asset, files)
        self.filters |= FILTERS

    @override
    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left ** right`, when it can be."""
        whole = isinstance(left, int) and isinstance(right, int)
        if whole and left.bit_length() * max(right, 0) > MAX_BITS:
            raise NumberTooLarge("a power of this size is too large")
        return super().call_binop(context, operator, left, right)


def _load(
    files: Mapping[str, bytes], shared: Mapping[str, str], name: str
) -> tuple[str, str, Callable[[], bool]] | None:
    if name.startswith(SHARED):
        source = shared.get(name)
        return None if source is None else (source, name, _never_changes)
    content = files.get(name)
    return None if content is None else (content.decode(), name, _never_changes)


def _never_changes() -> bool:
    return True


def _asset(files: Mapping[str, bytes], name: str) -> Markup:
    """A file of the template as a data URL, for pictures and fonts."""
    content = files.get(name)
    if content is None:
        raise ValueError(f"the template has no file {name!r}")
    kind = MEDIA_TYPES.get("." + name.rpartition(".")[2].lower(), "application/octet-stream")
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode()}")  # noqa: S704
