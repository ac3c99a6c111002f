"""Users' templates through the whole service, Chromium included."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jobqueue.service.service import running_service
from jobqueue.settings import HttpSettings, RedisSettings, Settings, StorageSettings
from tests.render.helpers import page_texts

pytestmark = pytest.mark.browser

LETTER = "<title>Letter</title><p>Dear {{ name }}, version {{ version }}.</p>"
ROLES = {"api", "worker", "reaper"}


@pytest.fixture
async def api(tmp_path: Path, redis_url: str, namespace: str) -> AsyncIterator[Any]:
    """Calls a whole service: method, path below the API, JSON; gives status, type and body."""
    settings = Settings(
        data_dir=tmp_path,
        redis=RedisSettings(url=redis_url, namespace=namespace),
        storage=StorageSettings(url=f"file:{tmp_path}/storage"),
        http=HttpSettings(port=0),
    )
    async with (
        running_service(settings, roles=ROLES) as service,
        aiohttp.ClientSession() as session,
    ):

        async def call(method: str, path: str, json: Any = None) -> tuple[int, str, bytes]:
            url = f"{service.url}/api/v1{path}"
            async with session.request(method, url, json=json) as answer:
                return answer.status, answer.content_type, await answer.read()

        yield call


async def test_a_template_is_put_previewed_and_printed(api: Any) -> None:
    """A template that was put is a PDF with its sample, and with the data of a preview."""
    files = {"template.html": LETTER, "sample.json": {"name": "Ada", "version": 1}}
    status, _, body = await api("PUT", "/templates/letter", {"files": files})
    assert status == 201, body
    status, kind, pdf = await api("POST", "/templates/letter/preview")
    assert (status, kind) == (200, "application/pdf")
    assert "Dear Ada, version 1." in page_texts(pdf)[0]
    asked = {"data": {"name": "Bo", "version": 2}, "options": {"format": "A5"}}
    _, _, pdf = await api("POST", "/templates/letter/preview", asked)
    assert "Dear Bo, version 2." in page_texts(pdf)[0]
    _, _, pdf = await api("POST", "/templates/invoice/preview")
    assert "Invoice" in page_texts(pdf)[0]
    status, _, body = await api("POST", "/templates/letter/preview", {"data": {"name": "Bo"}})
    assert (status, b"template.html, line 1" in body) == (409, True)
