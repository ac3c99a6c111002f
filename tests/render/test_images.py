"""Images and HTML of a page."""

import base64
import json
from typing import Any

import pytest

from jobqueue.errors import Unrecoverable
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool

from .helpers import page_texts, soon

pytestmark = pytest.mark.browser

MAGIC = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}
BOX = """<body style='margin: 0'><div style='height: 900px'></div>
<div id=box style='width: 120px; height: 50px; background: rgb(0, 128, 0); border: 5px solid red'>
</div><div style='height: 1100px'></div>"""

LOOK = """<p id=out><img id=image src='data:image/{output};base64,{data}'><script>
onload = () => {{
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const at = (x, y) => [...context.getImageData(x, y, 1, 1).data];
    const [width, height] = [canvas.width, canvas.height];
    out.textContent = JSON.stringify({{width, height, first: at(0, 0),
        middle: at(width >> 1, height >> 1), last: at(width - 1, height - 1)}});
}};</script>"""


async def image_of(pool: RenderPool, html: str, **options: Any) -> bytes:
    """A document as an image."""
    wanted = RenderOptions.model_validate({"output": "png", **options})
    image = await pool.render(html, wanted, deadline=soon())
    assert image.pages is None
    return image.data


async def look_at(pool: RenderPool, image: bytes, output: str = "png") -> dict[str, Any]:
    """The size of an image and the colours of three of its pixels, as a browser sees them."""
    html = LOOK.format(output=output, data=base64.b64encode(image).decode())
    wanted = RenderOptions(output="html", javascript=True)
    page = (await pool.render(html, wanted, deadline=soon())).data.decode()
    seen: dict[str, Any] = json.loads(page.partition('<p id="out">')[2].partition("</p>")[0])
    return seen


@pytest.mark.parametrize("output", ["png", "jpeg", "webp"])
async def test_an_image_shows_the_viewport(pool: RenderPool, output: str) -> None:
    """Its format and its size are those asked for, whether scripts run or not."""
    html = "<body style='background: blue'><script>document.body.style.background = 'red'</script>"
    for javascript, red, blue in ((False, 0, 255), (True, 255, 0)):
        options = {"viewport_width": 300, "viewport_height": 200, "device_scale": 2}
        image = await image_of(pool, html, output=output, javascript=javascript, **options)
        assert image.startswith(MAGIC[output])
        seen = await look_at(pool, image, output)
        assert (seen["width"], seen["height"]) == (600, 400)
        assert seen["middle"] == pytest.approx([red, 0, blue, 255], abs=3)


async def test_an_image_of_the_full_page(pool: RenderPool) -> None:
    """All of the page is in it, not only what a window shows."""
    seen = await look_at(pool, await image_of(pool, BOX, full_page=True))
    assert (seen["width"], seen["height"]) == (1280, 2060)


async def test_an_image_of_one_element(pool: RenderPool) -> None:
    """It has the element with its border, wherever on the page that is, scrolled or not."""
    scrolled = f"{BOX}<script>scrollTo(0, 700)</script>"
    for html, javascript in ((BOX, False), (scrolled, True)):
        image = await image_of(pool, html, javascript=javascript, selector="#box", device_scale=2)
        seen = await look_at(pool, image)
        assert (seen["width"], seen["height"]) == (260, 120)
        assert seen["first"] == seen["last"] == [255, 0, 0, 255]
        assert seen["middle"] == [0, 128, 0, 255]


@pytest.mark.parametrize("output", ["png", "webp"])
async def test_what_is_not_coloured_may_be_transparent(pool: RenderPool, output: str) -> None:
    """With omit_background there is nothing where the page colours nothing, else white."""
    for omit, alpha in ((True, 0), (False, 255)):
        image = await image_of(pool, "x", output=output, omit_background=omit)
        assert (await look_at(pool, image, output))["last"][3] == alpha


async def test_quality_decides_the_size(pool: RenderPool) -> None:
    """A better image has more bytes."""
    html = "<body style='background: repeating-conic-gradient(red, blue 3deg, lime 5deg)'>"
    for output in ("jpeg", "webp"):
        bad, usual, good = [
            len(await image_of(pool, html, output=output, **options))
            for options in ({"quality": 1}, {}, {"quality": 100})
        ]
        assert bad < usual < good


@pytest.mark.parametrize(
    ("html", "options", "code"),
    [
        ("x", {"selector": "##"}, "invalid_selector"),
        ("x", {"selector": "#box"}, "render_failed"),
        ("<p id=box style='display: none'>", {"selector": "#box"}, "render_failed"),
        ("<p style='height: 20000px'>", {"full_page": True}, "document_too_large"),
        (
            "<p style='height: 9000px'>",
            {"full_page": True, "device_scale": 2},
            "document_too_large",
        ),
    ],
)
async def test_images_that_cannot_be(
    pool: RenderPool, html: str, options: dict[str, Any], code: str
) -> None:
    """What is not there or too large ends the job, and trying again is pointless."""
    with pytest.raises(Unrecoverable) as caught:
        await image_of(pool, html, **options)
    assert caught.value.code == code


async def test_the_html_is_that_of_the_page(pool: RenderPool) -> None:
    """Output html gives the document as its scripts have made it."""
    html = "<!doctype html><title>t</title><p id=a>x<script>a.textContent = 'Ünïcode'</script>"
    wanted = RenderOptions(output="html", javascript=True)
    page = (await pool.render(html, wanted, deadline=soon())).data.decode()
    assert page.startswith("<!DOCTYPE html><html>")
    assert '<p id="a">Ünïcode</p>' in page


async def test_no_script_runs_where_none_shall(pool: RenderPool) -> None:
    """Without javascript nothing runs in an image or a long page, frames of all kinds included."""
    html = """<p>static<noscript>alternative</noscript><script>document.body.append('ran')</script>
        <iframe sandbox=allow-scripts srcdoc="<script>document.write('ran')</script>"></iframe>
        <iframe src="data:text/html,<script>document.write('ran')</script>"></iframe>"""
    pdf = await pool.render(html, RenderOptions(single_page=True), deadline=soon())
    (text,) = page_texts(pdf.data)
    assert "static" in text
    assert "alternative" in text
    assert "ran" not in text
