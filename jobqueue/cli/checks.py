"""What `check` looks at: each part is used for real, and what is wrong comes with its fix."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable

from jobqueue.app.opening import EMBEDDED, open_broker
from jobqueue.broker.broker import Broker, ServerInfo
from jobqueue.cli import show
from jobqueue.cli.findings import Finding, warning
from jobqueue.errors import JobqueueError
from jobqueue.redis_url import Topology, mask
from jobqueue.render.chromium import find_chromium
from jobqueue.render.pool import RenderPool
from jobqueue.settings import Settings
from jobqueue.storage.factory import make_storage

REAPER_SILENCE = 10.0
"""Seconds without a pass, of which there is one a second, after which nobody reaps."""

FONTS = {
    "Chinese, Japanese and Korean": ("ja", "fonts-noto-cjk"),
    "Arabic": ("ar", "fonts-noto-core"),
    "Hebrew": ("he", "fonts-noto-core"),
    "Hindi": ("hi", "fonts-noto-core"),
    "Thai": ("th", "fonts-noto-core"),
    "emoji": ("und-zsye", "fonts-noto-color-emoji"),
}
"""Scripts, by a language (as fontconfig calls it) and Debian's package of fonts for it."""


async def check_redis(settings: Settings) -> list[Finding]:
    """Connect to Redis and read how it is set up."""
    try:
        async with open_broker(settings) as broker:
            servers = await broker.servers()
            return [
                _server(servers, broker.topology, settings),
                _eviction(servers, settings),
                _persistence(servers),
                await _reaper(broker),
            ]
    except JobqueueError as error:
        fix = None if settings.redis.url == EMBEDDED else "start it there, or set redis.url"
        return [Finding("redis", ok=False, detail=str(error), fix=fix)]


def _server(servers: list[ServerInfo], topology: Topology, settings: Settings) -> Finding:
    url = settings.redis.url
    where = f"embedded in {settings.data_dir}" if url == EMBEDDED else mask(url)
    for server in servers:
        problem = server.topology_problem(topology) or server.age_problem(topology)
        if problem:
            required = not settings.redis.allow_unsafe
            return Finding("redis", ok=False, detail=f"{where}: {problem}", required=required)
    count = f", {len(servers)} masters" if topology == "cluster" else ""
    return Finding("redis", ok=True, detail=f"{servers[0].name}, {where}{count}")


def _eviction(servers: list[ServerInfo], settings: Settings) -> Finding:
    problem = next(filter(None, (server.eviction_problem() for server in servers)), None)
    if problem is None:
        detail = "noeviction: a full Redis refuses, loses nothing"
        return Finding("eviction", ok=True, detail=detail)
    return Finding(
        "eviction",
        ok=False,
        detail=problem,
        required=not settings.redis.allow_unsafe,
        fix="redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf",
    )


def _persistence(servers: list[ServerInfo]) -> Finding:
    if all(server.appendonly for server in servers):
        return Finding("persistence", ok=True, detail="append-only file: jobs survive a restart")
    fix = "redis-cli CONFIG SET appendonly yes, and in redis.conf"
    if any(server.is_forgetful for server in servers):
        what = "neither append-only file nor snapshots: a restart of Redis loses all jobs"
        return warning("persistence", what, fix)
    what = "no append-only file: a restart of Redis loses the jobs since its last snapshot"
    return warning("persistence", what, fix)


async def _reaper(broker: Broker) -> Finding:
    """Whether every queue is passed over; without queues there is nothing to reap."""
    ages = {queue: await broker.reaper_beat_age(queue) for queue in await broker.queues()}
    silent = [queue for queue, age in ages.items() if age is None or age > REAPER_SILENCE]
    if silent:
        return warning(
            "reaper",
            f"none looks after {', '.join(silent)}: jobs of killed workers stay there",
            "jobqueue serve --role reaper (or all roles)",
        )
    return Finding("reaper", ok=True, detail="beats" if ages else "no queue needs one yet")


async def check_storage(settings: Settings) -> list[Finding]:
    """Write, read and delete an object."""
    try:
        storage = make_storage(settings.storage, settings.data_dir)
        await storage.start()
        try:
            await storage.check()
        finally:
            await storage.close()
    except JobqueueError as error:
        return [Finding("storage", ok=False, detail=str(error))]
    default = settings.storage.url == "file:"
    where = settings.data_dir / "storage" if default else settings.storage.url
    return [Finding("storage", ok=True, detail=f"documents are written and read in {where}")]


async def check_chromium(settings: Settings) -> list[Finding]:
    """Start Chromium and print a page."""
    pool = RenderPool(settings.render.model_copy(update={"slots": 1}), settings.limits)
    begin = time.monotonic()
    try:
        await pool.start()
    except JobqueueError as error:
        return [Finding("chromium", ok=False, detail=str(error))]
    took = show.duration(time.monotonic() - begin)
    await pool.close()
    what = f"{pool.version}, {find_chromium(settings.render)}, printed a page after {took}"
    return [Finding("chromium", ok=True, detail=what), _sandbox(pool), _memory(pool)]


def _sandbox(pool: RenderPool) -> Finding:
    if pool.sandboxed:
        return Finding("sandbox", ok=True, detail=pool.isolation.describe())
    return warning(
        "sandbox",
        pool.isolation.describe(),
        "run as an ordinary user, or as root with setpriv (util-linux);"
        " in a container see config/container/seccomp.json",
    )


def _memory(pool: RenderPool) -> Finding:
    return Finding("memory", ok=True, detail=f"Chromium is held {pool.holds_memory_by}")


async def check_fonts(_settings: Settings) -> list[Finding]:
    """Ask fontconfig for the families of scripts that documents often need."""
    tool = shutil.which("fc-list")
    if tool is None:
        return []
    families = set(await _lines(tool, ":", "family"))
    missing = {
        script: package
        for script, (language, package) in FONTS.items()
        if not await _lines(tool, f":lang={language}")
    }
    if missing:
        what = f"none for {', '.join(missing)}: documents would show boxes"
        return [
            warning("fonts", what, f"apt-get install {' '.join(dict.fromkeys(missing.values()))}")
        ]
    return [Finding("fonts", ok=True, detail=f"{len(families)} families")]


async def _lines(*command: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode(errors="replace").splitlines()


CHECKS: dict[str, tuple[Callable[[Settings], Awaitable[list[Finding]]], ...]] = {
    "api": (check_redis, check_storage),
    "worker": (check_redis, check_chromium, check_fonts, check_storage),
    "reaper": (check_redis, check_storage),
}
"""What each role uses."""
