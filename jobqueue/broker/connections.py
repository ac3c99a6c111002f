"""Connections to Redis. (skeleton)"""


class Connections:
    """All connections of one process."""

    @classmethod
    async def open(cls, url: str) -> "Connections":
        """Connect to `redis://`, `rediss://` or `unix://`; raises ServerUnreachable."""
        raise NotImplementedError
