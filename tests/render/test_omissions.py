"""What is told about the parts of a document that are not printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.render.omissions import (
    MAX_WARNINGS,
    is_plain,
    leaves_traces,
    list_omissions,
    may_decode,
    may_go_on,
    shows_images,
)


@pytest.mark.parametrize(
    "html",
    [
        "<p>plain",
        "<meta charset=utf-8><META CHARSET='utf-8' />",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<style>@page { margin: 1cm }</style><img src=a.png><script>1</script>",
    ],
)
def test_plain_documents_leave_no_traces(html: str) -> None:
    """The page that printed them takes the next document at once."""
    assert not leaves_traces(html)


@pytest.mark.parametrize(
    "html",
    [
        "<base href=x>",
        "<BASE href=x>",
        "<link rel=stylesheet href=x>",
        "<iframe srcdoc=x>",
        "<object data=x>",
        "<meta http-equiv=refresh content=1>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">",
        "<meta name=color-scheme content=dark>",
        "<meta/charset=utf-8 http-equiv=refresh>",
        "<meta charset=utf-8 http-equiv=refresh content=1>",
        """<meta name="viewport' content='a'>" http-equiv="refresh" content="0;url=x">""",
        '<meta name=author content="a>b" http-equiv=refresh>',
        "<noscript><meta http-equiv=refresh></noscript>",
    ],
)
def test_documents_that_set_something_leave_traces(html: str) -> None:
    """What the page's Document would keep for the next one is noticed, however it is written."""
    assert leaves_traces(html)


TAGS = ["base", "link", "iframe", "object", "video", "img", "image", "script", "meta", "META"]
PARTS = ["<", "<", ' charset="utf-8">', " rel=stylesheet href=x", "ba", "se", "\u212a", "p>"]
pieces = st.sampled_from(TAGS + PARTS)


@given(st.lists(pieces, max_size=12).map("".join))
def test_a_plain_document_has_nothing_to_be_found(html: str) -> None:
    """The fast look never passes over what the thorough one finds."""
    if is_plain(html):
        assert not leaves_traces(html)
        assert not shows_images(html)
        assert list_omissions(html, failed=[], broken_images=[]) == ()


@pytest.mark.parametrize(
    "html",
    [
        "<table background='data:,'>",
        "<body background\n=x>",
        "<p style='background: url(data:,)'>",
        "<style>p { background: image-set('data:,' 1x) }</style>",
        "<style>p { background: \\75rl(data:,) }</style>",
        "<style>p { background: \\000055 rl(data:,) }</style>",
        "<style>p { background: \\url(data:,) }</style>",
        "<style>@import 'data:text/css,'</style>",
        "<style>@\\69mport 'data:text/css,'</style>",
        "<input type=image src='data:,'>",
        "<svg><use href='data:,#a'></svg><svg><feImage href='data:,'></svg>",
    ],
)
def test_a_document_that_refers_to_something_is_not_plain(html: str) -> None:
    """It is printed when all of it has come, not as soon as it is read."""
    assert not is_plain(html)


def test_escapes_that_spell_no_letter_are_plain() -> None:
    """Dashes and quotes in styles do not make a document slower."""
    assert is_plain(r"<style>p::before { content: '\2014\a0 \201c' }</style>")


def test_everything_left_out_is_told() -> None:
    """Scripts, failed addresses, broken images, relative styles and frames are listed."""
    html = (
        "<script>1</script><SCRIPT src=x></SCRIPT><script type='application/ld+json'>{}</script>"
        "<img src='https://example.com/a.png?b=1&amp;c=2'><img src=b.png>"
        "<link href='style.css' rel='stylesheet'><iframe src=x></iframe><iframe></iframe>"
    )
    warnings = list_omissions(
        html,
        failed=["https://example.com/a.png?b=1&c=2"],
        broken_images=["https://example.com/a.png?b=1&c=2", "b.png"],
    )
    assert warnings == (
        "scripts not run: 2 (documents are rendered without JavaScript)",
        "not loaded, documents have no network: https://example.com/a.png?b=1&c=2",
        "image not shown: b.png (embed images as data: addresses)",
        "stylesheet not loaded: style.css (put styles into the document)",
        "content of <iframe> elements is not loaded",
    )


def test_addresses_of_another_document_are_not_told() -> None:
    """What the document does not name itself is counted, not shown."""
    assert list_omissions("<p>", failed=["https://other.example/secret"], broken_images=[]) == (
        "not loaded, documents have no network: 1 other addresses",
    )


def test_warnings_are_bounded() -> None:
    """Neither their number nor their length can fill a result."""
    names = [f"{n}{'x' * 1000}.png" for n in range(500)]
    warnings = list_omissions("", failed=[], broken_images=[*names, "data:" + "x" * 1000])
    assert len(warnings) == MAX_WARNINGS
    assert warnings[-1] == f"and {501 - MAX_WARNINGS + 1} more"
    assert max(map(len, warnings)) < 200


@pytest.mark.parametrize(
    "script",
    [
        "requestAnimationFrame(draw)",
        "window['set' + 'Timeout'](draw, 9)",
        "new IntersectionObserver(draw).observe(document.body)",
        "(async () => { await ready; draw() })()",
        "document.addEventListener('DOMContentLoaded', draw)",
        "load().then(draw)",
        "new Function('draw()')()",
    ],
)
def test_a_script_that_may_go_on_is_waited_for(script: str) -> None:
    """Whatever a script can be called by after the load event makes the lane look whether it is."""
    assert may_go_on(f"<p>x</p><script>{script}</script>")
    assert may_go_on('<body onload="draw()">')


def test_a_script_that_runs_once_is_not_waited_for() -> None:
    """What has run when the document is loaded costs no frames."""
    assert not may_go_on("<p id=a></p><script>a.textContent = (5).toFixed(2)</script>")
    assert not may_go_on("<p>no script at all, no setTimeout either")


@pytest.mark.parametrize("html", ["<img src=x>", "<svg></svg>", "<style>@font-face {}</style>"])
def test_what_is_decoded_late_is_waited_for(html: str) -> None:
    """Images and fonts may not be ready at the load event."""
    assert may_decode(html)
    assert not may_decode("<p style='font-family: serif'>text")
