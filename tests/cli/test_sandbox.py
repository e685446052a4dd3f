"""``dingpush sandbox``: what it prints, serves, and refuses."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import requests

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.sandbox import webhook_to_paste
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.messages import Text
from airflow_provider_dingpush.sandbox import Sandbox
from tests.cli.test_main import PROGRAM


@pytest.mark.parametrize(
    ("language", "running"),
    [
        ("en", "DingTalk sandbox is running (press Ctrl-C to stop)."),
        ("zh", "钉钉沙箱已启动（按 Ctrl-C 结束）。"),
    ],
)
def test_what_it_prints_can_be_pasted(monkeypatch: pytest.MonkeyPatch, language: str, running: str) -> None:
    """The page opens, both connections work, and SIGTERM ends it as Ctrl-C does."""
    command = [PROGRAM, "sandbox", "--port", "0", "--secret", "SEC&1", "--keyword", "告警", "--language", language]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("export AIRFLOW_CONN_DINGTALK_APP_DEFAULT=")):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        assert lines[0] == f"{running}\n"
        found = re.search(r"http://127.0.0.1:\d+/", "".join(lines))
        assert found
        assert requests.get(found[0], timeout=60).status_code == 200
        for line in lines:
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                monkeypatch.setenv(name, value)
        DingTalkRobotHook("dingtalk_default").send(Text("hello"))
        DingTalkAppHook("dingtalk_app_default").send(Text("hello"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130


def test_a_port_that_is_taken(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do about it, in one language."""
    port = sandbox.url.rpartition(":")[2]
    assert main(["sandbox", "--port", port, "--language", "en"]) == 1
    assert "Choose another port with --port" in capsys.readouterr().err
    assert main(["sandbox", "--port", port, "--language", "zh"]) == 1
    assert "请用 --port 换一个端口" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--storm", "3"]], ids=["demo", "storm"])
def test_a_port_that_is_taken_ends_a_demo(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
) -> None:
    """In one line, and nothing is left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    port = sandbox.url.rpartition(":")[2]
    assert main(["demo", "--port", port, *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dingpush demo: Can't listen on 127.0.0.1:{port}: ")
    assert [each for each in tmp_path.iterdir() if each.name.startswith("dingpush-demo")] == []


@pytest.mark.parametrize("command", ["demo", "sandbox"])
@pytest.mark.parametrize("port", ["65536", "-1", "http", "1e3", ""])
def test_a_port_that_there_is_not(command: str, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--port", port]) == 2
    assert "--port" in capsys.readouterr().err.splitlines()[0]


def test_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--port", "0", "--minute-seconds", "-1"]) == 2
    assert capsys.readouterr().err.startswith("dingpush sandbox: ")


def test_settings_go_into_the_query() -> None:
    """Quoted."""
    webhook = "http://127.0.0.1:1/robot/send?access_token=x"
    assert webhook_to_paste(webhook, None) == webhook
    assert webhook_to_paste(webhook, "SEC&1", ["告警", "b"]) == f"{webhook}&secret=SEC%261&keyword=%E5%91%8A%E8%AD%A6"
