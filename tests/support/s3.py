"""S3 servers for tests: moto's, and `rclone serve s3`, which checks what it is given."""

import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from .process import free_port, running

ACCESS_KEY = "AKIATESTKEY"
SECRET_KEY = "secretsecretsecret"  # noqa: S105 - opens only the test's own server
BUCKET = "documents"


class S3Server(msgspec.Struct, frozen=True):
    """A running server with one bucket, BUCKET."""

    name: str
    url: str


def answers(url: str) -> bool:
    """Whether an HTTP server answers there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - a fixed http: URL
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@contextmanager
def moto_server(folder: Path) -> Iterator[S3Server]:
    """Moto: the full protocol in memory; believes every signature."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, ready=lambda: answers(url), log=folder / "moto.log"):
        make = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")  # noqa: S310 - likewise
        with urllib.request.urlopen(make, timeout=5):  # noqa: S310 - likewise
            yield S3Server("moto", url)


@contextmanager
def s3_credentials() -> Iterator[None]:
    """The environment in which the AWS SDK looks for credentials, and nothing of the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.delenv("AWS_PROFILE", raising=False)
        yield


@contextmanager
def moto_with_credentials() -> Iterator[str]:
    """The URL of a moto, with the credentials for it in the environment."""
    with (
        s3_credentials(),
        tempfile.TemporaryDirectory(prefix="jq-") as folder,
        moto_server(Path(folder)) as server,
    ):
        yield server.url


@contextmanager
def rclone_server(folder: Path) -> Iterator[S3Server]:
    """Rclone: independent code that refuses bad signatures, late links and wrong checksums."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = folder / "rclone"
    (data / BUCKET).mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3"]
    command += ["--config", str(folder / "none.conf"), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", str(data)]
    with running(command, ready=lambda: answers(url), log=folder / "rclone.log"):
        yield S3Server("rclone", url)
