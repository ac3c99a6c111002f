"""The files in config/: what people copy must work and be complete."""

import json
import re
from pathlib import Path

from dotenv import dotenv_values

from jobqueue.config import KEYS, LONG_NAMES, REDIS_PARTS, SHORT_NAMES, load_settings
from jobqueue.settings import Settings
from tests.support.settings import from_files

CONFIG = Path(__file__).parents[2] / "config"
TOML = (CONFIG / "jobqueue.example.toml").read_text()
ENV = CONFIG / "env.example"


def test_example_as_it_stands_changes_nothing(tmp_path: Path) -> None:
    """A copy of the example without any change gives the defaults."""
    settings, warnings = from_files(tmp_path, toml=TOML)
    assert (settings, warnings) == (Settings(data_dir=tmp_path / ".jobqueue"), [])


def test_example_names_every_setting(tmp_path: Path) -> None:
    """Every setting is in the example, once, with its default where it has one."""
    lines = re.sub(r"^#(?=[a-z_]+ = )", "", TOML, flags=re.MULTILINE)
    # a secret is for those who have no jwks
    settings, _ = from_files(tmp_path, toml=re.sub(r"^secret = ", "#", lines, flags=re.MULTILINE))
    named = []
    group = ""
    for line in lines.splitlines():
        if header := re.fullmatch(r"\[(.+)\]", line):
            group = f"{header[1]}."
        elif key := re.match(r"[a-z_]+(?= = )", line):
            named.append(f"{group}{key[0]}")
    assert sorted(named) == sorted(KEYS)

    without_default = {
        *("storage.endpoint_url", "storage.region", "storage.retention", "http.port"),
        *("http.token", "worker.id", "worker.queues", "worker.rates"),
        *("render.executable_path", "render.slots", "render.source_date_epoch"),
        *("render.allow_hosts", "render.deny_hosts", "render.templates"),
        "http.cors_origins",
        *(
            f"http.jwt.{name}"
            for name in ("issuer", "audience", "jwks", "algorithms", "tenant_claim")
        ),
    }
    defaults = Settings(data_dir=tmp_path / ".jobqueue")
    assert {
        name for name in KEYS if value(settings, name) != value(defaults, name)
    } <= without_default


def value(settings: Settings, name: str) -> object:
    """The setting of this dotted name."""
    found: object = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_env_example_is_understood() -> None:
    """Every variable in the example is taken; the commented ones exist."""
    environ = {name: text or "x" for name, text in dotenv_values(ENV).items()}
    settings, warnings = load_settings(environ=environ, cwd=Path("/nonexistent"))
    assert warnings == []
    assert settings.worker.queues == {"reports": 2, "mail": 50}
    ours = {*LONG_NAMES, *SHORT_NAMES, *REDIS_PARTS}
    assert environ.keys() - ours == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {*SHORT_NAMES, *REDIS_PARTS} <= set(re.findall(r"[A-Z_]{4,}", ENV.read_text()))


def test_seccomp_profile_lets_chromium_make_its_sandbox() -> None:
    """Every system call has one rule, and those that the sandbox is made of are allowed."""
    rules = json.loads((CONFIG / "container" / "seccomp.json").read_text())["syscalls"]
    action = {name: rule["action"] for rule in rules for name in rule["names"]}
    assert len(action) == sum(len(rule["names"]) for rule in rules)
    assert {action[name] for name in ("clone", "clone3", "unshare", "chroot")} == {"SCMP_ACT_ALLOW"}
    assert {action[name] for name in ("mount", "ptrace", "bpf", "keyctl", "setns")} == {
        "SCMP_ACT_ERRNO"
    }
