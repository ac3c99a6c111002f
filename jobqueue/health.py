"""What `/healthz` and `/readyz` answer: named probes that the parts of a process register."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

PROBE_TIMEOUT = 3.0
"""Seconds that one readiness probe may take; load balancers give up soon after."""

Liveness = Callable[[], str | None]
"""Says what is wrong, None when nothing is; must not block."""

Readiness = Callable[[], Awaitable[str | None]]
"""Says what is missing, None when nothing is."""


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of one probe; a failed one that is not required is a warning."""

    name: str
    ok: bool
    required: bool = True
    detail: str | None = None


class Health:
    """The probes of one process."""

    def __init__(self) -> None:
        self.draining = False
        self._liveness: dict[str, Liveness] = {}
        self._readiness: dict[str, tuple[Readiness, bool]] = {}

    def add_liveness(self, name: str, probe: Liveness) -> None:
        """Fail `/healthz` while `probe` names a problem."""
        self._liveness[name] = probe

    def add_readiness(self, name: str, probe: Readiness, *, required: bool = True) -> None:
        """Fail `/readyz` (only warn in it, unless `required`) while `probe` names a problem."""
        self._readiness[name] = (probe, required)

    def live(self) -> list[Check]:
        """All liveness checks; the process should be replaced when one is not ok."""
        return [_check(name, probe(), required=True) for name, probe in self._liveness.items()]

    async def ready(self) -> list[Check]:
        """All readiness checks, run side by side; `draining` is one of them."""
        checks = [_check("draining", "shutting down" if self.draining else None, required=True)]
        checks += await asyncio.gather(
            *(_run(name, probe, required) for name, (probe, required) in self._readiness.items())
        )
        return checks


def _check(name: str, problem: str | None, *, required: bool) -> Check:
    return Check(name, ok=problem is None, required=required, detail=problem)


async def _run(name: str, probe: Readiness, required: bool) -> Check:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            problem = await probe()
    except Exception as error:  # noqa: BLE001 - a probe that breaks is an answer: not ready
        problem = str(error) or type(error).__name__
    return _check(name, problem, required=required)
