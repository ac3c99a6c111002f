"""Which Chromium is used, and how it is started."""

import shutil
import socket
from pathlib import Path

from jobqueue.settings import RenderSettings

INSTALL_COMMAND = (
    "apt-get install -y --no-install-recommends"
    " chromium-headless-shell libatomic1 fonts-liberation fonts-noto-core"
)
"""What installs Chromium, a library that Playwright's driver needs, and fonts on Debian."""

DOWNLOAD_COMMAND = "playwright install chromium-headless-shell"
"""What downloads Playwright's own Chromium where there is no package of it."""

HOW_TO_INSTALL = f"`{INSTALL_COMMAND}` (Debian, as root) or `{DOWNLOAD_COMMAND}`"

_NAMES = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "google-chrome",
)
"""Best first: the headless shell costs a quarter of the CPU of a full browser. Debian's
command of this name is a shell script that stays in memory, so its program comes first."""

_DOWNLOADS = (".cache/ms-playwright", "Library/Caches/ms-playwright")
_DOWNLOADED = "chromium_headless_shell-*/*/*headless*shell"

_SAFE_FLAGS = (
    "--disable-quic",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--dns-prefetch-disable",
    "--no-pings",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    # Chromium goes around its proxy to loopback and link-local addresses without this.
    "--proxy-bypass-list=<-loopback>",
)

STATIC_FLAGS = (
    # No frames are drawn without a compositor thread; a document without scripts
    # does not miss them, and printing it costs a third less.
    "--disable-threaded-compositing",
    *_SAFE_FLAGS,
)
"""How the browser of documents without scripts is started."""

SCRIPTED_FLAGS = (
    "--block-new-web-contents",  # window.open gives null: no floods of windows
    *_SAFE_FLAGS,
)
"""How the browser of documents with scripts and of images is started."""

UNWANTED = ("--disable-ipc-flooding-protection",)
"""Switches of Playwright's that are left out: a script must not drown the browser in calls."""


def find_chromium(settings: RenderSettings) -> Path | None:
    """The executable to use: the one that is set, one of this machine, or Playwright's own."""
    if settings.executable_path is not None:
        found = shutil.which(settings.executable_path)
        return Path(found) if found else None
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    return _downloaded(Path.home())


def _downloaded(home: Path) -> Path | None:
    """The newest headless shell that `playwright install` has put under `home`."""
    found = [path for folder in _DOWNLOADS for path in (home / folder).glob(_DOWNLOADED)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


class DeadProxy:
    """A proxy address at which nobody answers: Chromium's only way out is closed.

    The port is bound and never listened on, so that no other program can get it.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))

    @property
    def flag(self) -> str:
        """The switch that sends every request of Chromium here."""
        return f"--proxy-server=http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Give the port back; only after the browsers are gone."""
        self._socket.close()


def environment(temporary: Path, home: Path | None = None) -> dict[str, str | float | bool]:
    """What Chromium gets to see of the environment: nothing that is anybody's secret.

    Args:
        temporary: the folder of its temporary files.
        home: that of its user; ours when None, where the user's own fonts are looked for.
    """
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home or Path.home()),
        "LANG": "C.UTF-8",
        "TMPDIR": str(temporary),
    }


def not_found(settings: RenderSettings) -> str:
    """What to say when `find_chromium` finds none."""
    if settings.executable_path is not None:
        return (
            f"render.executable_path {settings.executable_path} is no executable file:"
            f" correct it, or remove it and install Chromium with {HOW_TO_INSTALL}"
        )
    return f"no Chromium found: install one with {HOW_TO_INSTALL}, or set render.executable_path"


def not_started(executable: Path | None, error: Exception | None) -> str:
    """What to say when it does not start."""
    return (
        f"Chromium ({executable}) does not start: {first_line(error)};"
        f" what it needs is installed by {HOW_TO_INSTALL}"
    )


def first_line(error: Exception | None) -> str:
    """What an error of Playwright says, without its log."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
