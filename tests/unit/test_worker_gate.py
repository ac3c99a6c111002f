"""Who may start."""

import asyncio

from jobqueue.worker.gate import Gate


async def test_waiting_until_few_are_left() -> None:
    """Who waits for others to end goes on when exactly so many are left."""
    gate = Gate()
    for _ in range(3):
        gate.enter()
    order: list[int] = []

    async def wait_for(count: int) -> None:
        await gate.down_to(count)
        order.append(count)

    async with asyncio.TaskGroup() as group:
        for count in (3, 1, 0):
            group.create_task(wait_for(count))
        await asyncio.sleep(0)
        assert order == [3]
        gate.leave()
        gate.leave()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == [3, 1]
        gate.leave()
    assert order == [3, 1, 0]


async def test_opening_tells_all() -> None:
    """Every pool hears when the gate opens again."""
    gate = Gate()
    seen: list[tuple[str, bool]] = []
    gate.when_opened(lambda: seen.append(("one", gate.closed)))
    gate.when_opened(lambda: seen.append(("two", gate.closed)))
    gate.close()
    assert (gate.closed, seen) == (True, [])
    gate.open()
    assert seen == [("one", False), ("two", False)]
