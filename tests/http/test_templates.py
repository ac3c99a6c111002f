"""Users' templates over HTTP: put, list, read, delete, and jobs that have one."""

import asyncio
import io
import tarfile
import zipfile
from typing import Any

import aiohttp
import msgspec
import pytest

from .service import Answer, Service

PATH = "/api/v1/templates"
LETTER = "<title>Letter</title><p>Dear {{ name }}, {{ amount | money('EUR', locale='de') }}</p>"
SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "amount": {"type": "number"}},
    "additionalProperties": False,
}
SAMPLE = {"name": "Ada", "amount": 12.5}
FILES = {"template.html": LETTER, "schema.json": SCHEMA, "sample.json": SAMPLE}


async def put(service: Service, files: dict[str, Any], name: str = "letter") -> Answer:
    """Put a version as JSON."""
    return await service.call("PUT", f"{PATH}/{name}", {"files": files})


async def generate(service: Service, template: str, data: Any = None) -> Answer:
    """Submit a report with a template."""
    body = {"template": template, "data": SAMPLE if data is None else data}
    return await service.post("/api/v1/reports/generate", body)


async def payload(service: Service, job_id: str) -> Any:
    """What a job is to do."""
    job = await service.broker.get(job_id)
    assert job is not None
    return msgspec.json.decode(job.payload)


async def test_each_put_is_a_new_version(service: Service) -> None:
    """A template is put, read back whole, and every earlier version stays as it was."""
    first = await put(service, FILES)
    assert first.status == 201, first.body
    assert first.headers["Location"] == f"{PATH}/letter?version=1"
    second = await put(service, FILES | {"template.html": "<p>new</p>"})
    assert (first.json()["version"], second.json()["version"]) == (1, 2)
    newest = (await service.get(f"{PATH}/letter")).json()
    assert (newest["version"], newest["source"]) == (2, "<p>new</p>")
    assert [each["version"] for each in newest["versions"]] == [1, 2]
    oldest = (await service.get(f"{PATH}/letter?version=1")).json()
    assert (oldest["source"], oldest["schema"], oldest["sample"]) == (LETTER, SCHEMA, SAMPLE)


async def test_lists_shipped_and_stored_ones(service: Service) -> None:
    """The list has all that a report can name, with where each comes from."""
    await put(service, FILES)
    listed = (await service.get(PATH)).json()["templates"]
    origins = {each["name"]: each["origin"] for each in listed}
    assert origins == {
        "invoice": "shipped",
        "letter": "stored",
        "statement": "shipped",
        "table": "shipped",
    }
    assert (await service.get(f"{PATH}/invoice")).json()["schema"]["required"]


async def test_writers_at_the_same_time_get_different_versions(service: Service) -> None:
    """Two who put at once both have what they put, each under a number of its own."""
    texts = [f"<p>{number}</p>" for number in range(5)]
    answers = await asyncio.gather(*(put(service, {"template.html": text}) for text in texts))
    versions = [answer.json()["version"] for answer in answers]
    assert len(set(versions)) == len(texts)
    for text, version in zip(texts, versions, strict=True):
        read = (await service.get(f"{PATH}/letter?version={version}")).json()
        assert read["source"] == text


async def test_a_job_keeps_the_version_of_its_submit(service: Service) -> None:
    """A version that is put later does not change a job that waits; it can be named, too."""
    await put(service, FILES)
    first = (await generate(service, "letter")).json()["id"]
    await put(service, FILES)
    second = (await generate(service, "letter")).json()["id"]
    named = (await generate(service, "letter@1")).json()["id"]
    templates = [(await payload(service, each))["template"] for each in (first, second, named)]
    assert templates == ["letter@1", "letter@2", "letter@1"]


async def test_every_way_to_submit_pins(service: Service) -> None:
    """Bulk, flows and schedules pin as a single submit does."""
    await put(service, FILES)
    report = {"type": "report-generation", "payload": {"template": "letter", "data": SAMPLE}}
    bulk = await service.post("/api/v1/jobs/bulk", [report])
    assert bulk.status == 202, bulk.body
    job_id = bulk.json()["jobs"][0]["id"]
    assert (await payload(service, job_id))["template"] == "letter@1"
    schedule = await service.call("PUT", "/api/v1/schedules/s", {**report, "every": 3600})
    assert schedule.json()["payload"]["template"] == "letter@1"
    wrong = {**report, "payload": {"template": "letter", "data": {}}}
    answer = await service.post("/api/v1/jobs/bulk", [report, wrong])
    assert list(answer.errors()) == ["/1/payload/data/name"]


async def test_an_idempotent_submit_may_be_sent_again_after_a_put(service: Service) -> None:
    """What a client sends decides whether it is the same request, not the version it got."""
    await put(service, FILES)
    body = {"template": "letter", "data": SAMPLE}
    headers = {"Idempotency-Key": "k"}
    first = await service.post("/api/v1/reports/generate", body, headers=headers)
    await put(service, FILES)
    second = await service.post("/api/v1/reports/generate", body, headers=headers)
    assert (first.status, second.status) == (202, 200)
    assert first.json()["id"] == second.json()["id"]


async def test_data_that_does_not_fit_is_refused_with_everything_else(service: Service) -> None:
    """The data's errors and those of the options come in one answer."""
    await put(service, FILES)
    body = {"template": "letter", "data": {"name": 5, "x": 1}, "options": {"scale": 9}}
    answer = await service.post("/api/v1/reports/generate", body)
    assert (answer.status, answer.code) == (422, "validation_error")
    assert {"/data/name", "/data/x", "/options/scale"} == set(answer.errors())


async def test_a_deleted_template_is_hidden_but_jobs_go_on(service: Service) -> None:
    """Nothing new can be made from it; a put after that goes on counting."""
    await put(service, FILES)
    assert (await service.delete(f"{PATH}/letter")).status == 204
    for path in (f"{PATH}/letter", f"{PATH}/letter?version=1"):
        answer = await service.get(path)
        assert (answer.status, answer.code) == (404, "template_not_found")
    for name in ("letter", "letter@1"):
        answer = await generate(service, name)
        assert (answer.status, answer.code) == (422, "unknown_template")
        assert "/template" in answer.errors()
    shelf = service.operations.templates._shelf
    assert (await shelf.find("letter@1", hidden=True)).version == 1
    assert (await service.delete(f"{PATH}/letter")).status == 404
    assert (await put(service, FILES)).json()["version"] == 2


@pytest.mark.parametrize(
    ("files", "path", "words"),
    [
        ({"template.html": "<p>\n{% if %}</p>"}, "/files/template.html", "line 2"),
        ({"template.html": "{{ a|b }}"}, "/files/template.html", "No filter named 'b'"),
        ({"template.html": "x", "part.html": "\n\n{% end %}"}, "/files/part.html", "line 3"),
        ({"page.html": "x"}, "/files/template.html", "is required"),
        ({"template.html": "x", "../a.html": "x"}, "/files/..~1a.html", "is no name"),
        ({"template.html": "x", "/etc/a.html": "x"}, "/files/~1etc~1a.html", "is no name"),
        ({"template.html": "x", "shared/a.css": "x"}, "/files/shared~1a.css", "shipped parts"),
        ({"template.html": "x", "a.exe": "x"}, "/files/a.exe", "must end in"),
        ({"template.html": "x", "schema.json": {"type": 5}}, "/files/schema.json", "JSON Schema"),
        ({"template.html": "x", "sample.json": [1]}, "/files/sample.json", "object"),
        ({"template.html": "x", "a.png": {"base64": "?"}}, "/files/a.png", "base64"),
    ],
)
async def test_wrong_files_are_refused_by_name(
    service: Service, files: dict[str, Any], path: str, words: str
) -> None:
    """What could not be used is refused when it is put, with its file and line."""
    answer = await put(service, files)
    assert (answer.status, answer.code) == (422, "validation_error"), answer.body
    assert words in answer.errors()[path]
    assert (await service.get(f"{PATH}/letter")).status == 404


@pytest.mark.parametrize("name", ["invoice", "Letter", "stats", "a" * 64, "a@1"])
async def test_some_names_cannot_be_had(service: Service, name: str) -> None:
    """Shipped templates cannot be replaced, and names are those of queues and types."""
    answer = await put(service, FILES, name)
    assert (answer.status, answer.code) == (422, "validation_error")
    assert "/name" in answer.errors()


def as_zip(files: dict[str, str]) -> bytes:
    """A zip of these files in a folder, as people pack them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"letter/{name}", text)
    return out.getvalue()


def as_tar(files: dict[str, str]) -> bytes:
    """A compressed tar of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "pack"), [("application/zip", as_zip), ("application/gzip", as_tar)]
)
async def test_archives_are_unpacked(service: Service, kind: str, pack: Any) -> None:
    """A zip or tar of a folder is a template."""
    body = pack({"template.html": "{% include 'parts/a.html' %}", "parts/a.html": "<p>part</p>"})
    headers = {"Content-Type": kind}
    answer = await service.call("PUT", f"{PATH}/letter", data=body, headers=headers)
    assert answer.status == 201, answer.body
    assert set(answer.json()["files"]) == {"template.html", "parts/a.html"}


async def test_a_form_is_taken(service: Service) -> None:
    """Files of a form, as curl -F sends them, are a template."""
    form = aiohttp.FormData()
    form.add_field("template.html", LETTER, filename="template.html", content_type="text/html")
    form.add_field("logo.png", b"\x89PNG", filename="logo.png", content_type="image/png")
    url = f"{service.server.url}{PATH}/letter"
    async with service.session.put(url, data=form) as response:
        assert response.status == 201, await response.text()
        assert (await response.json())["files"] == {"template.html": len(LETTER), "logo.png": 4}


def zip_bomb() -> bytes:
    """A small zip of 100 MB of nothing."""
    return as_zip({"template.html": "\0" * 100_000_000})


def tar_with_link() -> bytes:
    """A tar with a link to a file of the machine."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("template.html")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    return out.getvalue()


def zip_with_link() -> bytes:
    """A zip with a link to a file of the machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("template.html")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not an archive", "cannot be read"),
        (zip_bomb(), "unpacks to more than"),
        (tar_with_link(), "is no file"),
        (zip_with_link(), "has a link"),
        (as_zip({"template.html": "x"})[:-30], "cannot be read"),
    ],
    ids=["text", "bomb", "tar link", "zip link", "cut"],
)
async def test_hostile_archives_are_refused(service: Service, body: bytes, words: str) -> None:
    """Bombs, links and broken archives do no harm and are told."""
    headers = {"Content-Type": "application/zip"}
    answer = await service.call("PUT", f"{PATH}/letter", data=body, headers=headers)
    assert (answer.status, answer.code) == (422, "validation_error")
    assert words in answer.errors()[""]


async def test_previews_in_html(service: Service) -> None:
    """A template shows itself with its sample or with other data, and cannot run as our page."""
    await put(service, FILES)
    headers = {"Accept": "text/html"}
    answer = await service.post(f"{PATH}/letter/preview", headers=headers)
    assert answer.status == 200, answer.body
    assert "Dear Ada, 12,50\xa0€" in answer.body.decode()
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    body = {"data": {"name": "Bo", "amount": 1}}
    answer = await service.post(f"{PATH}/letter/preview", body, headers=headers)
    assert "Dear Bo" in answer.body.decode()
    answer = await service.post(f"{PATH}/letter/preview", {"data": {}}, headers=headers)
    assert list(answer.errors()) == ["/data/name"]
    answer = await service.post(f"{PATH}/invoice/preview", headers=headers)
    assert (answer.status, b"<title>" in answer.body) == (200, True)


async def test_a_preview_that_fails_says_where(service: Service) -> None:
    """The line that fails is in the answer."""
    await put(service, {"template.html": "\n{{ missing }}"})
    answer = await service.post(f"{PATH}/letter/preview", headers={"Accept": "text/html"})
    assert answer.status == 422
    assert "template.html, line 2: 'missing' is undefined" in answer.errors()["/template"]
