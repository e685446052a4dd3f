"""What Airflow and pip see of the installed distribution."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint, distribution
from pathlib import Path
from typing import Any

import airflow
import jsonschema

import airflow_provider_dingpush
from airflow_provider_dingpush.provider_info import get_provider_info

DISTRIBUTION = "airflow-provider-dingpush"
README = Path(__file__).resolve().parents[2] / "README.md"


def entry_point(group: str, name: str) -> EntryPoint:
    (found,) = distribution(DISTRIBUTION).entry_points.select(group=group, name=name)
    return found


def airflow_schema(file_name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(Path(airflow.__path__[0], file_name).read_text("utf-8"))
    return schema


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def airflow_rows(home: Path, *command: str) -> list[dict[str, Any]]:
    """The rows that an Airflow command prints as JSON, below whatever it logs.

    :param home: where it writes a configuration with all defaults, which other tests must not find.
    """
    printed = run(sys.executable, "-m", "airflow", *command, "--output", "json", AIRFLOW_HOME=str(home))
    rows: list[dict[str, Any]] = json.loads(printed.splitlines()[-1])
    return rows


def test_the_installed_version_is_the_one_in_the_code() -> None:
    assert distribution(DISTRIBUTION).version == airflow_provider_dingpush.__version__


def test_airflow_finds_the_provider_info() -> None:
    assert entry_point("apache_airflow_provider", "provider_info").load() is get_provider_info


def test_provider_info_names_the_distribution() -> None:
    assert get_provider_info()["package-name"] == distribution(DISTRIBUTION).metadata["Name"] == DISTRIBUTION


def test_provider_info_is_what_this_airflow_accepts() -> None:
    jsonschema.validate(get_provider_info(), airflow_schema("provider_info.schema.json"))


def test_provider_info_is_what_airflow_demands_of_its_own_providers() -> None:
    """This schema knows every key, the fields of connection forms among them; the other lets typing errors pass."""
    # Required there: what only a release of Airflow's own providers has.
    schema = airflow_schema("provider.yaml.schema.json") | {"required": []}
    jsonschema.validate(get_provider_info(), schema)


def test_every_class_in_provider_info_exists() -> None:
    info = get_provider_info()
    named = [each["hook-class-name"] for each in info["connection-types"]]
    named += info["notifications"]
    named += [each["class-name"] for each in info.get("task-decorators", [])]
    for path in named:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path


def test_airflow_lists_the_provider_with_its_version(tmp_path: Path) -> None:
    versions = {row["package_name"]: row["version"] for row in airflow_rows(tmp_path, "providers", "list")}
    assert versions[DISTRIBUTION] == airflow_provider_dingpush.__version__


def test_airflow_shows_the_provider(tmp_path: Path) -> None:
    (shown,) = airflow_rows(tmp_path, "providers", "get", DISTRIBUTION)
    assert shown["Version"] == airflow_provider_dingpush.__version__


def test_airflow_lists_the_hooks(tmp_path: Path) -> None:
    listed = {row["connection_type"]: row for row in airflow_rows(tmp_path, "providers", "hooks")}
    for ours in get_provider_info()["connection-types"]:
        row = listed[ours["connection-type"]]
        assert row["package_name"] == DISTRIBUTION
        # A hook that can't be imported is listed as well, with this in the place of its name.
        assert row["hook_name"] == ours["hook-name"]


def test_airflow_lists_the_notifications(tmp_path: Path) -> None:
    listed = {row["notification_class_name"] for row in airflow_rows(tmp_path, "providers", "notifications")}
    assert listed >= set(get_provider_info()["notifications"])


def dingpush(*arguments: str) -> str:
    command = shutil.which("dingpush", path=str(Path(sys.executable).parent))
    assert command is not None, "the dingpush command is not installed"
    return run(command, *arguments)


def test_the_command_is_installed_and_prints_its_version() -> None:
    assert dingpush("--version").split() == ["dingpush", airflow_provider_dingpush.__version__]


def readme_commands() -> list[list[str]]:
    """The ``dingpush`` commands in README.md's blocks, without the rest of their lines."""
    blocks = re.findall(
        r"^```(?:bash|console|sh|shell)\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    found = [re.search(r"(?:^|[\s/])(dingpush\s[^#;|&>]*)", line) for line in lines]
    return [shlex.split(each[1]) for each in found if each]


def test_the_commands_of_the_readme_exist() -> None:
    commands = readme_commands()
    assert commands
    for _, *arguments in commands:
        words = [each for each in arguments if not each.startswith("-")]
        options = {each.partition("=")[0] for each in arguments if each.startswith("-")}
        usage = dingpush(*words[:1], "--help")
        assert options <= set(re.findall(r"-[\w-]+", usage)), f"dingpush {shlex.join(arguments)}"
