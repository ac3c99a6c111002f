"""A report from request to stored document."""

import hashlib

import pytest

from jobqueue import metrics
from jobqueue.errors import Unrecoverable
from jobqueue.jobs.report_documents import job_of_document, picture_key
from jobqueue.jobs.report_generation import ReportResult
from jobqueue.render.failures import RenderTimeout
from jobqueue.storage.base import Storage
from tests.jobs.harness import JOB_ID, TEMPLATES, Attempt, stored
from tests.render.helpers import page_texts

pytestmark = pytest.mark.browser


async def test_a_template_becomes_a_stored_document(attempt: Attempt, storage: Storage) -> None:
    """The result describes exactly what is stored, named after the document's title."""
    uploads, sent = metrics.UPLOAD._sum.get(), metrics.UPLOAD_BYTES._value.get()
    sample = TEMPLATES.sample("invoice")
    result = await attempt.run({"template": "invoice", "data": sample})
    document = await stored(storage, result.key)
    assert result == ReportResult(
        document=f"/api/v1/reports/{JOB_ID}",
        key=f"reports/{JOB_ID}.t0.pdf",
        filename="Invoice 2024-0117.pdf",
        content_type="application/pdf",
        bytes=len(document),
        sha256=hashlib.sha256(document).hexdigest(),
        pages=1,
        warnings=(),
    )
    assert "Café Süßholz" in page_texts(document)[0]
    head = await storage.head(result.key)
    assert head is not None
    assert head.content_type == "application/pdf"
    assert metrics.UPLOAD._sum.get() > uploads
    assert metrics.UPLOAD_BYTES._value.get() == sent + len(document)


async def test_html_becomes_a_document_with_its_options(attempt: Attempt, storage: Storage) -> None:
    """Options and warnings of an HTML report reach the result."""
    options = {"filename": "März", "footer_html": "<i class=pageNumber></i>. sheet"}
    result = await attempt.run({"html": "<script>1</script>Hello", "options": options})
    assert result.filename == "März.pdf"
    assert result.warnings[0].startswith("scripts not run")
    assert "1. sheet" in page_texts(await stored(storage, result.key))[0]


async def test_each_attempt_has_its_own_document(attempt: Attempt, storage: Storage) -> None:
    """A second delivery never overwrites what the first one stored."""
    first = await attempt.run({"html": "first"}, token="t1")  # noqa: S106 - a fencing token
    second = await attempt.run({"html": "second"}, token="t2")  # noqa: S106 - likewise
    assert page_texts(await stored(storage, first.key)) == ["first"]
    assert page_texts(await stored(storage, second.key)) == ["second"]
    assert first.filename == "report.pdf"


async def test_progress_tells_the_stage(attempt: Attempt) -> None:
    """Who watches sees rendering before uploading, and the percentage only grows."""
    await attempt.run({"html": "x"})
    assert [each.message for each in attempt.progress] == ["rendering", "uploading"]
    percents = [each.percent for each in attempt.progress]
    assert percents == sorted(percents)


async def test_a_template_error_stores_nothing(attempt: Attempt, storage: Storage) -> None:
    """A contradiction in the data ends the job with line and reason, without a document."""
    data = TEMPLATES.sample("invoice") | {"total": 1}
    with pytest.raises(Unrecoverable, match=r"template invoice, line \d+: total €1.00") as caught:
        await attempt.run({"template": "invoice", "data": data})
    assert caught.value.code == "template_error"
    async with storage.list("reports/") as objects:
        assert [each async for each in objects] == []


async def test_time_for_the_upload_is_kept(attempt: Attempt) -> None:
    """A document that takes all of its job's time fails as such, before the job is stopped."""
    html = "<table>" + "<tr><td>1<td>2<td>3</tr>" * 12_000 + "</table>"
    with pytest.raises(RenderTimeout):
        await attempt.run({"html": html}, seconds=0.5)


async def test_the_file_is_what_the_output_says(attempt: Attempt, storage: Storage) -> None:
    """Key, name and content type follow the output, and only a PDF has pages."""
    html = "<title>Chart</title><p>x"
    for output, content_type in (("png", "image/png"), ("html", "text/html; charset=utf-8")):
        result = await attempt.run({"html": html, "options": {"output": output}})
        assert result.key == f"reports/{JOB_ID}.t0.{output}"
        assert job_of_document(result.key) == JOB_ID
        assert (result.filename, result.content_type) == (f"Chart.{output}", content_type)
        assert result.pages is None
        head = await storage.head(result.key)
        assert head is not None
        assert head.content_type == content_type


async def test_what_was_there_of_a_late_document_is_kept(
    attempt: Attempt, storage: Storage
) -> None:
    """The error of a document that was not ready in time names a picture of it in the storage."""
    options = {"javascript": True, "wait_selector": "#never"}
    with pytest.raises(RenderTimeout, match="wait_selector '#never'") as caught:
        await attempt.run({"html": "<h1>half", "options": options}, seconds=4)
    key = picture_key(JOB_ID, "t0")
    assert str(caught.value).endswith(key)
    assert job_of_document(key) == JOB_ID
    assert (await stored(storage, key)).startswith(b"\xff\xd8")
