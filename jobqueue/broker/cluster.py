"""The commands of a Redis Cluster: each goes to the node that has the slot of its key.

All keys of a queue share a slot, so a script runs where its `meta` key is. A slot that is
being moved key by key is half here and half there. A command about one key may follow it; a
script must not: at the new node it would take for absent what has not arrived yet. It waits,
as in any outage, until the slot has moved.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from jobqueue.broker.address import Address, Place, parse_address
from jobqueue.broker.channel import REPLY_TIMEOUT, Channel
from jobqueue.broker.node import Endpoint, Moved, Moving, Node
from jobqueue.broker.scripts import Argument, ScriptCall
from jobqueue.broker.slots import SlotMap, key_of, slot_of
from jobqueue.broker.wire import W
from jobqueue.errors import RedisRefused, RedisUnavailable
from jobqueue.redis_url import RedisUrl

ASK_TIMEOUT = 1.0
"""Seconds for one node to tell the slots; a dead one must not keep us from asking the next."""

MAX_REDIRECTS = 5
"""Nodes that one command may be sent to: after the first, each should know better."""


class Cluster:
    """The shared connections of a process to all nodes; see `Commands`."""

    def __init__(self, url: RedisUrl, *, name: str, reply_timeout: float = REPLY_TIMEOUT) -> None:
        self._url = url
        self._name = name
        self._reply_timeout = reply_timeout
        self._nodes: dict[Endpoint, Node] = {}
        self._slots = SlotMap()
        self._is_stale = True
        self._knows_best: Endpoint | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def execute(self, *command: Argument) -> Any:
        """The reply to a command; its second word is its key, if it has one."""
        key = key_of(command)
        if key is None:
            return await self._execute_anywhere(command)
        try:
            return await self._route(slot_of(key), lambda node: node.execute(*command))
        except Moving as moving:
            if moving.endpoint is None:
                raise
            return await self._node(moving.endpoint).execute_asking(*command)

    async def call(self, call: ScriptCall) -> Any:
        """The reply to a script call."""
        here = call.in_cluster()
        return await self._route(slot_of(call.meta), lambda node: node.call(here))

    async def execute_everywhere(self, *command: Argument) -> list[Any]:
        """The replies of all masters."""
        await self._refresh_if_stale()
        return [await self._node(master).execute(*command) for master in self._slots.masters]

    async def unblock(self, waiting: Channel) -> None:
        """End what blocks on a channel of `place_of` as if its time were over."""
        place = waiting.place
        if isinstance(place, SlotPlace) and place.endpoint:
            await self._node(place.endpoint).unblock(waiting)

    def place_of(self, key: str) -> Place:
        """The node that has a key."""
        return SlotPlace(self, slot_of(key))

    def break_connection(self) -> None:
        """Drop all connections; calls in flight fail, the next calls connect again."""
        for node in self._nodes.values():
            node.break_connection()

    async def close(self) -> None:
        """Drop all connections and wait until they are gone."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
        nodes, self._nodes = self._nodes, {}
        await asyncio.gather(*(node.close() for node in nodes.values()))

    async def owner(self, slot: int) -> Endpoint:
        """The node that has a slot, asked for anew.

        Raises:
            RedisUnavailable: no node answers, or none has it.
        """
        self._is_stale = True
        return await self._owner(slot)

    @property
    def url(self) -> RedisUrl:
        """Where the cluster was found."""
        return self._url

    async def _route(self, slot: int, send: Callable[[Node], Awaitable[Any]]) -> Any:
        endpoint = await self._owner(slot)
        for _ in range(MAX_REDIRECTS):
            try:
                return await send(self._node(endpoint))
            except Moved as moved:
                endpoint = moved.endpoint
                self._take_hint(slot, endpoint)
            except Moving:
                raise
            except RedisUnavailable:
                self._is_stale = True
                raise
        raise RedisUnavailable(f"the nodes of {self._url.masked} do not agree on slot {slot}")

    async def _execute_anywhere(self, command: tuple[Argument, ...]) -> Any:
        """The reply of the first of the masters, in no order, that answers."""
        await self._refresh_if_stale()
        masters = random.sample(self._slots.masters, len(self._slots.masters))
        for master in masters[:-1]:
            try:
                return await self._node(master).execute(*command)
            except RedisUnavailable:
                self._is_stale = True
        return await self._node(masters[-1]).execute(*command)

    def _take_hint(self, slot: int, endpoint: Endpoint) -> None:
        """Believe a redirection at once, and read the whole map from that node soon."""
        self._slots.move(slot, endpoint)
        self._knows_best = endpoint
        self._is_stale = True

    async def _owner(self, slot: int) -> Endpoint:
        await self._refresh_if_stale()
        endpoint = self._slots.owner(slot)
        if endpoint is None:
            self._is_stale = True
            raise RedisUnavailable(f"no node of {self._url.masked} has slot {slot}")
        return endpoint

    def _node(self, endpoint: Endpoint) -> Node:
        node = self._nodes.get(endpoint)
        if node is None:
            address = parse_address(self._url.server(*endpoint))
            node = Node(address, name=self._name, reply_timeout=self._reply_timeout)
            self._nodes[endpoint] = node
        return node

    async def _refresh_if_stale(self) -> None:
        """Read the map anew where it must be; all callers share one try and its failure."""
        if not self._is_stale:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(), name="cluster-slots")
        await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        """Read the map of slots from any node that answers."""
        problem = "no node answers"
        for endpoint in self._candidates():
            try:
                async with asyncio.timeout(ASK_TIMEOUT):
                    ranges = await self._node(endpoint).execute("CLUSTER", "SLOTS")
            except (RedisUnavailable, RedisRefused, TimeoutError) as error:
                problem = str(error) or problem
                continue
            slots = SlotMap(ranges, told_by=endpoint)
            if slots.masters:
                self._slots, self._is_stale, self._knows_best = slots, False, None
                await self._forget_nodes()
                return
            problem = f"{endpoint[0]}:{endpoint[1]} knows no slots"
        raise RedisUnavailable(f"cannot reach the cluster {self._url.masked}: {problem}")

    def _candidates(self) -> list[Endpoint]:
        """All nodes that may tell the slots, the best first, else in no order: one may be wrong."""
        others = list(dict.fromkeys([*self._slots.masters, *self._url.hosts]))
        random.shuffle(others)
        return [self._knows_best, *others] if self._knows_best else others

    async def _forget_nodes(self) -> None:
        """Close the connections to nodes that have no slots any more."""
        gone = [endpoint for endpoint in self._nodes if endpoint not in self._slots.masters]
        for endpoint in gone:
            await self._nodes.pop(endpoint).close()


class SlotPlace:
    """The node that has a slot, whichever it is at the time of connecting.

    Attributes:
        endpoint: the node, as of the latest look.
    """

    def __init__(self, cluster: Cluster, slot: int) -> None:
        self._cluster = cluster
        self._slot = slot
        self.endpoint: Endpoint | None = None

    @property
    def masked(self) -> str:
        """The URL of the cluster without passwords, for messages."""
        return self._cluster.url.masked

    async def server(self) -> Address:
        """That node; see `Place`."""
        self.endpoint = await self._cluster.owner(self._slot)
        return parse_address(self._cluster.url.server(*self.endpoint))

    async def connect(self, make: Callable[[], W], *, name: str) -> W:
        """A connection to that node; see `Place`."""
        return await (await self.server()).connect(make, name=name)
