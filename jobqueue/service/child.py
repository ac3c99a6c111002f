"""A worker process under a parent: `python -m jobqueue.service.child DESCRIPTOR`.

It has no listener: it tells its parent how it is, and drains when the parent is gone.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from functools import reduce
from importlib import import_module
from typing import Any

from jobqueue.errors import JobqueueError, SchemaMismatch
from jobqueue.health import Check
from jobqueue.logs import configure_logging
from jobqueue.service.service import Service, running_service
from jobqueue.service.signals import stop_signals
from jobqueue.settings import Settings
from jobqueue.worker.link import STATUS_INTERVAL, ParentLink, Plan, Status
from jobqueue.worker.supervisor import KILL_MARGIN
from jobqueue.worker.wedge import EXIT_OUTDATED, EXIT_REPLACE

EXIT_FAILED = 2
"""Exit code of a child that could not start, after it has told its parent why."""


def main() -> None:
    """Be the worker process that the parent's plan says."""
    link = ParentLink(int(sys.argv[1]))
    plan = link.receive_plan()
    sys.path[:] = plan.import_path
    settings = Settings.model_validate(plan.settings)
    configure_logging(settings.log)
    orphaned = threading.Thread(target=_end_with, args=(link, settings.worker.drain), daemon=True)
    orphaned.start()
    with asyncio.Runner(loop_factory=_named(plan.loop)) as runner:
        try:
            code = runner.run(_serve(plan, settings, link))
        except JobqueueError as error:
            link.send(Status(failed=str(error)))
            code = EXIT_OUTDATED if isinstance(error, SchemaMismatch) else EXIT_FAILED
        if code:
            os._exit(code)  # closing the loop would wait for a handler that ignores it


async def _serve(plan: Plan, settings: Settings, link: ParentLink) -> int:
    app = _named(plan.app) if plan.app else None
    stopping = asyncio.Event()
    with stop_signals(stopping.set, lambda: None):
        async with running_service(
            settings, roles=["worker"], app=app, listens=False, stopping=stopping
        ) as service:
            await _report(service, link)
    return EXIT_REPLACE if service.stuck else 0


async def _report(service: Service, link: ParentLink) -> None:
    """Tell the parent every second how this process is, until it stops."""
    stopped = asyncio.create_task(service.stopping())
    while not stopped.done():
        ready = _problems(await service.health.ready())
        link.send(Status(not_ready=ready, hung=_problems(service.health.live())))
        await asyncio.wait([stopped], timeout=STATUS_INTERVAL)
    link.send(Status(not_ready="is draining"))


def _problems(checks: list[Check]) -> str | None:
    wrong = [f"{check.name}: {check.detail}" for check in checks if check.required and not check.ok]
    return "; ".join(wrong) or None


def _named(path: str) -> Any:
    """What `module:object` names."""
    module, _, names = path.partition(":")
    return reduce(getattr, names.split("."), import_module(module))


def _end_with(link: ParentLink, drain: float) -> None:
    """Drain when the parent is gone, and end in any case."""
    link.wait_for_end()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(drain + KILL_MARGIN)
    os._exit(1)


if __name__ == "__main__":
    main()
