"""Commands that run as another user than Airflow does: one line for each problem, and what to do about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.outbox_in_use import put_alerts

# All that the commands load is loaded first: the other user may not read it.
SCRIPT = """
import io, json, os, sys
from contextlib import redirect_stderr, redirect_stdout
from airflow_provider_dingpush.cli.main import main
home = os.environ["AIRFLOW__DINGPUSH__HOME"]
os.environ["AIRFLOW__DINGPUSH__HOME"] = home + "-of-mine"
commands = ["status"], ["flush"], ["dead-letters"], ["doctor", "nowhere"]
with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    for command in commands:
        main([*command, "--json"])
os.setuid(65534)
os.environ["AIRFLOW__DINGPUSH__HOME"] = home
results = {}
for command in commands:
    for format in ([], ["--json"]):
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = main([*command, *format])
        results[" ".join([command[0], *format])] = code, out.getvalue(), err.getvalue()
print(json.dumps(results))
"""


def test_a_home_that_only_another_user_may_read(outbox_home: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, who may become another user")
    put_alerts("dingtalk_default")
    folder = outbox_home.parent
    while folder != Path(tempfile.gettempdir()) and folder.parent != folder:
        folder.chmod(0o755)
        folder = folder.parent
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False)
    results = json.loads(done.stdout.splitlines()[-1])
    for command, (code, out, err) in results.items():
        assert code == 1, command
        assert "Traceback" not in out + err
        assert "PermissionError" not in out + err
        where = out if command.startswith("doctor") else err
        assert f"{outbox_home}" in where, command
        assert "Permission denied. Let uid 65534 write there" in where, command
        if command.endswith("--json"):
            json.loads(out)
    status = json.loads(results["status --json"][1])
    assert status["outbox"]["was_used"] is None
    assert [each["code"] for each in status["problems"]] == ["outbox_error"]
    assert json.loads(results["flush --json"][1])["left"] is None
