"""Submitting reports and fetching their documents."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from jobqueue.model import Failure, Outcome
from jobqueue.render.templates import Templates
from jobqueue.settings import StorageSettings
from jobqueue.storage.factory import make_storage
from tests.support.s3 import BUCKET, moto_with_credentials
from tests.support.wait import eventually

from .service import Service, running_service

GENERATE = "/api/v1/reports/generate"
HTML = {"html": "<h1>Report</h1>"}
PDF = b"%PDF-1.7 not really\n" * 50_000
"""Larger than one chunk of a download."""


async def store_report(
    service: Service, *, filename: str = "report.pdf", size: int = len(PDF)
) -> tuple[str, str]:
    """A completed report job with a document in the storage: its id, and the document's key."""
    job_id = (await service.post(GENERATE, HTML)).json()["id"]
    job = await service.start("reports")
    key = f"reports/{job.id}.{job.token}.pdf"

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, len(PDF)):
            yield PDF[: size - start]

    await service.storage.put(key, chunks(), content_type="application/pdf", filename=filename)
    result = {
        "document": f"/api/v1/reports/{job_id}",
        "key": key,
        "filename": filename,
        "content_type": "application/pdf",
        "bytes": size,
        "sha256": "0" * 64,
        "pages": 1,
        "warnings": [],
    }
    await service.finish(job, Outcome.COMPLETED, result=msgspec.json.encode(result))
    return job_id, key


@pytest.mark.parametrize("name", ["template", "reportType"])
async def test_submits_a_report(service: Service, name: str) -> None:
    """The body is a template with data; other systems call the template `reportType`."""
    data = Templates().sample("invoice")
    answer = await service.post(
        GENERATE, {name: "invoice", "data": data, "options": {"scale": 0.9}}
    )
    assert answer.status == 202, answer.body
    document = answer.json()
    assert (document["type"], document["queue"]) == ("report-generation", "reports")
    assert document["links"]["document"] == f"/api/v1/reports/{document['id']}"
    job = await service.broker.get(document["id"])
    assert job is not None
    assert msgspec.json.decode(job.payload) == {
        "template": "invoice",
        "data": data,
        "options": {"scale": 0.9},
    }


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"template": "nothing", "data": {}}, "unknown_template", "/template"),
        ({"reportType": "nothing", "data": {}}, "unknown_template", "/template"),
        ({"template": "table", "data": {"title": 5}}, "validation_error", "/data/title"),
        ({**HTML, "options": {"colour": "red"}}, "validation_error", "/options/colour"),
        ({**HTML, "priority": "high"}, "validation_error", "/priority"),
        ({}, "validation_error", ""),
    ],
)
async def test_names_what_is_wrong_with_a_report(
    service: Service, body: dict[str, Any], code: str, path: str
) -> None:
    """Errors of a report name the field from the start of the body, before anything runs."""
    answer = await service.post(GENERATE, body)
    assert (answer.status, answer.code) == (422, code)
    assert path in answer.errors()
    answer = await service.post("/api/v1/jobs", {"type": "report-generation", "payload": body})
    if "reportType" not in body:
        assert (answer.status, answer.code) == (422, code)
        assert "/payload" + path in answer.errors()


async def test_downloads_a_document(service: Service) -> None:
    """A document comes whole, with its length, kind and name."""
    job_id, _ = await store_report(service, filename='Rechnung Müller "4711".pdf')
    answer = await service.get(f"/api/v1/reports/{job_id}")
    assert (answer.status, answer.body == PDF) == (200, True)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(PDF))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Request-Id" in answer.headers
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="Rechnung M_ller _4711_.pdf"; '
        "filename*=UTF-8''Rechnung%20M%C3%BCller%20%224711%22.pdf"
    )
    head = await service.call("HEAD", f"/api/v1/reports/{job_id}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(PDF))


async def test_says_why_there_is_no_document(service: Service) -> None:
    """No document: 404 unknown or of another kind, 409 not ready, failed or cancelled."""
    unknown = await service.get("/api/v1/reports/reports-01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (unknown.status, unknown.code) == (404, "job_not_found")
    thumbnail = await service.submit()
    await service.complete(thumbnail, {"width": 1})
    assert (await service.get(f"/api/v1/reports/{thumbnail}")).code == "job_not_found"
    waiting = (await service.post(GENERATE, HTML)).json()["id"]
    answer = await service.get(f"/api/v1/reports/{waiting}")
    assert (answer.status, answer.code) == (409, "not_ready")
    failure = Failure("template_error", "line 3: 'totl' is undefined", 1)
    await service.finish(
        await service.start("reports"), Outcome.DEAD, failure=failure, reason="template_error"
    )
    answer = await service.get(f"/api/v1/reports/{waiting}")
    assert (answer.status, answer.code) == (409, "job_failed")
    assert "totl" in answer.json()["detail"]


async def test_a_removed_document_is_410(service: Service) -> None:
    """A document that was removed from the storage is gone, its job is not."""
    job_id, key = await store_report(service)
    await service.storage.delete([key])
    answer = await service.get(f"/api/v1/reports/{job_id}")
    assert (answer.status, answer.code) == (410, "document_gone")
    assert (await service.get(f"/api/v1/jobs/{job_id}")).status == 200


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of an S3 server, with the credentials for it in the environment."""
    with moto_with_credentials() as url:
        yield url


@asynccontextmanager
async def on_s3(
    redis_url: str, namespace: str, folder: Path, endpoint: str
) -> AsyncIterator[Service]:
    """A service whose documents are in a bucket."""
    settings = StorageSettings(
        url=f"s3://{BUCKET}/{namespace}", endpoint_url=endpoint, region="us-east-1"
    )
    storage = make_storage(settings, folder)
    async with running_service(redis_url, namespace, folder, storage=storage) as service:
        yield service


async def test_links_to_documents_on_s3(
    redis_url: str, namespace: str, tmp_path: Path, bucket: str
) -> None:
    """A document on S3 is a redirect to a link that serves it without our token."""
    async with on_s3(redis_url, namespace, tmp_path, bucket) as service:
        job_id, key = await store_report(service, filename="Müller.pdf")
        answer = await service.get(f"/api/v1/reports/{job_id}")
        assert answer.status == 302
        assert answer.headers["Cache-Control"] == "no-store"
        link = answer.headers["Location"]
        assert link.startswith(bucket)
        async with service.session.get(link) as response:
            assert response.status == 200
            assert await response.read() == PDF
            assert "M%C3%BCller.pdf" in response.headers["Content-Disposition"]
        await service.storage.delete([key])
        assert (await service.get(f"/api/v1/reports/{job_id}")).status == 410


def stored_file(folder: Path) -> Path:
    """The file of the only document in the folder."""
    (path,) = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    return path


async def test_an_unusable_storage_is_503(service: Service, tmp_path: Path) -> None:
    """A storage that cannot be read is 503: the document may be there later."""
    job_id, _ = await store_report(service)
    path = stored_file(tmp_path / "storage")
    path.unlink()
    path.symlink_to(path.name)  # a loop: no file system can follow it
    answer = await service.get(f"/api/v1/reports/{job_id}")
    assert (answer.status, answer.code) == (503, "storage_unavailable")
    assert "Retry-After" in answer.headers


async def test_a_cut_document_does_not_look_whole(service: Service, tmp_path: Path) -> None:
    """When a document ends too early the connection breaks, so that nobody takes it for whole."""
    job_id, _ = await store_report(service, size=50_000_000)
    url = f"{service.server.url}/api/v1/reports/{job_id}"
    async with service.session.get(url) as response:
        assert response.status == 200
        await response.content.readexactly(1)  # it is under way, and far from its end
        os.truncate(stored_file(tmp_path / "storage"), 1000)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert (await service.get("/healthz")).status == 200


async def test_a_client_that_leaves_hurts_nobody(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """A download that its client breaks off is no error of ours."""
    job_id, _ = await store_report(service, size=50_000_000)
    async with service.session.get(f"{service.server.url}/api/v1/reports/{job_id}") as response:
        await response.content.readexactly(1)
        response.close()
    await eventually(lambda: service.server.in_flight == 0)
    logged = capsys.readouterr()
    assert "error" not in (logged.out + logged.err).lower()
