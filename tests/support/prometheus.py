"""A real Prometheus that scrapes what a test runs, and promtool, which judges what it reads."""

import json
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from .process import free_port, running

CONFIG = Path(__file__).parents[2] / "config" / "prometheus.yml"
"""What we give to users, and what tests run Prometheus with."""


def _find(name: str) -> str | None:
    beside_python = Path(sys.executable).with_name(name)  # where `make test` puts it
    return shutil.which(name) or (str(beside_python) if beside_python.exists() else None)


needs_prometheus = pytest.mark.skipif(
    not (_find("prometheus") and _find("promtool")),
    reason="needs Prometheus: `make test` fetches it where apt is, else install the package "
    "prometheus, with promtool",
)


def promtool(*arguments: str, stdin: str = "") -> tuple[int, str]:
    """Exit code and all that promtool has to say."""
    done = subprocess.run(
        [_find("promtool") or "promtool", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stdout


class Prometheus:
    """A Prometheus at a URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def is_ready(self) -> bool:
        """Whether it takes queries."""
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=1):  # noqa: S310 - a fixed http: URL
                return True
        except OSError:
            return False

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """What an expression is right now: the value by the labels' values, in label order."""
        query = urllib.parse.urlencode({"query": expression})
        url = f"{self._url}/api/v1/query?{query}"
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - likewise
            answer = json.load(response)
        return {
            tuple(value for _, value in sorted(each["metric"].items())): float(each["value"][1])
            for each in answer["data"]["result"]
        }


@contextmanager
def prometheus_server(folder: Path, places: Mapping[str, str]) -> Iterator[Prometheus]:
    """A Prometheus with the shipped configuration, every second, at other places.

    Args:
        folder: for its data.
        places: `host:port` to scrape, by the one that the configuration names.
    """
    config = CONFIG.read_text().replace("scrape_interval: 15s", "scrape_interval: 1s")
    for shipped, place in places.items():
        assert shipped in config
        config = config.replace(shipped, place)
    (folder / "prometheus.yml").write_text(config)
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        _find("prometheus") or "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    prometheus = Prometheus(url)
    with running(command, ready=prometheus.is_ready, log=folder / "prometheus.log"):
        yield prometheus
