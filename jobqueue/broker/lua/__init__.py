"""The Lua scripts, and how they are put together from their parts."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.resources import files

from jobqueue.broker.keys import SCHEMA_VERSION

_INCLUDE = re.compile(r"\A--!include ([a-z_ ]+)\n")
_MODULE = re.compile(r"^--!module ([A-Za-z_ ]+)\n", re.MULTILINE)
_ARGUMENT = re.compile(r"^(?:local )?([a-z_]+) = (?:tonumber\()?ARGV\[(\d+)\]", re.MULTILINE)
_REST = re.compile(r"^-- ARGV\[(\d+)\.\.\]: ([a-z_, ]+)$", re.MULTILINE)


def _first_line(*, cluster: bool) -> str:
    return f"local CLUSTER, LAYOUT = {'true' if cluster else 'false'}, '{SCHEMA_VERSION}'"


class ScriptSource:
    """One script as Redis gets it, and the arguments that its text says it takes.

    Args:
        cluster: make the edition for a Redis Cluster. It differs in its first line, so neither
            edition has to ask where it runs.

    Attributes:
        parameters: names of `ARGV[1]`, `ARGV[2]` … in order.
        rest: names of the group that repeats after them; empty where nothing repeats.
    """

    def __init__(self, name: str, *, cluster: bool = False) -> None:
        source = _read(name)
        parts: list[str] = []
        for part in ("base", *_included(source)):
            _collect(part, parts)
        self.name = name
        sources = {part: _read(part) for part in parts}
        modules = {part: text for part, text in sources.items() if _MODULE.search(text)}
        eager = [text for part, text in sources.items() if part not in modules]
        self.text = _nested(
            [_first_line(cluster=cluster), eager[0]], [*eager[1:], *_library(modules)], [source]
        )
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        numbered = [(int(number), argument) for argument, number in _ARGUMENT.findall(source)]
        self.parameters = tuple(argument for _, argument in sorted(numbered))
        rest = _REST.search(source)
        self.rest = tuple(rest[2].split(", ")) if rest else ()

    @cached_property
    def in_cluster(self) -> "ScriptSource":
        """The same script for a Redis Cluster."""
        return ScriptSource(self.name, cluster=True)


def _read(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text()


def _nested(*levels: Iterable[str]) -> str:
    """Levels of a script, each inside the one before it.

    A function costs more to make the more variables lie between it and those that it uses; what
    is of an outer level is found at once.
    """
    return "\nreturn (function()\n".join(map("\n".join, levels)) + "\nend)()" * (len(levels) - 1)


def _included(source: str) -> list[str]:
    include = _INCLUDE.match(source)
    return include[1].split() if include else []


def _collect(name: str, parts: list[str]) -> None:
    """Append a part to `parts`, after those that it includes itself."""
    if name in parts:
        return
    for other in _included(_read(name)):
        _collect(other, parts)
    parts.append(name)


def _library(modules: Mapping[str, str]) -> Iterator[str]:
    """What makes each module when `part.<its name>` is first asked for."""
    if not modules:
        return
    yield "setmetatable(part, {__index = function(_, first)"
    yield "local make = {}"
    for name, text in modules.items():
        exports = _MODULE.search(text)
        names = exports[1].split() if exports else []
        table = ", ".join(f"{export} = {export}" for export in names)
        yield f"function make.{name}()\n{text}\nreturn {{{table}}}\nend"
    yield "setmetatable(part, {__index = function(made, name)"
    yield "made[name] = make[name]()\nreturn made[name]\nend})"
    yield "return part[first]\nend})"
