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
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"dingpush {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["status", "--nothing"], ["dead-letters", "bury"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: dingpush" in capsys.readouterr().err


def test_help_loads_neither_airflow_nor_rich() -> None:
    """It is there at once."""
    code = (
        "import sys\nfrom airflow_provider_dingpush.cli.main import main\n"
        "try:\n main(['status', '--help'])\nexcept SystemExit:\n pass\n"
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
    assert "dingpush: " in done.stderr
    assert "Traceback" not in done.stderr
