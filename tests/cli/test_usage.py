"""What the command says about itself, and about command lines that are wrong."""

import pkgutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobqueue.cli import verbs
from jobqueue.cli.main import VERBS, commands, run

from .conftest import Cli


def test_help_names_every_verb(cli: Cli) -> None:
    """`jobqueue --help` lists every verb in 80 columns, with the exit codes."""
    answer = cli("--help")
    assert answer.returncode == 0
    assert all(f"  {verb} " in answer.stdout for verb in VERBS)
    assert "4 timed out waiting" in answer.stdout
    assert max(map(len, answer.stdout.splitlines())) <= 80


def test_help_is_shown_without_arguments(cli: Cli) -> None:
    """`jobqueue` alone is as good as asking for help."""
    assert cli().stdout == cli("--help").stdout


def test_help_loads_nothing_heavy(cli: Cli) -> None:
    """Help is there at once: no browser, HTTP or Redis library is loaded for it."""
    answer = cli("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & {"aiohttp", "playwright", "redis", "pydantic", "aiobotocore", "asyncio"}


@pytest.mark.parametrize("name", VERBS)
def test_each_verb_has_help_with_an_example(name: str) -> None:
    """The help of each verb says what the list of verbs says, and ends with an example."""
    answer = CliRunner().invoke(commands, [name, "--help"], terminal_width=80)
    assert answer.exit_code == 0
    assert VERBS[name] in answer.output
    assert "Example:\n  jobqueue " in answer.output
    assert max(map(len, answer.output.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["submti"], "No such command 'submti'"),
        (["get"], "Missing argument 'ID'"),
        (["submit", "echo", "--priority", "urgent"], "--priority"),
        (["submit", "echo", "--delay", "nan"], "'nan' is not a number of seconds"),
        (["submit", "echo", "--data", "{"], "--data is not JSON"),
        (["submit", "echo", "--data", '{"a": NaN}'], "NaN is not a JSON number"),
        (["submit", "echo", "--data", "@missing.json"], "cannot read missing.json: No such file"),
        (["submit", "echo", "--template", "invoice"], "belong to report-generation"),
        (["submit", "report-generation", "--option", "scale=2"], "--template or --html"),
        (["submit", "report-generation", "--html", "x", "--template", "y"], "--template or --html"),
        (["submit", "report-generation", "--html", "x", "--data", "{}"], "whole document"),
        (["submit", "report-generation", "--html", "x", "--option", "a"], "name=value"),
        (["submit", "echo", "--out", "missing/out.pdf"], "there is no folder missing"),
        (["list", "--state", "gone"], "no such state 'gone'"),
        (["serve", "--role", "api,cook"], "no such role 'cook'"),
        (["serve", "--queues", "reports"], "as reports=2,mail=50"),
        (["serve", "--port", "80800"], "--port"),
        (["get", "x", "--url", "localhost:8080"], "use http://host:port"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong command line ends with 2 and one line that says what is right."""
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_a_file_without_at_sign_is_recognised(cli: Cli, tmp_path: Path) -> None:
    """Who forgets the `@` before a file name is told so."""
    (tmp_path / "data.json").write_text("{}")
    assert "did you mean @data.json?" in cli("submit", "echo", "--data", "data.json").stderr


def test_debug_shows_the_traceback(cli: Cli) -> None:
    """With --debug, wherever it stands, an error comes with its traceback."""
    for arguments in (["--debug", "get"], ["get", "--debug"]):
        assert "Traceback" in cli(*arguments).stderr


def test_every_verb_has_a_module() -> None:
    """The table of verbs and the folder of verbs name the same ones."""
    modules = {module.name for module in pkgutil.iter_modules(verbs.__path__)}
    assert modules == set(VERBS)
