"""Users' templates: what they can do, and what nobody can do with them."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jobqueue.errors import InvalidRequest, Unrecoverable
from jobqueue.render.filling.filler import Filler
from jobqueue.render.filling.limits import CPU_SECONDS
from jobqueue.render.filling.process import ChildLost
from jobqueue.render.options import RenderOptions
from jobqueue.render.template_files import TemplateFiles

from .helpers import descendants, until

ROOT = Path(__file__).parents[2]
DEFAULT = RenderOptions()
HELLO = "<p>hello {{ name }}</p>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filler() -> AsyncIterator[Filler]:
    """One filling process."""
    filler = Filler(1)
    yield filler
    await filler.close()


def letter(html: str, **files: bytes) -> TemplateFiles:
    """A template of this text; `a_html` is a file `a.html`."""
    others = {name.replace("_", "."): content for name, content in files.items()}
    return TemplateFiles("letter", 3, {"template.html": html.encode(), **others})


async def fill(filler: Filler, html: str, data: Any = None, **files: bytes) -> str:
    """A template of this text, filled."""
    return await filler.fill(letter(html, **files), data or {}, DEFAULT)


async def failure(filler: Filler, html: str, **files: bytes) -> tuple[str, str]:
    """The code and message with which a template fails."""
    with pytest.raises(Unrecoverable) as caught:
        await fill(filler, html, **files)
    return caught.value.code, str(caught.value)


async def test_fills_and_escapes(filler: Filler) -> None:
    """Data is put into the text, and is never HTML."""
    assert await fill(filler, HELLO, {"name": "<b>"}) == "<p>hello &lt;b&gt;</p>"


async def test_has_its_own_files_and_the_shared_ones(filler: Filler) -> None:
    """A template extends and includes its own files and the shipped parts."""
    html = "{% extends 'base.html' %}{% block body %}{% include 'shared/paper.css' %}{% endblock %}"
    made = await fill(filler, html, base_html=b"<main>{% block body %}{% endblock %}</main>")
    assert made.startswith("<main>:root")
    assert await fill(filler, "{{ asset('a.png') }}", a_png=b"abc") == "data:image/png;base64,YWJj"


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../invoice/template.html", "invoice/template.html", "shared/../x", "C:\\x"],
)
async def test_has_no_other_files(filler: Filler, name: str) -> None:
    """No path leads out of the template."""
    for html in (f"{{% include {name!r} %}}", f"{{% import {name!r} as x %}}"):
        code, message = await failure(filler, html)
        assert (code, "there is no file" in message) == ("template_error", True)
    assert "no file" in (await failure(filler, f"{{{{ asset({name!r}) }}}}"))[1]


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__[1].__subclasses__()",
        "''|attr('__class__')",
        "'{0.__class__}'.format(1)",
        "'{a.__class__}'.format_map({'a': 1})",
        "('{0.__class__}'|string).format(1)",
        "cycler.__init__.__globals__",
        "joiner.__init__.__globals__.os",
        "namespace.__init__.__globals__",
        "range.__globals__",
        "money.__globals__",
        "self.__init__.__globals__",
        "self._TemplateReference__context",
        "asset.func.__globals__",
        "chart.__closure__",
        "invoice_figures.__globals__['__builtins__']",
        "lipsum.__globals__",
        "(1).__class__",
        "data.update({'x': 1})",
        "data.__class__",
    ],
)
async def test_the_sandbox_holds(filler: Filler, expression: str) -> None:
    """What leads out of the sandbox is an error, and shows nothing."""
    code, message = await failure(filler, f"\n{{{{ {expression} }}}}")
    assert code in {"template_forbidden", "template_error"}
    assert "template.html, line 2" in message
    assert "/" not in message.replace("template.html", "")  # no path of this machine


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ("{% for i in range(10**9) %}{% endfor %}", "template_range_too_large"),
        ("{{ 'x' * 10**10 }}", "template_out_of_memory"),
        ("{{ '%9999999999s' % 1 }}", "template_out_of_memory"),
        ("{{ '{:>9999999999}'.format(1) }}", "template_out_of_memory"),
        ("{{ 'x'.ljust(10**10) }}", "template_out_of_memory"),
        ("{{ ('x' * 10**8)|replace('x', 'x' * 100) }}", "template_out_of_memory"),
        ("{{ [0] * 10**9 }}", "template_out_of_memory"),
        ("{{ 10 ** (n ** 9) }}", "template_number_too_large"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "template_too_deep"),
        ("{% include 'template.html' %}", "template_too_deep"),
        (
            "{% for i in range(9999) %}{{ 'x' * 10000 }}{% endfor %}",
            "template_output_too_large",
        ),
    ],
)
async def test_each_limit_has_its_code_and_line(filler: Filler, html: str, code: str) -> None:
    """What would eat the machine ends at once, and says which limit it met and where."""
    with pytest.raises(Unrecoverable) as caught:
        await fill(filler, f"\n{html}", {"n": 9})
    assert caught.value.code == code
    assert str(caught.value).startswith("template letter@3, template.html, line 2: ")
    assert await fill(filler, HELLO, {"name": "next"}) == "<p>hello next</p>"


async def test_loops_end_by_time(filler: Filler) -> None:
    """Loops in loops end when their processor time is over, and say where they were."""
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    code, message = await failure(filler, f"\n\n{loop}")
    assert code == "template_too_slow"
    assert "template.html, line 3" in message


async def test_what_no_signal_interrupts_is_killed(filler: Filler) -> None:
    """A computation inside of C ends too, only without its line."""
    # one product of two numbers of 30 MB, which Python computes without a look at signals
    html = "{% set n = ('7' * 4000)|int %}" + "{% set n = n * n %}" * 14 + "{{ n > 1 }}"
    code, _ = await failure(filler, html)
    assert code == "template_too_slow"
    assert CPU_SECONDS <= 15


async def test_a_syntax_error_names_file_and_line(filler: Filler) -> None:
    """A template that does not compile is refused with the place."""
    with pytest.raises(InvalidRequest) as caught:
        await filler.check(letter("{% include 'a.html' %}", a_html=b"\n\n{% if %}"))
    (error,) = caught.value.errors
    assert error.path == "/files/a.html"
    assert error.message.startswith("line 3: ")


async def test_no_document_sees_another(filler: Filler) -> None:
    """Whatever a template did to its process is gone with the next one."""
    await fill(filler, "{% set secret = 'abc' %}{{ namespace(x=1).x }}")
    assert (await failure(filler, "{{ secret }}"))[0] == "template_error"
    child = filler._children[0].pid
    assert child is not None
    assert list(descendants(child)) == []


async def test_children_have_no_environment(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets in the environment of the service are not in the filling process."""
    secret = secrets.token_hex(8)
    monkeypatch.setenv("JOBQUEUE_TEST_SECRET", secret)
    await filler.close()
    await fill(filler, HELLO, {"name": "x"})
    pid = filler._children[0].pid
    with open(f"/proc/{pid}/environ", "rb") as environ:  # noqa: ASYNC230, PTH123
        assert secret.encode() not in environ.read()


async def test_a_killed_process_is_replaced(filler: Filler) -> None:
    """When the kernel kills the process, that document may be tried again and the next works."""
    await fill(filler, HELLO, {"name": "x"})
    pid = filler._children[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ChildLost):
        await fill(filler, HELLO, {"name": "x"})
    assert await fill(filler, HELLO, {"name": "y"}) == "<p>hello y</p>"


async def test_cancelling_ends_the_work() -> None:
    """A job that is cancelled leaves no process behind that goes on."""
    filler = Filler(1)
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    work = asyncio.create_task(fill(filler, loop))
    await until(lambda: bool(filler._children[0].pid))
    pid = filler._children[0].pid
    assert pid is not None
    await until(lambda: bool(list(descendants(pid))))
    (fork,) = descendants(pid)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await until(lambda: not os.path.exists(f"/proc/{fork}/exe"))  # noqa: PTH110
    await filler.close()


async def test_wrong_data_is_named(filler: Filler) -> None:
    """A template's schema is checked, and nothing is fetched for it."""
    schema = b'{"properties": {"n": {"type": "integer"}}, "required": ["n"]}'
    with pytest.raises(InvalidRequest) as caught:
        await filler.validate(letter("x", schema_json=schema), {"n": "1"}, at="/data")
    assert [error.path for error in caught.value.errors] == ["/data/n"]


@pytest.mark.parametrize(
    "schema",
    [
        b'{"$ref": "http://127.0.0.1:9/schema.json"}',
        b'{"$ref": "file:///etc/passwd"}',
        b'{"$ref": "#"}',
        b'{"properties": {"n": {"pattern": "^(a+)+$"}}}',
    ],
    ids=["http", "file", "endless", "slow"],
)
async def test_a_hostile_schema_harms_nobody(filler: Filler, schema: bytes) -> None:
    """A schema that loads, loops or takes for ever is told as an error of the data's check."""
    with pytest.raises(InvalidRequest) as caught:
        await filler.validate(letter("x", schema_json=schema), {"n": "a" * 40 + "!"}, at="/data")
    assert "cannot be checked" in caught.value.errors[0].message


def confined_in_a_process(code: str) -> str:
    """What a process prints that has confined itself and then runs `code`."""
    source = f"import os, socket\nfrom jobqueue.render.filling import work\n{code}"
    ran = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "escape",
    [
        "open('/etc/passwd').read()",
        "open('/tmp/x', 'w')",
        "os.open('/etc/passwd', os.O_RDONLY)",
        "open(work.READABLE[0] / '..' / 'x.txt')",
        "os.listdir('/')",
        "os.system('id')",
        "os.execv('/bin/true', ['true'])",
        "socket.socket()",
        "__import__('ctypes').CDLL(None)",
    ],
)
def test_who_gets_out_of_the_sandbox_stands_before_a_wall(escape: str) -> None:
    """Even Python code in a filling process reaches neither files nor network nor programs."""
    printed = confined_in_a_process(f"work.confine(work.READABLE)\n{escape}\nprint('ESCAPED')")
    assert "a template may not do this" in printed
    assert "ESCAPED" not in printed


def test_time_zones_need_none_of_the_machine() -> None:
    """A machine without a table of time zones has that of the package tzdata."""
    printed = confined_in_a_process(
        "import zoneinfo\nzoneinfo.reset_tzpath(())\nwork.warm_up()\n"
        "work.confine(work.READABLE)\nprint(zoneinfo.ZoneInfo('Asia/Tokyo'))"
    )
    assert printed.strip() == "Asia/Tokyo"
