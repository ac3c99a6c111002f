"""Uploading the files of a document over HTTP."""

import io
import zipfile
from typing import Any

import aiohttp
import pytest

from .service import Service

PATH = "/api/v1/reports/bundles"


def archive(*names: str) -> bytes:
    """A zip with files of these names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name in names:
            packed.writestr(name, "<p>")
    return content.getvalue()


def zipped(content: bytes) -> dict[str, Any]:
    """A request with an archive as its body."""
    return {"data": content, "headers": {"Content-Type": "application/zip"}}


async def test_an_archive_is_stored_and_can_be_printed(service: Service) -> None:
    """The answer has the key that a report names it by."""
    answer = await service.call("POST", PATH, **zipped(archive("index.html", "a/b.css")))
    assert answer.status == 201, answer.body
    document = answer.json()
    assert document["files"] == 2
    stored = await service.storage.head(document["key"])
    assert stored is not None
    assert stored.size == document["bytes"]
    report = await service.post("/api/v1/reports/generate", {"bundle": {"key": document["key"]}})
    assert report.status == 202, report.body


async def test_a_form_of_files_becomes_a_bundle(service: Service) -> None:
    """Each part is a file, whose name is its path."""
    form = aiohttp.FormData()
    form.add_field("files", b"<p>", filename="index.html", content_type="text/html")
    form.add_field("files", b"x", filename="css/a.css", content_type="text/css")
    url = service.server.url + PATH
    async with service.session.post(url, data=form) as response:
        document = await response.json()
        assert (response.status, document["files"]) == (201, 2)
    form = aiohttp.FormData({"text": "no file"})
    form.add_field("files", b"<p>", filename="../index.html")
    async with service.session.post(url, data=form) as response:
        assert response.status == 422


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (archive("a.html"), "no index.html"),
        (archive("index.html", "../x"), "'../x'"),
        (b"PK\x03\x04 broken", "cannot be read"),
        (b"nothing", "neither zip nor tar"),
    ],
)
async def test_a_wrong_archive_is_422_and_not_stored(
    service: Service, content: bytes, hint: str
) -> None:
    """The answer says which file is wrong and why."""
    answer = await service.call("POST", PATH, **zipped(content))
    assert (answer.status, answer.code) == (422, "validation_error")
    assert hint in answer.json()["detail"]
    async with service.storage.list("bundles/") as objects:
        assert [each async for each in objects] == []


async def test_other_bodies_are_415(service: Service) -> None:
    """JSON is no archive."""
    assert (await service.post(PATH, {})).status == 415
