"""The two lanes together: isolation of scripted documents, shared slots, loss of a browser."""

import asyncio
import os
import signal
from typing import Any

import pytest

from jobqueue import metrics
from jobqueue.render.browser import Browser
from jobqueue.render.failures import BrowserLost
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.priority import NICENESS
from jobqueue.render.rendered import Rendered
from jobqueue.render.slots import Slots, Turn
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import is_running, page_texts, renderers, soon, until

pytestmark = pytest.mark.browser

CULPRIT = """<p>first<script>
window.secret = 'leak'; window.name = 'leak'; Array.prototype.secret = 'leak';
Date.now = () => 0; document.title = 'leak';
try { document.cookie = 'secret=leak' } catch {}
try { localStorage.secret = 'leak' } catch {}
try { indexedDB.open('leak') } catch {}
try { caches.open('leak') } catch {}
new BroadcastChannel('leak').postMessage('leak');
history.pushState({leak: 1}, '', '#leak');
setInterval(() => { document.body.append('leak') }, 1);
new MutationObserver(() => document.body.append('leak')).observe(document, {subtree: true});
</script>"""

WITNESS = """<p id=out><script>
const found = [];
const check = (what, test) => { try { if (test()) found.push(what) } catch {} };
check('global', () => window.secret || window.name || [].secret);
check('clock', () => Date.now() < 1e12);
check('title', () => document.title);
check('cookie', () => document.cookie);
check('storage', () => localStorage.secret);
check('history', () => history.length > 2 || location.hash || history.state);
new BroadcastChannel('leak').onmessage = () => found.push('message');
setTimeout(() => {
    check('timer', () => document.body.innerText.includes('leak'));
    out.textContent = 'found: ' + found.join(); window.done = true }, 300);
</script>"""


async def render(pool: RenderPool, html: str, **options: Any) -> Rendered:
    """A document with scripts."""
    wanted = RenderOptions.model_validate({"javascript": True, **options})
    return await pool.render(html, wanted, deadline=soon())


async def test_nothing_of_a_script_reaches_the_next_document(pool: RenderPool) -> None:
    """Globals, prototypes, storage, cookies, timers and messages end with their document."""
    await asyncio.gather(*(render(pool, CULPRIT) for _ in range(4)))
    witnesses = await asyncio.gather(
        *(render(pool, WITNESS, wait_expression="window.done") for _ in range(3)),
        *(render(pool, CULPRIT, wait_delay=0.3) for _ in range(2)),
    )
    for witness in witnesses[:3]:
        assert page_texts(witness.data) == ["found:"]
    leaks = await render(pool, CULPRIT + WITNESS, wait_expression="window.done")
    assert "global" in page_texts(leaks.data)[0]  # the witness would see


def browsers(pool: RenderPool) -> set[Browser]:
    """Those of the scripted lane that run."""
    return set(pool._scripted.supply._browsers)


async def test_who_needs_no_scripts_pays_nothing_for_them(own_pool: RenderPool) -> None:
    """The second browser is started by the first document that needs it, and then stays."""
    await own_pool.render("static", RenderOptions(), deadline=soon())
    assert browsers(own_pool) == set()
    await render(own_pool, "scripted")
    (browser,) = browsers(own_pool)
    await render(own_pool, "again")
    assert browsers(own_pool) == {browser}
    await until(lambda: len(own_pool._scripted.lane._idle) == 2)  # ready before anybody comes


async def test_both_lanes_share_the_slots(
    pool: RenderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium never works on more documents than there are slots, whatever lanes they need."""
    held: set[Turn] = set()
    numbers: list[int] = []
    take, give_back = Turn.take, Turn.give_back

    async def counted(turn: Turn, *, first: bool = False) -> None:
        await take(turn, first=first)
        held.add(turn)
        numbers.append(len(held))

    def uncounted(turn: Turn) -> None:
        held.discard(turn)
        give_back(turn)

    monkeypatch.setattr(Turn, "take", counted)
    monkeypatch.setattr(Turn, "give_back", uncounted)
    await asyncio.gather(*(render(pool, f"{n}", javascript=n % 2 == 0) for n in range(40)))
    assert (max(numbers), held) == (2, set())


async def test_who_only_waits_leaves_the_slot_to_others(own_pool: RenderPool) -> None:
    """A document that waits for its scripts holds nobody up, and goes on when its wait is over."""
    slow = asyncio.create_task(render(own_pool, "<script>x=1</script>slow", wait_delay=2))
    await until(lambda: own_pool._lane._slots._free == 0)
    for number in range(3):
        quick = await own_pool.render(f"quick {number}", RenderOptions(), deadline=soon())
        assert page_texts(quick.data) == [f"quick {number}"]
    assert not slow.done()
    assert page_texts((await slow).data) == ["slow"]


async def test_renderers_wait_for_everybody_else(pool: RenderPool) -> None:
    """Scripts in hundreds of threads do not take the turn of Chromium itself or of the program."""
    await render(pool, "first")
    for supply in (pool._supply, pool._scripted.supply):
        assert supply.browser is not None
        main = supply.browser._processes[0].pid
        niceness = {os.getpriority(os.PRIO_PROCESS, pid) for pid in renderers(main)}
        assert (niceness, os.getpriority(os.PRIO_PROCESS, main)) == ({NICENESS}, 0)


async def test_documents_of_both_lanes_are_taken_in_order(own_pool: RenderPool) -> None:
    """Neither lane overtakes the other while its pages are ready."""
    await render(own_pool, "first")
    await until(lambda: len(own_pool._scripted.lane._idle) == 2)
    busy = asyncio.create_task(render(own_pool, "<script>x=1</script>", wait_delay=0.5))
    done: list[int] = []

    async def one(number: int) -> None:
        await render(own_pool, "x", javascript=number == 2)
        done.append(number)

    await asyncio.gather(busy, *(one(number) for number in range(10)))
    assert done.index(2) < 6  # the prints of some and the fetch of one before overlap
    assert 0 in done[: done.index(2)]


async def test_a_slot_goes_to_whoever_waited_longest() -> None:
    """Slots are given in order of arrival; who gives up waiting costs nobody a slot."""
    slots, order = Slots(1), []
    await slots.acquire()

    async def take(name: str, *, first: bool = False) -> None:
        await slots.acquire(first=first)
        order.append(name)

    tasks = [asyncio.create_task(take(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(take("front", first=True)))
    await asyncio.sleep(0)
    slots.release()
    tasks[0].cancel()  # not the one that has just got the slot
    await tasks[3]
    slots.release()
    await tasks[1]
    tasks[2].cancel()
    slots.release()
    await asyncio.wait(tasks)
    assert order == ["front", "b"]
    async with asyncio.timeout(5):
        await slots.acquire()


@pytest.mark.parametrize("victim", ["browser", "driver", "renderer"])
async def test_a_loss_in_the_scripted_lane_is_nobody_else_s(
    own_pool: RenderPool, victim: str
) -> None:
    """A job whose page is killed may be tried again; static documents and the next one go on."""
    await render(own_pool, "first")
    browser = own_pool._scripted.supply.browser
    static = own_pool._supply.browser
    assert browser is not None
    chromium, driver = (process.pid for process in browser._processes)
    task = asyncio.create_task(render(own_pool, "x", wait_delay=20))
    await until(lambda: any(page._lent for page in own_pool._scripted.supply._pages))
    pids = {"browser": [chromium], "driver": [driver], "renderer": renderers(chromium)}[victim]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(BrowserLost):
        await task
    await own_pool.render("static", RenderOptions(), deadline=soon())
    assert page_texts((await render(own_pool, "next")).data) == ["next"]
    assert own_pool._supply.browser is static
    assert static is not None
    assert static.alive
    assert await own_pool.problem() is None


async def test_a_lane_without_a_browser_does_not_hold_the_slots(
    own_pool: RenderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the scripted browser cannot be started, static documents are printed."""
    executable = own_pool._executable
    monkeypatch.setattr(own_pool, "_executable", "/nonexistent/chromium")
    waiting = [asyncio.create_task(render(own_pool, "scripted")) for _ in range(3)]
    await until(lambda: own_pool._scripted.supply.problem is not None)
    for _ in range(3):
        await own_pool.render("static", RenderOptions(), deadline=soon())
    monkeypatch.setattr(own_pool, "_executable", executable)
    for pdf in await asyncio.gather(*waiting):
        assert page_texts(pdf.data) == ["scripted"]


async def test_scripted_browsers_are_replaced_after_their_time() -> None:
    """Every document is made while pages and browser are renewed beneath it."""
    restarts = metrics.BROWSER_RESTARTS.labels("worn")
    before = restarts._value.get()
    pool = RenderPool(RenderSettings(slots=2), LimitSettings(), max_scripted_renders=6)
    await pool.start()
    try:
        await render(pool, "first")
        first = pool._scripted.supply.browser
        assert first is not None
        pdfs = await asyncio.gather(*(render(pool, f"no {n}") for n in range(20)))
        assert [page_texts(pdf.data) for pdf in pdfs] == [[f"no {n}"] for n in range(20)]
        assert restarts._value.get() - before >= 2
        assert pool._scripted.supply.browser is not first
        await until(lambda: len(pool._scripted.supply._browsers) == 1)
        await until(lambda: not any(is_running(p.pid) for p in first._processes))
        assert not first._folder.path.exists()
    finally:
        await pool.close()
