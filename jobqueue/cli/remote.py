"""Verbs that talk to a service: its address and token, and a client for the time of a verb."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from jobqueue.client import DEFAULT_URL, Client

T = TypeVar("T")


@dataclass(frozen=True)
class Remote:
    """The service that a verb talks to."""

    url: str
    token: str | None

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Run `work` with a client of the service to its end."""

        async def session() -> T:
            async with Client(self.url, self.token) as client:
                return await work(client)

        return asyncio.run(session())


def remote_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """`--url` and `--token`, which reach the verb as its argument `remote`."""

    @click.option(
        "--url",
        envvar="JOBQUEUE_URL",
        default=DEFAULT_URL,
        show_default=True,
        help="Address of the service (JOBQUEUE_URL).",
    )
    @click.option(
        "--token",
        envvar="JOBQUEUE_TOKEN",
        help="Its token; better in JOBQUEUE_TOKEN, since arguments can be seen by others.",
    )
    @functools.wraps(verb)
    def with_remote(url: str, token: str | None, **arguments: Any) -> Any:
        return verb(remote=Remote(url, token), **arguments)

    return with_remote
