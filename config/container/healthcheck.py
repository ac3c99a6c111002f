"""The image's HEALTHCHECK: whether /healthz of the role that runs here answers 200."""

import os
import sys
import urllib.error
import urllib.request

PORTS = (os.environ.get("JOBQUEUE_HTTP__PORT"), os.environ.get("PORT"), "8080", "9101", "9102")
"""What is set, then each role's own; a port given by --port only is not known here."""

TIMEOUT = 3.0
"""Seconds; below the HEALTHCHECK's own limit."""


def main() -> int:
    """Ask the first port where somebody answers; the exit code."""
    # whatever proxy is set for the service is not meant for this
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for port in PORTS:
        if not port or not port.isdecimal():
            continue
        try:
            opener.open(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT)
        except urllib.error.HTTPError:
            return 1
        except OSError:
            continue
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
