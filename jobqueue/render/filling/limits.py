"""What one template may use, and how a process is kept to it."""

import resource
import signal
import sys
from pathlib import Path
from types import FrameType

CPU_SECONDS = 10
"""Seconds of processor time for one template: a table of 100 000 rows takes about two."""

MEMORY = 512 * 1024 * 1024
"""Bytes beyond what the empty process has: three times the largest output, with its data."""

MAX_OUTPUT = 32 * 1024 * 1024
"""Characters of HTML that a template may make, as for the shipped ones."""

_PEACEFUL_EVENTS = frozenset(
    {
        *("compile", "exec", "import", "marshal.loads", "code.__new__", "pickle.find_class"),
        *("object.__getattr__", "object.__setattr__", "object.__delattr__", "sys._getframe"),
        *("builtins.id", "array.__new__", "gc.get_objects"),
    }
)
"""Audit events of what filling a template does anyway; all others touch the world outside."""


class OutOfTime(Exception):
    """The template used up its processor time."""


def confine(readable: tuple[Path, ...]) -> None:
    """Limit this process for good: time, memory, and no files, network or programs.

    The last is a second wall behind Jinja's sandbox: an audit hook (PEP 578), which Python code
    cannot take away again.

    Args:
        readable: folders of the libraries' own tables, which are read when they are needed.
    """
    size = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS + 1, CPU_SECONDS + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _raise_out_of_time)
    # again and again, for a place where the first one was swallowed
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS, 0.25)
    prefixes = tuple(f"{folder}/" for folder in readable)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in _PEACEFUL_EVENTS or _is_reading(event, arguments, prefixes):
            return
        raise PermissionError(f"a template may not do this: {event}")

    sys.addaudithook(audit)


def end_time_limit() -> None:
    """The answer is known: what is left of the work is ours."""
    signal.setitimer(signal.ITIMER_PROF, 0)


def _raise_out_of_time(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTime


def _is_reading(event: str, arguments: tuple[object, ...], prefixes: tuple[str, ...]) -> bool:
    """Whether it only looks at a file or folder below one of `prefixes`."""
    if event == "open":
        path, mode, _ = arguments
    elif event == "os.listdir":
        path, mode = arguments[0], "r"
    else:
        return False
    inside = isinstance(path, str) and ".." not in path and f"{path}/".startswith(prefixes)
    return mode in {"r", "rb"} and inside
