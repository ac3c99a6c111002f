"""Reports from the command line: templates and HTML in, PDF files out."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import clean_environ, command

from .conftest import Cli, address

pytestmark = pytest.mark.browser

INVOICE = {
    "invoice_number": 7,
    "date": "2021-01-01",
    "customer": {"id": 2, "name": "Leonie Köhler", "company": None, "email": "leo@example.com"},
    "billing": {
        "address": "Theodor-Heuss-Straße 34",
        "city": "Stuttgart",
        "state": None,
        "country": "Germany",
        "postal_code": "70174",
    },
    "lines": [
        {"track": "Balls to the Wall", "artist": "Accept", "album": "Balls to the Wall",
         "unit_price": 0.99, "quantity": 2}
    ],
    "total": 1.98,
    "currency": "USD",
}  # fmt: skip


@pytest.fixture
def invoice(tmp_path: Path) -> str:
    """A file with the data of an invoice, as an argument."""
    (tmp_path / "invoice.json").write_text(json.dumps(INVOICE))
    return "@invoice.json"


def is_pdf(path: Path) -> bool:
    """Whether a whole PDF is there."""
    content = path.read_bytes()
    return content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


def test_a_template_becomes_a_file(remote: Cli, tmp_path: Path, invoice: str) -> None:
    """Template and data in, --wait --out: the PDF is there, and the output says where."""
    answer = remote(
        "submit", "report-generation", "--template", "invoice", "--data", invoice,
        "--option", "format=A5", "--wait", "--out", "invoice.pdf",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert is_pdf(tmp_path / "invoice.pdf")
    assert answer.stdout.startswith("invoice.pdf: 1 page, ")


def test_html_becomes_a_file_in_a_folder(remote: Cli, tmp_path: Path) -> None:
    """HTML from standard input; a folder as --out takes the document's own name."""
    answer = remote(
        "submit", "report-generation", "--html", "-", "--option", "filename=hello.pdf",
        "--out", ".", stdin="<p>Hello <script>1</script>",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert is_pdf(tmp_path / "hello.pdf")
    assert "warning: " in answer.stderr


def test_a_document_can_be_fetched_later(
    remote: Cli, tmp_path: Path, invoice: str, service_url: str
) -> None:
    """`result --out` saves the document of a job that was submitted before, also to a pipe."""
    arguments = ["submit", "report-generation", "--template", "invoice", "--data", invoice]
    job_id = remote(*arguments).stdout.strip()
    answer = remote("result", job_id, "--wait", "--out", "later.pdf", "--json")
    assert json.loads(answer.stdout)["state"] == "completed"
    assert is_pdf(tmp_path / "later.pdf")
    piped = subprocess.run(
        command("result", job_id, "--out", "-"),
        stdout=subprocess.PIPE,
        check=True,
        cwd=tmp_path,
        env=clean_environ() | address(service_url),
    )
    assert piped.stdout == (tmp_path / "later.pdf").read_bytes()


def test_only_a_file_is_replaced(remote: Cli, tmp_path: Path) -> None:
    """A pipe or device is written to, and through a link the file that it names is replaced."""
    job_id = remote("submit", "report-generation", "--html", "<p>Hello").stdout.strip()
    (tmp_path / "link.pdf").symlink_to("target.pdf")
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(
        [shutil.which("cat") or "cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE
    )
    for out in ("link.pdf", "pipe"):
        answer = remote("result", job_id, "--wait", "--out", out)
        assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "link.pdf").is_symlink()
    assert is_pdf(tmp_path / "target.pdf")
    assert reader.communicate(timeout=10)[0] == (tmp_path / "target.pdf").read_bytes()
    assert (tmp_path / "pipe").is_fifo()


def test_a_report_without_out_says_how_to_save_it(remote: Cli) -> None:
    """Without --out the result is printed, and the way to the document beside it."""
    answer = remote("submit", "report-generation", "--html", "<p>Hello", "--wait")
    assert json.loads(answer.stdout)["pages"] == 1
    assert "to save it: jobqueue result reports-" in answer.stderr


def test_wrong_data_is_named(remote: Cli, tmp_path: Path) -> None:
    """Data that does not fit the template is refused at once, the field named, exit code 2."""
    (tmp_path / "bad.json").write_text(json.dumps({**INVOICE, "total": "much"}))
    answer = remote(
        "submit", "report-generation", "--template", "invoice", "--data", "@bad.json", "--wait"
    )
    assert answer.returncode == 2
    assert "total" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_an_unknown_template_is_named(remote: Cli) -> None:
    """A template that is not there is refused with its name, exit code 2."""
    answer = remote("submit", "report-generation", "--template", "no-such", "--data", "{}")
    assert answer.returncode == 2
    assert "no-such" in answer.stderr
