"""The Lua scripts, and how they are put together from their parts."""

import hashlib
import re
from functools import cached_property
from importlib.resources import files

from jobqueue.broker.keys import SCHEMA_VERSION

_INCLUDE = re.compile(r"\A--!include ([a-z_ ]+)\n")
_ARGUMENT = re.compile(r"^local ([a-z_]+) = (?:tonumber\()?ARGV\[(\d+)\]", re.MULTILINE)
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
        include = _INCLUDE.match(source)
        parts = include[1].split() if include else []
        self.name = name
        self.text = "\n".join([_first_line(cluster=cluster), *map(_read, parts), source])
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
