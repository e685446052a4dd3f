"""``dingpush demo``: the main job in one command, in a real Airflow."""

from __future__ import annotations

import subprocess
from pathlib import Path

import airflow
import pytest

from airflow_provider_dingpush.cli.demo import _significant_lines
from airflow_provider_dingpush.cli.main import main
from tests.cli.conftest import is_chinese
from tests.cli.test_main import PROGRAM


def test_both_messages_arrive() -> None:
    """A greeting, and an alert with its reason; so is the exit code."""
    done = subprocess.run(
        [PROGRAM, "demo", "--no-wait", "--language", "en"], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1/3] DingTalk sandbox is running. Chat page: http://127.0.0.1:" in done.stdout
    assert "Hello from Airflow" in done.stdout
    assert "Failed: dingpush_demo · load_orders" in done.stdout
    # `airflow dags test` of Airflow 3.0 to 3.2 gives callbacks no exception.
    has_exception = not (3, 0) <= tuple(int(part) for part in airflow.__version__.split(".")[:2]) <= (3, 2)
    assert ("orders-db:5432" in done.stdout) is has_exception
    assert done.stdout.splitlines()[-1] == "✔ 2 messages arrived."
    assert "│" not in done.stdout


def test_a_small_storm() -> None:
    """Every failure is reported once, in few messages, and all that is printed is in one language."""
    done = subprocess.run(
        [PROGRAM, "demo", "--storm", "30", "--no-wait", "--language", "zh"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[2/3] 模拟 30 个任务失败（16 个回调进程并发）" in done.stdout
    assert "已失败 30/30，群内 " in done.stdout
    rows = dict(
        line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  ") and "，" not in line
    )
    assert (rows["失败任务"], rows["丢失"], rows["重复发送"], rows["被钉钉拒绝"]) == ("30", "0", "0", "0")
    assert 1 <= int(rows["群内消息"]) <= 20
    assert rows["首条送达用时"].endswith(" 秒")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "options",
    [["--storm", "0"], ["--storm", "5", "--webhook", "https://oapi.dingtalk.com/robot/send"], ["--secret", "SEC"]],
    ids=" ".join,
)
def test_options_that_do_not_go_together(options: list[str], language: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is explained."""
    assert main(["demo", *options, "--language", language]) == 2
    printed = capsys.readouterr().err
    assert options[0] in printed
    assert is_chinese(printed) is (language == "zh")


def test_the_log_is_searched_for_the_reason(tmp_path: Path) -> None:
    """Our own lines first, else those that look like errors, else the last ones."""
    log = tmp_path / "demo.log"
    log.write_text("begin\n\x1b[31mOperationalError: no database\x1b[0m\nend\n", "utf-8")
    assert _significant_lines(log) == ["OperationalError: no database"]
    log.write_text("Error: x\nairflow_provider_dingpush.errors.ThrottledError: too many\n", "utf-8")
    assert _significant_lines(log) == ["airflow_provider_dingpush.errors.ThrottledError: too many"]
    log.write_text("begin\nend\n", "utf-8")
    assert _significant_lines(log) == ["begin", "end"]
