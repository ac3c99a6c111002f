"""What callers may do with Redis, whether one server answers or a cluster."""

from typing import TYPE_CHECKING, Any, Protocol

from jobqueue.broker.scripts import Argument, ScriptCall

if TYPE_CHECKING:
    from jobqueue.broker.address import Place
    from jobqueue.broker.channel import Channel


class Commands(Protocol):
    """Runs commands for all callers of a process; never blocks in Redis.

    `execute` and `call` raise:
        RedisUnavailable: no answer; whether the command ran is unknown.
        RedisFull: the server is out of memory, and the command changed nothing.
        RedisRefused: the server refused the command.
    """

    async def execute(self, *command: Argument) -> Any:
        """The reply to a command; its second word is its key, if it has one."""

    async def call(self, call: ScriptCall) -> Any:
        """The reply to a script call."""

    async def execute_everywhere(self, *command: Argument) -> list[Any]:
        """The replies of all servers that take writes."""

    async def unblock(self, waiting: "Channel") -> None:
        """End what blocks on another channel as if its time were over."""

    def place_of(self, key: str) -> "Place":
        """Where a key is, for connections of one's own."""

    def break_connection(self) -> None:
        """Drop the connections; calls in flight fail, the next call connects again."""

    async def close(self) -> None:
        """Drop the connections and wait until they are gone."""
