"""What every file keeps to, beside the import contracts of `lint-imports`."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LONGEST = {"jobqueue": 300, "scripts": 300, "tests": 400}
COMPANIONS = {
    "aiohttp": {"yarl"},
    "aiobotocore": {"botocore", "types_aiobotocore_s3"},
    "jinja2": {"markupsafe"},
    "jsonschema": {"referencing"},
    "pydantic": {"pydantic_core"},
    "pytest": {"packaging"},
}
"""What the documentation of a library has one import beside it."""
PEERS = [path for path in (ROOT / "tests").rglob("peers/*.py") if path.with_suffix(".txt").exists()]
"""Drivers of the benchmarks that run in an environment of their own."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def files(*folders: str) -> list[Path]:
    """All Python files of these folders."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_modules(*paths: Path) -> set[str]:
    """What these files import from outside: neither Python's own nor ours."""
    modules = {name.partition(".")[0] for path in paths for name in imports(path)}
    return modules - sys.stdlib_module_names - {"jobqueue", "tests"}


def users(name: str) -> set[str]:
    """The files of the package that import `name` or something in it."""
    return {
        str(path.relative_to(ROOT))
        for path in files("jobqueue")
        if any(f"{imported}.".startswith(f"{name}.") for imported in imports(path))
    }


def declared(*extras: str) -> set[str]:
    """Names of the packages that the project says it needs."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_no_file_is_too_long() -> None:
    """A file is short enough to be read in one go."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for folder, longest in LONGEST.items()
        for path in files(folder)
        if len(path.read_text().splitlines()) > longest
    }
    assert lengths == {}


def test_one_place_reads_the_environment() -> None:
    """Only the settings loader and the command line look at the environment."""
    readers = {
        str(path.relative_to(ROOT))
        for path in files("jobqueue")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    }
    assert {path for path in readers if not path.startswith("jobqueue/cli/")} == {
        "jobqueue/config.py"
    }


@pytest.mark.parametrize(
    ("name", "place"),
    [("aiohttp.web", "jobqueue/http/"), ("aiobotocore", "jobqueue/storage/s3")],
)
def test_one_place_knows_the_library(name: str, place: str) -> None:
    """Each outside system is spoken to from one place."""
    assert users(name)
    assert {path for path in users(name) if not path.startswith(place)} == set()


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("jobqueue", ["charts", "embedded", "jwt", "testing", "uvloop"]),
        ("tests", ["charts", "embedded", "jwt", "uvloop", "dev"]),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: list[str]) -> None:
    """Nothing works only because another package happens to bring a library along."""
    packages = packages_distributions()
    known = declared(*extras)
    allowed = set().union(*(COMPANIONS.get(name, set()) for name in known))
    paths = [path for path in files(folder) if path not in PEERS]
    undeclared = {
        module
        for module in top_modules(*paths) - allowed
        if not {canonicalize_name(name) for name in packages.get(module, [])} & known
    }
    assert undeclared == set()


@pytest.mark.parametrize("driver", PEERS, ids=lambda driver: driver.stem)
def test_a_peer_of_the_benchmarks_declares_what_it_imports(driver: Path) -> None:
    """Its environment holds what is in its own file, and nothing of ours."""
    pins = driver.with_suffix(".txt").read_text().splitlines()
    pinned = {canonicalize_name(Requirement(line).name) for line in pins}
    modules = top_modules(driver, driver.with_name("_driver.py"))
    assert {canonicalize_name(module) for module in modules} - pinned == set()


def test_every_data_file_is_in_the_package() -> None:
    """An installed jobqueue has the scripts and templates that the checkout has."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = config["package-data"]["jobqueue"]
    package = ROOT / "jobqueue"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    data = {path for path in package.rglob("*") if path.is_file()}
    assert {
        str(path.relative_to(ROOT)) for path in data - packed if path.suffix not in {".py", ".pyc"}
    } == set()


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("requirements.txt", ["charts", "embedded", "jwt", "uvloop"]),
        ("requirements-dev.txt", ["charts", "embedded", "jwt", "uvloop", "dev"]),
    ],
)
def test_what_is_declared_is_pinned(file: str, extras: list[str]) -> None:
    """After a change of pyproject.toml somebody ran `make requirements`."""
    text = (ROOT / file).read_text()
    pinned = {
        canonicalize_name(Requirement(line.rstrip("\\ ")).name)
        for line in text.splitlines()
        if line and line[0] not in " #"
    }
    assert declared(*extras) - pinned == set()
