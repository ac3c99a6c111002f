"""What other programs see in a document: its pages as pictures and as text."""

import io
import re
import shutil
import subprocess
import tempfile
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

DPI = 75
"""Dots an inch: a digit of 9.5 points is 5 by 7 of them, a page some 40 kB as PNG. At 60 the faults
and the noise of other fonts are closer to each other."""

MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufe0f]")
"""Characters that only say how others are to be shown, of which versions differ."""


def need(program: str) -> None:
    """Skip the test where poppler is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program}: apt-get install poppler-utils")


def pictures(document: bytes, last: int) -> list[Image.Image]:
    """The first pages of a document, up to `last`."""
    need("pdftoppm")
    if not last:
        return []
    with tempfile.TemporaryDirectory() as folder:
        command = ["pdftoppm", "-r", str(DPI), "-l", str(last), "-png", "-", f"{folder}/page"]
        subprocess.run(command, input=document, check=True, capture_output=True)
        files = sorted(Path(folder).iterdir())
        return [Image.open(io.BytesIO(file.read_bytes())).convert("RGB") for file in files]


def texts(document: bytes) -> list[str]:
    """The text of each page, in the letters that people mean."""
    need("pdftotext")
    command = ["pdftotext", "-layout", "-", "-"]
    read = subprocess.run(command, input=document, check=True, capture_output=True)
    text = MARKS.sub("", unicodedata.normalize("NFKC", read.stdout.decode()))
    return text.removesuffix("\f").split("\f")
