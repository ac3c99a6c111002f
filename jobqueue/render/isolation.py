"""How far Chromium can be kept from the machine here: tried from the strongest way down."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from jobqueue.errors import SettingsError
from jobqueue.render.jail import OPEN, Jail, strongest_jail

ROOT_ALONE = (
    "Chromium's sandbox does not work as root, and Chromium cannot be started as another user:"
    " install setpriv (util-linux), and let everybody get at Chromium and the temporary folder"
)
"""What to say where root cannot give its privileges up."""


class Isolation(msgspec.Struct, frozen=True):
    """One way to start Chromium.

    Attributes:
        sandbox: whether it must run in its own sandbox.
        jail: what is put around all of it.
    """

    sandbox: bool = False
    jail: Jail = OPEN

    def describe(self) -> str:
        """For people: what holds."""
        holds = ["Chromium's own sandbox is " + ("on" if self.sandbox else "off")]
        if self.jail.user:
            holds.append("it is not root but a user of its own")
        if self.jail.network:
            holds.append("it has a network of its own, which is empty")
        return ", ".join(holds)


async def ways_to_start(mode: Literal["auto", "on", "off"], executable: Path) -> list[Isolation]:
    """The ways to try, best first.

    Args:
        mode: `render.sandbox`.
        executable: Chromium.

    Raises:
        SettingsError: the sandbox is demanded and cannot be had.
    """
    jail = await strongest_jail(executable)
    can_sandbox = jail.user or os.geteuid() != 0
    if mode == "on" and not can_sandbox:
        raise SettingsError(
            f"render.sandbox is on, but {ROOT_ALONE}; or run jobqueue as another user,"
            " or set render.sandbox to auto"
        )
    return list(dict.fromkeys(_ways(mode, jail, can_sandbox=can_sandbox)))


def _ways(mode: str, jail: Jail, *, can_sandbox: bool) -> Iterator[Isolation]:
    jails = dict.fromkeys((jail, Jail(user=jail.user)))
    if mode != "off" and can_sandbox:
        yield from (Isolation(sandbox=True, jail=each) for each in jails)
    if mode != "on":
        yield from (Isolation(sandbox=False, jail=each) for each in (jail, OPEN))
