"""What Chromium is put into before it starts: another user, no network, a limit of memory.

Root gives its privileges up before Chromium begins, which is what lets Chromium's own sandbox
work there. A network namespace with nothing in it is a second wall behind the closed proxy.
Both are util-linux' doing; where they are missing or forbidden, Chromium starts without.
"""

import asyncio
import os
import pwd
import secrets
import shlex
import shutil
from pathlib import Path

import msgspec

from jobqueue.render.folder import BrowserFolder

USERS = range(61184, 65520)
"""Ids that systemd gives to users who exist only while a service runs; no account has one, and
they are mapped in containers that map the usual 65 536. Each browser draws its own, so that no
browser can signal another, or read its profile."""

PROBE_DEADLINE = 10.0
"""Seconds for a program that only looks at files to do it in the jail: 5 ms is usual."""

_TEST = Path("/usr/bin/test")


class Jail(msgspec.Struct, frozen=True):
    """What surrounds a browser.

    Attributes:
        user: whether it is a user of its own instead of root.
        network: whether it is in a network namespace of its own, which is empty.
    """

    user: bool = False
    network: bool = False

    def command(self, executable: Path, user: int, group: Path | None) -> str:
        """The shell script that becomes Chromium; its pipes to the driver stay open.

        Args:
            executable: Chromium.
            user: id of its user and group, if it gets one.
            group: control group to enter first.
        """
        words = []
        if self.network:
            words += ["unshare", "--net", "--"]
        if self.user:
            words += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
            words += ["--no-new-privs", "--"]
        words.append(str(executable))
        enter = f"echo $$ > {shlex.quote(str(group / 'cgroup.procs'))}\n" if group else ""
        return f'#!/bin/sh\n{enter}exec {shlex.join(words)} "$@"\n'

    def enter(self, folder: BrowserFolder, executable: Path, group: Path | None) -> Path:
        """What to start instead of `executable`, with the folders of its user.

        Args:
            folder: of the browser.
            executable: Chromium.
            group: control group to enter first.
        """
        user = draw_user() if self.user else os.geteuid()
        if self.user:
            folder.hand_over(user)
        if not self.user and not self.network and group is None:
            return executable
        script = folder.path / "chromium"
        script.write_text(self.command(executable, user, group))
        script.chmod(0o700)
        return script


OPEN = Jail()
"""No walls but those that Chromium builds itself."""


async def strongest_jail(executable: Path) -> Jail:
    """What can be had here: all that root may do, nothing for others.

    Args:
        executable: Chromium; its user must get at it, and at its folder.
    """
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return OPEN
    for jail in (Jail(user=True, network=True), Jail(user=True)):
        if await _works(jail, executable):
            return jail
    return OPEN


async def _works(jail: Jail, executable: Path) -> bool:
    folder = BrowserFolder()
    try:
        script = jail.enter(folder, _TEST, None)
        condition = ("-w", folder.temporary, "-a", "-x", executable)
        async with asyncio.timeout(PROBE_DEADLINE):
            process = await asyncio.create_subprocess_exec(
                script,
                *condition,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            return await process.wait() == 0
    except (OSError, TimeoutError):
        return False
    finally:
        await folder.remove()


def draw_user() -> int:
    """The id of a user that no account has."""
    while True:
        user = secrets.choice(USERS)
        try:
            pwd.getpwuid(user)
        except KeyError:
            return user
