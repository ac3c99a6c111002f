"""Documents whose scripts mean harm: each ends in time and harms nobody else."""

import asyncio
import time

import pytest

from jobqueue.errors import Unrecoverable
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered
from jobqueue.settings import LimitSettings, RenderSettings
from tests.support.stalls import watching_for_stalls

from .helpers import descendants, page_texts, soon, until

pytestmark = pytest.mark.browser

SECONDS = 2.5
"""What each of them gets."""

GRACE = 2.0
"""Seconds after its time in which a job must have its error."""

STALL = 0.5
"""Seconds of a machine's standing still that make a measurement void: virtual machines do so under
floods of calls, for up to 9 s and for every process, with no time stolen."""

TRIES = 4
"""Measurements after a void one; the last one counts whatever the machine did."""

ENDLESS = {
    "loop": "while (true);",
    "loop while printed": "onbeforeprint = () => { while (true); }",
    "dialogs": "for (;;) alert()",
    "windows": "for (;;) window.open('about:blank')",
    "writes": "for (;;) document.write('x')",
    "console": "for (;;) console.log('x'.repeat(1000))",
    "promises": "(function next() { Promise.resolve().then(next) })()",
    "workers": "for (;;) new Worker(URL.createObjectURL(new Blob(['for (;;);'])))",
    "history": "for (;;) history.pushState({}, '', '#' + Math.random())",
    "elements": "for (;;) document.body.append(document.createElement('p'))",
}
HARMLESS = {
    "timers": "setInterval(() => { for (let n = 0; n < 1e5; n++); }, 0)",
    "frames": "(function next() { requestAnimationFrame(next) })()",
    "mutations": "setInterval(() => document.body.append(' '), 0)",
    "downloads": "for (let n = 0; n < 50; n++) save.click()",
    "some windows": "for (let n = 0; n < 50; n++) window.open('about:blank')",
    "no frames": "window.requestAnimationFrame = window.MutationObserver = () => 0",
    "print": "window.print(); prompt('x'); confirm('y')",
}


async def render(pool: RenderPool, script: str, seconds: float = SECONDS) -> Rendered:
    """A document with this script."""
    html = f"<body><a id=save download href='data:text/plain,x'>there</a><script>{script}</script>"
    return await pool.render(html, RenderOptions(javascript=True), deadline=soon(seconds))


async def neighbours(pool: RenderPool, done: asyncio.Event) -> int:
    """Render documents of others in both lanes until `done`; gives their number."""
    count = 0
    while not done.is_set():
        static = await pool.render("static", RenderOptions(), deadline=soon())
        assert page_texts(static.data) == ["static"]
        scripted = await render(pool, "document.body.append('neighbour')", 40)
        assert page_texts(scripted.data) == ["thereneighbour"]
        count += 2
    return count


async def end_of(pool: RenderPool, script: str) -> tuple[float, float]:
    """Seconds until a document that never ends was ended, and for which the machine stood still."""
    with watching_for_stalls() as stalls:
        begin = time.perf_counter()
        with pytest.raises(RenderTimeout):
            await render(pool, script)
        taken = time.perf_counter() - begin
    return taken, stalls.longest


@pytest.mark.parametrize("script", ENDLESS.values(), ids=ENDLESS)
async def test_what_never_ends_is_ended_in_time(pool: RenderPool, script: str) -> None:
    """The job has its error within two seconds of its time; others' documents go on meanwhile."""
    done = asyncio.Event()
    others = asyncio.create_task(neighbours(pool, done))
    try:
        taken, stall = await end_of(pool, script)
        for _ in range(TRIES):
            if stall > STALL:
                taken, stall = await end_of(pool, script)
        assert taken < SECONDS + GRACE
    finally:
        done.set()
        assert await others > 0


@pytest.mark.parametrize("script", HARMLESS.values(), ids=HARMLESS)
async def test_what_goes_on_is_printed_as_it_is(pool: RenderPool, script: str) -> None:
    """Activity without end does not keep a document from being printed."""
    assert page_texts((await render(pool, script, 20)).data)[0].startswith("there")


@pytest.mark.parametrize(
    "script",
    [
        "const all = []; for (;;) all.push({a: [1, 2, 3]})",
        "const all = []; for (;;) all.push(new Uint8Array(5e7).fill(1))",
    ],
    ids=["heap", "typed arrays"],
)
async def test_bombs_of_memory_end_their_jobs(script: str) -> None:
    """A script that takes too much memory ends its job for good, and its renderer only."""
    limit = 400 * 1024 * 1024
    pool = RenderPool(RenderSettings(slots=2), LimitSettings(), max_memory=limit)
    await pool.start()
    try:
        await render(pool, "", 40)
        browser = pool._scripted.supply.browser
        done = asyncio.Event()
        others = asyncio.create_task(neighbours(pool, done))
        with pytest.raises(Unrecoverable, match="more than 400 MiB of memory") as caught:
            await render(pool, script, 30)
        assert caught.value.code == "document_too_large"
        done.set()
        assert await others > 0
        assert pool._scripted.supply.browser is browser
    finally:
        await pool.close()


async def test_nothing_stays_of_what_was_ended(own_pool: RenderPool) -> None:
    """The process of a document that never ends goes with its job."""
    await render(own_pool, "", 40)
    supply = own_pool._scripted.supply
    assert supply.browser is not None
    pid = supply.browser._processes[0].pid
    await until(lambda: len(supply._pages) == 2 and len(own_pool._scripted.lane._idle) == 2)
    before = len(list(descendants(pid)))
    for script in ("while (true);", ENDLESS["workers"]):
        with pytest.raises(RenderTimeout):
            await render(own_pool, script, 1)
    await until(lambda: len(own_pool._scripted.lane._idle) == 2)
    await until(lambda: len(list(descendants(pid))) <= before)
