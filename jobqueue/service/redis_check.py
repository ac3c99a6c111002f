"""Whether the Redis of a service can be trusted with jobs: looked at once, at the start."""

import structlog

from jobqueue.broker.broker import Broker
from jobqueue.broker.server_info import ServerInfo
from jobqueue.errors import RedisRefused, RedisUnavailable, ServerUnreachable, SettingsError
from jobqueue.redis_url import Topology, mask
from jobqueue.settings import RedisSettings

_log = structlog.get_logger(__name__)


async def check_redis(broker: Broker, settings: RedisSettings) -> None:
    """Refuse a server that would lose jobs by design; warn of one that forgets.

    Raises:
        SettingsError: it is too old, or drops keys when it is full, and
            `redis.allow_unsafe` is not set.
        ServerUnreachable: it does not answer any more.
    """
    try:
        servers = await broker.servers()
    except RedisUnavailable as error:
        raise ServerUnreachable(str(error)) from error
    except RedisRefused as error:  # its user may not ask
        _log.warning("redis_not_checked", error=str(error))
        return
    for server in servers:
        problem = _problem(server, broker.topology)
        if problem and not settings.allow_unsafe:
            raise SettingsError(
                f"redis.url: {mask(settings.url)} (port {server.port}): {problem}; "
                "redis.allow_unsafe = true starts all the same"
            )
        if problem:
            _log.warning("redis_is_unsafe", port=server.port, problem=problem)
        if server.is_forgetful:
            _log.warning(
                "redis_is_not_persistent",
                port=server.port,
                consequence="a restart of Redis loses all jobs",
                fix="set appendonly yes in redis.conf",
            )


def _problem(server: ServerInfo, topology: Topology) -> str | None:
    return (
        server.topology_problem(topology)
        or server.age_problem(topology)
        or (
            f"{eviction}; set maxmemory-policy noeviction"
            if (eviction := server.eviction_problem())
            else None
        )
    )
