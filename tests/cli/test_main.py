"""The ``dingpush`` command as a whole: which command runs, in which language, and how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_dingpush import __version__
from airflow_provider_dingpush.cli.main import main
from tests.outbox_in_use import put_alerts

PROGRAM = shutil.which("dingpush", path=str(Path(sys.executable).parent)) or "dingpush"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"dingpush {__version__}\n"


@pytest.mark.parametrize("arguments", [["nothing"], ["status", "--nothing"], ["dead-letters", "bury"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: dingpush" in capsys.readouterr().err


def test_without_arguments_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, as with --help."""
    assert main([]) == 0
    printed = capsys.readouterr()
    assert main(["--help"]) == 0
    assert printed == capsys.readouterr()
    assert "usage: dingpush" in printed.out
    assert printed.err == ""


def test_as_a_module() -> None:
    """For environments whose scripts aren't on PATH."""
    command = [sys.executable, "-m", "airflow_provider_dingpush", "stauts"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "dingpush: unknown command 'stauts'; did you mean 'status'?" in done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["status", "--help"], ["--version"], ["stauts"], ["completion", "bash"]], ids=" ".join
)
def test_help_loads_neither_airflow_nor_rich(arguments: list[str]) -> None:
    """It is there at once."""
    code = (
        "import sys\nfrom airflow_provider_dingpush.cli.main import main\n"
        f"main({arguments})\n"
        "print(*{'airflow', 'rich', 'requests'} & set(sys.modules), 'end')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "end"


def test_a_secrets_backend_that_is_not_there_is_one_line(outbox_home: Path) -> None:
    """Airflow itself can't be loaded then."""
    put_alerts("dingtalk_default")
    env = {**os.environ, "AIRFLOW__SECRETS__BACKEND": "nowhere.Backend"}
    done = subprocess.run([PROGRAM, "flush"], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "dingpush flush: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unexpected_error_is_one_line_and_shows_where_it_happened_if_asked(outbox_home: Path) -> None:
    """Without the secret in its text."""
    env = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://airflow:hunter2hunter2@nowhere:no/x"}
    env["AIRFLOW__CORE__EXECUTOR"] = "SequentialExecutor"
    for words, has_traceback in ([], False), (["--verbose"], True):
        command = [PROGRAM, *words, "send", "hello", "--conn-id", "in_the_database"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 1
        assert "dingpush send: " in done.stderr
        assert ("Traceback (most recent call last)" in done.stderr) is has_traceback
        assert ("--verbose" in done.stderr) is not has_traceback
        assert "hunter2" not in done.stderr


def test_a_database_that_is_not_set_up_is_one_line(tmp_path: Path) -> None:
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    command = [PROGRAM, "send", "hello", "--conn-id", "in_the_database"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "dingpush send: " in done.stderr
    assert "Traceback" not in done.stderr
