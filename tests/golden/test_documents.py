"""The documents people get, against those that somebody has looked at."""

import shutil
import subprocess

import pytest

from .conftest import Make
from .documents import documents
from .goldens import PAGES, STRUCTURES, TEXTS, Goldens
from .poppler import pictures, texts
from .structure import font_revisions, structure

pytestmark = pytest.mark.browser

DOCUMENTS = documents()
PACKAGES = {
    "Liberation": "fonts-liberation",
    "Noto Sans CJK": "fonts-noto-cjk",
    "Noto Color Emoji": "fonts-noto-color-emoji",
    "Noto": "fonts-noto-core",
}
"""Debian's packages of fonts by how the names of their families begin, the longest first."""


def need_fonts(name: str) -> None:
    """Skip the test where this document would not have its fonts."""
    tool = shutil.which("fc-list")
    if tool is None:
        return  # nobody can say; the structure will
    listed = subprocess.run([tool, ":", "family"], capture_output=True, check=True, text=True)
    families = {family for line in listed.stdout.splitlines() for family in line.split(",")}
    missing = [family for family in DOCUMENTS[name].fonts if family not in families]
    if missing:
        packages = {
            next(package for start, package in PACKAGES.items() if family.startswith(start))
            for family in missing
        }
        pytest.skip(f"no {', '.join(missing)}: apt-get install {' '.join(sorted(packages))}")


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_says_what_it_said(make: Make, goldens: Goldens, name: str) -> None:
    """Every word is on its page, in its order, in whatever script."""
    need_fonts(name)
    goldens.check_text(name, texts(await make(name)))


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_is_built_as_it_was(make: Make, goldens: Goldens, name: str) -> None:
    """Paper, metadata, bookmarks, links, tags, fonts and attachments stay; all fonts are in it."""
    need_fonts(name)
    options = DOCUMENTS[name].payload.get("options", {})
    document = await make(name)
    goldens.check_structure(name, structure(document, dated="created" in options))


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_looks_as_it_did(make: Make, goldens: Goldens, name: str) -> None:
    """Nothing moves, loses its colour or its letters without somebody having seen it."""
    need_fonts(name)
    document = await make(name)
    fonts = font_revisions(document)
    for number, page in enumerate(pictures(document, DOCUMENTS[name].pictures), 1):
        goldens.check_picture(f"{name}-{number}", page, fonts)


def test_every_golden_file_is_compared() -> None:
    """What nobody compares any more is removed rather than believed."""
    wanted = {
        PAGES / f"{name}-{n + 1}.png" for name in DOCUMENTS for n in range(DOCUMENTS[name].pictures)
    }
    wanted |= {TEXTS / f"{name}.txt" for name in DOCUMENTS}
    wanted |= {STRUCTURES / f"{name}.json" for name in DOCUMENTS}
    assert {path for folder in (PAGES, TEXTS, STRUCTURES) for path in folder.iterdir()} == wanted
