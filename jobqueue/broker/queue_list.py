"""The list of queues: what the reaper passes over, and what listings cover."""

from jobqueue.broker.commands import Commands


async def enter(commands: Commands, queues: str, queue: str) -> None:
    """Enter a queue into the list at `queues`. Looks first, as a full Redis takes no SADD."""
    if not await commands.execute("SISMEMBER", queues, queue):
        await commands.execute("SADD", queues, queue)
