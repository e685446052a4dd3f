"""Standard output holds the answer of a command only, whatever Airflow and its plugins print."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.sandbox import Sandbox
from tests.conftest import SECRET

PROGRAM = shutil.which("dingpush", path=str(Path(sys.executable).parent)) or "dingpush"
# A secrets backend that has nothing, and prints in every way while it is imported and asked.
BACKEND = """
import logging, os, subprocess, sys, warnings
from airflow.secrets import BaseSecretsBackend

def _print_all(when):
    print("printed", when)
    sys.__stdout__.write("written " + when + "\\n")
    os.write(1, b"from C " + when.encode() + b"\\n")
    subprocess.run(["echo", "by a process", when], check=True)
    logging.getLogger("airflow.backend").error("logged %s", when)
    warnings.warn("warned " + when)

_print_all("at import")

class Loud(BaseSecretsBackend):
    def get_connection(self, conn_id, **_):
        _print_all("when asked")
        return None
"""
NOISE = [f"{each} when asked" for each in ("printed", "written", "from C", "by a process", "logged", "warned")]


@pytest.fixture
def loud_airflow(migrated_database: Path, sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """The environment of an Airflow with a DingTalk connection in its database, and a loud secrets backend."""
    home = tmp_path / "airflow"
    home.mkdir()
    shutil.copy(migrated_database, home / "airflow.db")
    (tmp_path / "loud_backend.py").write_text(BACKEND, "utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTHON"))}
    env |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "PYTHONPATH": str(tmp_path),
    }
    connection = json.dumps(
        {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": {"secret": SECRET}}
    )
    added = [sys.executable, "-m", "airflow", "connections", "add", "dingtalk_default", "--conn-json", connection]
    subprocess.run(added, env=env, check=True, capture_output=True)
    return {**env, "AIRFLOW__SECRETS__BACKEND": "loud_backend.Loud"}


def run(env: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([PROGRAM, *arguments], env=env, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def test_json_is_all_that_standard_output_holds(loud_airflow: dict[str, str], sandbox: Sandbox) -> None:
    """Of commands that look up a connection, which is in Airflow's database, and of one that needn't."""
    documents: dict[str, Any] = {}
    for name, arguments in {
        "send": ("send", "hello", "--json"),
        "doctor": ("doctor", "--json"),
        "status": ("status", "--json"),
    }.items():
        code, out, err = run(loud_airflow, *arguments)
        documents[name] = json.loads(out)
        assert code == 0, err
        for noise in NOISE if name in ("send", "doctor") else ():  # no alert of the connection is pending
            assert noise in err
    assert [message.payload["text"]["content"] for message in sandbox.messages] == ["hello"]
    (webhook,) = (each for each in documents["doctor"]["findings"] if each["check"] == "webhook")
    assert (webhook["conn_id"], webhook["severity"]) == ("dingtalk_default", "ok")
    assert {each["schema_version"] for each in documents.values()} == {1}
    # A text is as clean.
    code, out, err = run(loud_airflow, "doctor", "dingtalk_default", "--language", "en")
    assert code == 0, err
    assert out.startswith("Options of [dingpush]\n")
    assert not [noise for noise in NOISE if noise in out]


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "| head -c 1 >/dev/null"])
def test_a_closed_stream_is_no_problem(tmp_path: Path, closed: str) -> None:
    """Standard output can't be moved, or has nobody who reads it."""
    env = {**os.environ, "AIRFLOW__DINGPUSH__HOME": str(tmp_path / "home")}
    command = f"{PROGRAM} status --json {closed}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["/bin/bash", "-c", command], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.splitlines()[-1] == "0", done.stderr
    assert "Traceback" not in done.stderr


def test_json_of_a_terminal_without_utf_8(tmp_path: Path) -> None:
    """Chinese and emoji are escaped there as JSON escapes them."""
    home = tmp_path / "发件箱 📮"
    env = {**os.environ, "AIRFLOW__DINGPUSH__HOME": str(home), "PYTHONIOENCODING": "gbk"}
    done = subprocess.run([PROGRAM, "status", "--json"], env=env, capture_output=True, timeout=300, check=True)
    assert json.loads(done.stdout.decode("ascii"))["outbox"]["location"] == str(home)


def test_an_error_is_json_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    """With the fields of the error; the text for people goes to standard error."""
    assert main(["send", "hello", "--conn-id", "nowhere", "--json"]) == 1
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    advice = document["error"].pop("advice")
    assert document == {
        "schema_version": 1,
        "error": {
            "code": "connection_settings_error",
            "message": "There is no Airflow connection 'nowhere'.",
            "errcode": None,
            "errmsg": None,
            "request_id": None,
            "retry_after_seconds": None,
            "retryable": False,
        },
    }
    assert "Admin > Connections" in advice
    assert "There is no Airflow connection 'nowhere'." in printed.err


def test_an_error_that_nobody_foresaw(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as of the command that an option comes from."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "false")
    assert main(["status", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "unexpected_error"
    assert error["message"].startswith("AirflowConfigException")


def test_flush_and_dead_letters_have_values_for_programs(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts, names and times of what was sent, what is left and what DingTalk refused."""
    from airflow_provider_dingpush.pipeline.outboxes import outbox

    for name in ("dingtalk_default", "nowhere"):
        outbox().put(
            Alert(f"key of {name}", Mailbox(name), Event.TASK_FAILED, 1.8e9, dag_id="etl", run_id="r", task_id="load")
        )
    capsys.readouterr()
    assert main(["flush", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    failed, sent = sorted(document.pop("results"), key=lambda each: str(each["status"]))
    assert document == {"schema_version": 1, "left": 1}
    assert sent == {
        "conn_id": "dingtalk_default",
        "status": "sent",
        "alerts": 1,
        "messages": 1,
        "left": 0,
        "reason": None,
        "detail": None,
        "again_at": None,
        "problem": None,
    }
    assert (failed["conn_id"], failed["status"], failed["left"]) == ("nowhere", "failed", 1)
    assert "There is no Airflow connection" in failed["problem"]
