"""The golden files: what a document was when somebody last looked at it and found it good."""

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .compare import compare, side_by_side

HERE = Path(__file__).parent
TEXTS = HERE / "texts"
STRUCTURES = HERE / "structures"
PAGES = HERE / "pages"

FONTS = "Fonts"
"""The key in a picture under which the revisions of its fonts are."""

HOW = "if it is meant to be so: `make golden`, look at the files that it changes, commit them"


@dataclass(frozen=True)
class Goldens:
    """Compares with the golden files, or takes what is there for golden.

    Attributes:
        folder: gets what differs.
        accepts: whether a change becomes golden.
    """

    folder: Path
    accepts: bool

    def check_text(self, name: str, pages: list[str]) -> None:
        """The words of each page are those of the golden text, whatever is between them."""
        actual = "".join(
            f"--- page {number} ---\n{text.rstrip()}\n" for number, text in enumerate(pages, 1)
        )
        self._check_lines(TEXTS / f"{name}.txt", actual, same=_same_words)

    def check_structure(self, name: str, actual: dict[str, Any]) -> None:
        """All that is told about a document is as it was."""
        text = json.dumps(actual, ensure_ascii=False, indent=2) + "\n"
        self._check_lines(STRUCTURES / f"{name}.json", text, same=str.__eq__)

    def check_picture(self, name: str, page: Image.Image, fonts: dict[str, float]) -> None:
        """A page looks as its golden picture does."""
        path = PAGES / f"{name}.png"
        if not path.exists():
            if not self.accepts:
                self._keep(path, page)
                pytest.fail(f"{path} is not there: {HOW}")
            _save(path, page, fonts)
            return
        with Image.open(path) as file:
            same_fonts = json.loads(file.info[FONTS]) == fonts
            golden = file.convert("RGB")
        difference = compare(page, golden, same_fonts=same_fonts)
        if difference.passes:
            return
        if self.accepts:
            _save(path, page, fonts)
            return
        shown = side_by_side(golden, page, difference.where)
        self._keep(path, page)
        pytest.fail(
            f"page {name} looks otherwise: {difference.found} of {difference.allowed} allowed, "
            f"{'the same fonts' if same_fonts else 'other versions of the fonts'}.\n"
            f"golden, actual, difference: {self._keep(path.with_suffix('.difference.png'), shown)}"
            f"\n{HOW}"
        )

    def _check_lines(self, path: Path, actual: str, *, same: Any) -> None:
        golden = path.read_text("utf-8") if path.exists() else ""
        if same(golden, actual):
            return
        if self.accepts:
            path.write_text(actual, "utf-8")
            return
        kept = self.folder / path.name
        kept.write_text(actual, "utf-8")
        lines = difflib.unified_diff(
            golden.splitlines(), actual.splitlines(), str(path), str(kept), n=1, lineterm=""
        )
        pytest.fail("\n".join([f"{path.name} is another one:", *lines, HOW]))

    def _keep(self, path: Path, picture: Image.Image) -> Path:
        kept = self.folder / path.name
        picture.save(kept)
        return kept


def _same_words(golden: str, actual: str) -> bool:
    return golden.split() == actual.split()


def _save(path: Path, page: Image.Image, fonts: dict[str, float]) -> None:
    info = PngInfo()
    info.add_text(FONTS, json.dumps(fonts))
    page.save(path, pnginfo=info, optimize=True)
