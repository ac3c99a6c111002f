"""The drawing process: one Vega for many charts, because starting it takes half a second."""

import resource
import sys

import msgspec
import vl_convert

from jobqueue.render.charts.specification import DRAWN, FAILED
from jobqueue.render.filling.frames import read_frame, write_frame

MEMORY = 1024 * 1024 * 1024
"""Bytes of data that it may have; a chart of 50 000 points takes about 300 MB."""

MAX_REASON = 500

_WARM_UP = b'{"data":{"values":[{"a":1}]},"mark":"bar","encoding":{"x":{"field":"a"}}}'


def main() -> None:
    """Draw until the parent closes the pipe."""
    _draw(_WARM_UP)
    _confine()
    while (request := read_frame(sys.stdin.buffer)) is not None:
        write_frame(sys.stdout.buffer, _draw(request))


def _confine() -> None:
    """Limit this process for good."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _draw(specification: bytes) -> bytes:
    try:
        svg = vl_convert.vegalite_to_svg(msgspec.json.decode(specification), allowed_base_urls=[])
    except ValueError as error:
        return FAILED + _reason(str(error)).encode()
    return DRAWN + svg.encode()


def _reason(text: str) -> str:
    """What Vega says, without where in its own program it said it."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("at ")]
    return " ".join(lines).removeprefix("Vega-Lite to SVG conversion failed: ")[:MAX_REASON]
