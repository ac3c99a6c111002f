"""Users' templates on disk and in a bucket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from jobqueue.app.contents import already
from jobqueue.errors import SettingsError, UnknownTemplate
from jobqueue.jobs.template_keys import read_keys, split_label
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.jobs.template_store import TemplateStore
from jobqueue.render.filling.filler import Filler
from jobqueue.render.options import RenderOptions
from jobqueue.render.templates import Templates
from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.factory import make_storage
from tests.support.s3 import BUCKET, moto_with_credentials

SHIPPED = Templates()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filler() -> AsyncIterator[Filler]:
    """One filling process."""
    filler = Filler(1)
    yield filler
    await filler.close()


@asynccontextmanager
async def on_folder(folder: Path) -> AsyncIterator[Storage]:
    """A storage in a folder."""
    storage = make_storage(StorageSettings(), folder)
    await storage.start()
    yield storage
    await storage.close()


def disk(folder: Path, name: str = "letter", html: str = "<p>{{ name }}</p>") -> Path:
    """A folder of templates with one in it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "template.html").write_text(html)
    return folder


async def test_templates_on_disk_are_there(tmp_path: Path, filler: Filler) -> None:
    """What is in render.templates can be used under the name of its folder."""
    async with on_folder(tmp_path / "data") as storage:
        folder = disk(tmp_path / "templates")
        shelf = TemplateShelf(SHIPPED, TemplateStore(already(storage)), filler, folder)
        template = await shelf.find("letter")
        assert await filler.fill(template, {"name": "Ada"}, RenderOptions()) == "<p>Ada</p>"


@pytest.mark.parametrize(
    ("name", "words"), [("invoice", "shipped template"), ("My Letter", "lower-case")]
)
async def test_wrong_templates_on_disk_stop_the_start(
    tmp_path: Path, filler: Filler, name: str, words: str
) -> None:
    """A template that could not be used is told when the service starts."""
    async with on_folder(tmp_path / "data") as storage:
        store = TemplateStore(already(storage))
        with pytest.raises(SettingsError, match=words):
            TemplateShelf(SHIPPED, store, filler, disk(tmp_path / "templates", name))
        with pytest.raises(SettingsError, match="no folder"):
            TemplateShelf(SHIPPED, store, filler, tmp_path / "nothing")


async def test_links_on_disk_lead_nowhere(tmp_path: Path, filler: Filler) -> None:
    """A link in a template's folder does not show other files of the machine."""
    folder = disk(tmp_path / "templates", html="{% include 'secret.txt' %}")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "letter" / "secret.txt").symlink_to(tmp_path / "secret.txt")
    async with on_folder(tmp_path / "data") as storage:
        shelf = TemplateShelf(SHIPPED, TemplateStore(already(storage)), filler, folder)
        assert set((await shelf.find("letter")).files) == {"template.html"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of an S3 server, with the credentials for it in the environment."""
    with moto_with_credentials() as url:
        yield url


async def test_a_bucket_shares_versions_between_processes(
    tmp_path: Path, filler: Filler, bucket: str
) -> None:
    """Two processes on one bucket see each other's versions, and never share a number."""
    settings = StorageSettings(
        url=f"s3://{BUCKET}/templates", endpoint_url=bucket, region="us-east-1"
    )
    storage = make_storage(settings, tmp_path)
    await storage.start()
    one, two = (TemplateShelf(SHIPPED, TemplateStore(already(storage)), filler) for _ in range(2))
    puts = (
        shelf.put("letter", {"template.html": f"<p>{number}</p>".encode()})
        for number, shelf in enumerate([one, two, one, two])
    )
    added = await asyncio.gather(*puts)
    assert len({each.version for each in added}) == len(added)
    for template in added:
        assert (await one.find(template.label)).files == template.files
    newest = max(each.version for each in added)
    assert (await two.find("letter")).version == newest
    await one.hide("letter")
    fresh = TemplateShelf(SHIPPED, TemplateStore(already(storage)), filler)
    with pytest.raises(UnknownTemplate):
        await fresh.find(f"letter@{newest}")
    assert (await fresh.find(f"letter@{newest}", hidden=True)).version == newest
    await storage.close()


def test_a_claim_that_nobody_kept_is_skipped() -> None:
    """A writer that was killed leaves a number that is never given to anybody."""
    found = read_keys(
        [
            ("templates/letter/000001/claim.0a", 1.0),
            ("templates/letter/000001/files.msgpack", 2.0),
            ("templates/letter/000002/claim.0b", 3.0),
            ("templates/letter/x", 4.0),
            ("reports/x.pdf", 5.0),
        ]
    )
    assert found["letter"].shown == [1]
    assert found["letter"].next == 3


@pytest.mark.parametrize(
    ("label", "split"),
    [
        ("letter", ("letter", None)),
        ("letter@12", ("letter", 12)),
        ("letter@0", None),
        ("letter@", None),
        ("Letter", None),
        ("../letter", None),
        ("letter@1\n", None),
    ],
)
def test_labels(label: str, split: object) -> None:
    """A job names a template, or a version of it, and nothing else."""
    assert split_label(label) == split
