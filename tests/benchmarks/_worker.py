"""A worker process for the benchmarks: `python -m tests.benchmarks._worker URL SLOTS [RECORD]`.

Runs the type `noop`, which returns a 50-byte dict. With RECORD, a file, it writes for each
job the seconds between the submit (in the payload, on the machine's monotonic clock) and
the start of its handler. Ends on SIGTERM.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path

import uvloop

from jobqueue import JobContext, JobQueue
from jobqueue.app.contents import Contents
from jobqueue.app.opening import LazyStorage, open_broker
from jobqueue.logs import configure_logging
from jobqueue.settings import LogSettings, RedisSettings, Settings
from jobqueue.worker.worker import Worker

RESULT = {"ok": True, "rendered": 1, "note": "a result of 50 bytes"}


async def run(url: str, slots: int, record: Path | None) -> None:
    """Work until SIGTERM."""
    latencies: list[float] = []
    app = JobQueue()

    @app.job("noop", queue="bench")
    async def noop(_job: JobContext, payload: dict[str, object]) -> dict[str, object]:
        if record:
            latencies.append(time.monotonic() - float(str(payload["at"])))
        return RESULT

    settings = Settings(redis=RedisSettings(url=url), log=LogSettings(format="json"))
    configure_logging(settings.log)
    async with open_broker(settings) as broker:
        worker = await Worker.open(
            broker,
            app.registry,
            settings=settings.worker,
            limits=settings.limits,
            contents=Contents(broker, LazyStorage(settings).get, settings.limits),
            queues={"bench": slots},
            roles=["worker"],
            version="bench",
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
        await worker.run()
    if record:
        record.write_text("\n".join(f"{seconds:.7f}" for seconds in latencies))


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None))
