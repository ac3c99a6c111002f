"""How fast the queue is, beside the limits of redis-py in the same run.

python -m tests.benchmarks.queue [--rounds 5] [--json]

Jobs are no-ops with a 200-byte payload; Redis keeps nothing on disk. Ours and the raw limit
take turns, so that a slow moment of the machine meets both; read the ratios.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import uvloop
from rich.console import Console
from rich.table import Table

from jobqueue.app.opening import open_broker
from jobqueue.broker.broker import Broker
from jobqueue.ids import new_job_id
from jobqueue.submission import NewJob
from tests.benchmarks import _raw
from tests.benchmarks._figures import percentile
from tests.benchmarks._jobs import BULK, PAYLOAD, PREFIX, new_jobs, settings_for
from tests.benchmarks._server import calls_received, commands_run, fresh_redis
from tests.support.redis import RedisClient
from tests.support.wait import eventually

SINGLE_JOBS = 3_000
BULK_JOBS = 100_000
PROCESS_JOBS = {1: 3_000, 10: 20_000, 100: 60_000}
LATENCY_JOBS = 300
LATENCY_GAP = (0.01, 0.03)
"""Seconds between two submits of the latency case: about 50 a second, jittered."""


class Figure(NamedTuple):
    """One line of the report: ours and raw, a value a round."""

    name: str
    unit: str
    ours: list[float]
    raw: list[float]

    @property
    def ratio(self) -> float:
        """Median of the pairwise ratios."""
        return statistics.median(a / b for a, b in zip(self.ours, self.raw, strict=True))


@contextmanager
def worker(url: str, slots: int, output: Path | None = None) -> Iterator[None]:
    """A worker process, while it is needed; `output`: where it writes how late paced jobs were."""
    command = [sys.executable, "-m", "tests.benchmarks.peers.ours", "work", url, str(slots)]
    with tempfile.TemporaryFile() as log, Path(output or os.devnull).open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


async def enqueue_bulk(broker: Broker, count: int) -> float:
    """Jobs a second, given in one call of 500 after the other."""
    jobs = new_jobs(count)
    start = time.perf_counter()
    for first in range(0, count, BULK):
        await broker.enqueue_many(jobs[first : first + BULK])
    return count / (time.perf_counter() - start)


async def enqueue_single(broker: Broker, count: int) -> float:
    """Jobs a second, each awaited before the next."""
    start = time.perf_counter()
    for job in new_jobs(count):
        await broker.enqueue(job)
    return count / (time.perf_counter() - start)


async def enqueue_concurrent(broker: Broker, count: int) -> float:
    """Jobs a second from 100 callers who each await their own."""

    async def caller(jobs: list[NewJob]) -> None:
        for job in jobs:
            await broker.enqueue(job)

    jobs = new_jobs(count)
    start = time.perf_counter()
    await asyncio.gather(*(caller(jobs[first::100]) for first in range(100)))
    return count / (time.perf_counter() - start)


def process(url: str, client: RedisClient, slots: int, count: int) -> float:
    """Jobs a second: from the first claim until the last is completed, as Redis sees it."""
    with worker(url, slots):
        while int(client.hget(f"{PREFIX}meta", "queued")) >= count:
            time.sleep(0.0005)
        start = time.perf_counter()
        while client.zcard(f"{PREFIX}completed") < count:
            time.sleep(0.002)
        return count / (time.perf_counter() - start)


async def latency(url: str, folder: Path) -> list[float]:
    """Seconds from the submit to the start of the handler of an idle worker in a process."""
    output = folder / "latencies"
    with worker(url, 10, output):
        async with open_broker(settings_for(url)) as broker:
            await eventually(broker.workers)
            for _ in range(LATENCY_JOBS):
                await asyncio.sleep(random.uniform(*LATENCY_GAP))
                payload = json.dumps({"at": time.monotonic(), "url": "a" * 150}).encode()
                await broker.enqueue(NewJob(new_job_id("bench"), "noop", payload))
    lines = output.read_text().splitlines()
    return sorted(float(line.split()[1]) for line in lines if line.startswith("late "))


async def raw_latency(url: str) -> list[float]:
    """Seconds from LPUSH to the return of another process' BLMOVE."""
    command = [sys.executable, "-m", "tests.benchmarks._raw", url]
    idle = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    async with _raw.client(url) as connection:

        async def is_blocked() -> bool:
            return bool((await connection.info("clients"))["blocked_clients"])

        await eventually(is_blocked)
        for _ in range(LATENCY_JOBS):
            await asyncio.sleep(random.uniform(*LATENCY_GAP))
            await _raw.push(connection, f"{time.monotonic()}")
        await _raw.push(connection, "stop")
    output, _ = await idle.communicate()
    return sorted(map(float, output.split()))


class Rounds:
    """Runs cases in turn and collects their figures."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self.figures: list[Figure] = []

    def add(self, name: str, unit: str, ours: list[float], raw: list[float]) -> None:
        """Take a finished figure."""
        self.figures.append(Figure(name, unit, ours, raw))

    async def rate(
        self,
        name: str,
        ours: Callable[[str, RedisClient], Awaitable[float]],
        raw: Callable[[str], Awaitable[float]],
    ) -> None:
        """Ours and raw in turn, each on a Redis of its own."""
        results: tuple[list[float], list[float]] = ([], [])
        for _ in range(self._rounds):
            with fresh_redis() as (url, client):
                results[0].append(await ours(url, client))
            with fresh_redis() as (url, _):
                results[1].append(await raw(url))
        self.add(name, "jobs/s", *results)

    async def all(self) -> None:
        """Every case."""
        await self._enqueue()
        for slots, count in PROCESS_JOBS.items():
            await self._process(slots, count)
        await self._latency()
        await self._cost()

    async def _enqueue(self) -> None:
        def ours(
            case: Callable[[Broker, int], Awaitable[float]], count: int
        ) -> Callable[[str, RedisClient], Awaitable[float]]:
            async def run(url: str, _client: RedisClient) -> float:
                async with open_broker(settings_for(url)) as broker:
                    return await case(broker, count)

            return run

        async def raw_single(url: str) -> float:
            return await _raw.enqueue_single(url, PAYLOAD, SINGLE_JOBS)

        async def raw_bulk(url: str) -> float:
            return await _raw.enqueue_bulk(url, PAYLOAD, BULK_JOBS, BULK)

        await self.rate(
            "enqueue, one awaited at a time", ours(enqueue_single, SINGLE_JOBS), raw_single
        )
        await self.rate("enqueue, 100 callers", ours(enqueue_concurrent, BULK_JOBS // 4), raw_bulk)
        await self.rate(f"enqueue, bulk of {BULK}", ours(enqueue_bulk, BULK_JOBS), raw_bulk)

    async def _process(self, slots: int, count: int) -> None:
        async def ours(url: str, client: RedisClient) -> float:
            async with open_broker(settings_for(url)) as broker:
                await enqueue_bulk(broker, count)
            return await asyncio.to_thread(process, url, client, slots, count)

        async def raw(url: str) -> float:
            await _raw.enqueue_bulk(url, PAYLOAD, count, BULK)
            return await _raw.process(url, count, slots)

        await self.rate(f"process, concurrency {slots}", ours, raw)

    async def _latency(self) -> None:
        ours, raw = [], []
        for _ in range(self._rounds):
            with tempfile.TemporaryDirectory() as folder, fresh_redis() as (url, _):
                ours.append(await latency(url, Path(folder)))
            with fresh_redis() as (url, _):
                raw.append(await raw_latency(url))
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            self.add(
                f"idle pick-up, {name}",
                "ms",
                [1000 * percentile(values, share) for values in ours],
                [1000 * percentile(values, share) for values in raw],
            )

    async def _cost(self) -> None:
        count = BULK_JOBS
        with fresh_redis() as (url, client):
            empty = client.info("memory")["used_memory"]
            async with open_broker(settings_for(url)) as broker:
                await enqueue_bulk(broker, count)
            ours = (client.info("memory")["used_memory"] - empty) / count
            await asyncio.to_thread(process, url, client, 100, count)
            commands = commands_run(client) / count
            trips = calls_received(client) / count
        with fresh_redis() as (url, client):
            empty = client.info("memory")["used_memory"]
            await _raw.enqueue_bulk(url, PAYLOAD, count, BULK)
            raw = (client.info("memory")["used_memory"] - empty) / count
            await _raw.process(url, count, 100)
            raw_commands = commands_run(client) / count
        self.add("Redis memory of a queued job", "bytes", [ours], [raw])
        self.add("Redis commands a job in all", "", [commands], [raw_commands])
        self.add("round trips a job", "", [trips], [raw_commands / 100])


def show(figures: list[Figure]) -> None:
    """The figures as a table."""
    table = Table(title="no-op jobs, 200-byte payload; medians (best), raw: redis-py in this run")
    for heading in ("", "ours", "raw", "ours / raw"):
        table.add_column(heading, justify="right" if heading else "left")
    for figure in figures:
        table.add_row(
            figure.name,
            *map(_cell, (figure, figure), (figure.ours, figure.raw)),
            f"{figure.ratio:.2f}",
        )
    Console(width=100).print(table)


def _cell(figure: Figure, values: list[float]) -> str:
    best = max(values) if figure.unit == "jobs/s" else min(values)
    digits = 0 if figure.unit in {"jobs/s", "bytes"} else 2
    return f"{statistics.median(values):,.{digits}f} ({best:,.{digits}f}) {figure.unit}"


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Turns of each case.")
@click.option("--json", "as_json", is_flag=True, help="Print every value as JSON.")
def main(rounds: int, *, as_json: bool) -> None:
    """Measure the queue beside the limits of redis-py."""
    run = Rounds(rounds)
    uvloop.run(run.all())
    if as_json:
        click.echo(json.dumps([figure._asdict() for figure in run.figures], indent=1))
    else:
        show(run.figures)


if __name__ == "__main__":
    main()
