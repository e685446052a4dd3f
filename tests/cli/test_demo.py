"""``dingpush demo``: the main job in one command, in a real Airflow."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote

import airflow
import pytest
import requests

from airflow_provider_dingpush.cli.demo import _as_terminal_text, _interruptions_deferred, _significant_lines
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.sandbox import Sandbox
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
    assert "@13800000001" in done.stdout
    assert done.stdout.splitlines()[-1] == "✔ 2 messages arrived."
    assert "│" not in done.stdout
    assert not is_chinese(done.stdout)


@pytest.mark.parametrize("encoding", ["gbk"])
def test_the_links_of_the_alert_open_and_nothing_is_left_behind(tmp_path: Path, encoding: str) -> None:
    """On a terminal without emoji: the page of the log, and that of the run. SIGTERM ends it with 0."""
    folder = tmp_path / "left"
    folder.mkdir()
    command = [PROGRAM, "demo", "--language", "zh"]
    env = {**os.environ, "PYTHONIOENCODING": encoding, "TMPDIR": str(folder)}
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)  # or a failed assertion would wait for it
        assert process.stdout is not None
        lines: list[str] = []
        while "按 Ctrl-C 结束" not in (lines or [""])[-1]:
            lines.append(process.stdout.readline().decode(encoding))
            assert lines[-1], lines
        assert "Traceback" not in "".join(lines)
        (page,) = set(re.findall(r"http://127\.0\.0\.1:\d+/", "".join(lines)))
        chat = requests.get(f"{page}messages.json", timeout=60).text
        log, run = (unquote(each) for each in dict.fromkeys(re.findall(r"url=(http%3A[^&\\]+)", chat)))
        shown = requests.get(log, timeout=60)
        assert shown.status_code == 200
        assert "日志：dingpush_demo · load_orders" in shown.text
        assert "orders-db:5432: connection refused" in shown.text
        assert "say_hello" not in shown.text
        shown = requests.get(run, timeout=60)
        tasks = re.findall(r">(\w+)</a>: (\w+)<", shown.text)  # in the order in which Airflow ran them
        assert sorted(tasks) == [("load_orders", "失败"), ("say_hello", "成功")]
        assert requests.get(f"{page}pages/dags/other/grid", timeout=60).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--storm", "1000"]], ids=["demo", "storm"])
def test_an_interrupted_one_leaves_nothing_behind(tmp_path: Path, options: list[str]) -> None:
    """Neither files nor processes."""
    folder = tmp_path / "left"
    folder.mkdir()
    env = {**os.environ, "TMPDIR": str(folder)}
    command = [PROGRAM, "demo", *options, "--language", "en"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        assert process.stdout is not None
        while "[2/3]" not in (text := process.stdout.read(1) + process.stdout.readline()):
            assert text
            if "[1/3]" in text and not options:
                break
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors == ""
    assert list(folder.iterdir()) == []
    # On a busy machine a process lives on for a moment after it was killed.
    until = time.monotonic() + 30
    while left := [path for path in Path("/proc").glob("[0-9]*/environ") if str(folder).encode() in read(path)]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interruption_while_airflow_starts_takes_effect_after_that(number: signal.Signals) -> None:
    """Otherwise nobody knows the process that has to be killed."""
    started = []

    def start() -> None:
        with _interruptions_deferred():
            signal.raise_signal(number)
            started.append(True)

    # A test run in the background ignores Ctrl-C.
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert started


def read(path: Path) -> bytes:
    """The content of a file of another process; nothing if that has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_failed_demo_says_why_and_ends(tmp_path: Path) -> None:
    """The whole log is where it was asked for."""
    log = tmp_path / "demo.log"
    (tmp_path / "left").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "left"), "PYTHONPATH": str(tmp_path)}
    fails = "import os, sys\nif 'migrate' in sys.orig_argv: os.write(2, b'no database here\\n'); os._exit(1)\n"
    (tmp_path / "sitecustomize.py").write_text(fails)
    command = [PROGRAM, "demo", "--log", str(log), "--language", "en"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=env)
    assert done.returncode == 1
    assert "✘ 0 of 2 messages arrived. From the log:\n  no database here\n" in done.stdout
    assert done.stdout.endswith(f"Full log: {log}\n")
    assert log.read_text() == "no database here\n"
    assert list((tmp_path / "left").iterdir()) == []


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
    [
        ["--storm", "0"],
        ["--storm", "5", "--webhook", "https://oapi.dingtalk.com/robot/send?access_token=x"],
        ["--storm", "5", "--log", "demo.log"],
        ["--secret", "SEC"],
        ["--at-mobile", "13800000001"],
        ["--webhook", "https://oapi.dingtalk.com/robot/send"],
    ],
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


@pytest.mark.parametrize(
    ("title", "text", "shown"),
    [
        ("Failed: etl · load", "### 🔴 Failed: etl · load\n\n- Run: r\\_1", "🔴 Failed: etl · load\n- Run: r_1"),
        ("Daily", "312 rows, [page](https://bi.example.com)", "Daily\n312 rows, [page]"),
    ],
)
def test_a_message_is_printed_as_it_is_read(connected: Sandbox, title: str, text: str, shown: str) -> None:
    """Without marks of Markdown, and with its title once."""
    assert main(["send", text, "--markdown", "--title", title]) == 0
    (message,) = connected.messages
    assert "\n".join(line.strip() for line in _as_terminal_text(message).splitlines()) == shown
