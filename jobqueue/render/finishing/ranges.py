"""Page ranges such as `1-3, 5, 8-`, which the options have checked."""

from collections.abc import Iterator


def pages_in(ranges: str | None, count: int) -> Iterator[int]:
    """The pages, counted from 0, that `ranges` names of `count`: in its order, each time named.

    What lies behind the last page is left out.
    """
    for part in (ranges or "1-").split(","):
        first, dash, last = (text.strip() for text in part.strip().partition("-"))
        start = int(first or 1)
        end = int(last or count) if dash else start
        yield from range(start - 1, min(end, count))
