"""``dingpush demo``: a real DAG runs in a temporary Airflow, and its messages appear in a chat."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_dingpush.cli.sandbox import wait_for_ctrl_c, webhook_to_paste
from airflow_provider_dingpush.cli.screen import Screen, Texts, is_terminal
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.sandbox import ChatMessage, Robot, Sandbox

DAG_ID = "dingpush_demo"
MESSAGES_OF_THE_DAG = 2
_SANDBOX_SECRET = "SEC-sandbox-demo"  # noqa: S105 - for the sandbox only
_STEP_SECONDS = 300
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SYMPTOMS = re.compile(r"error|exception|not sent|traceback|refused|critical", re.IGNORECASE)

_TEXTS: Texts = {
    "storm_options": (
        "dingpush demo: --storm needs a number of failures from 1, and runs in the sandbox only, without --webhook.",
        "dingpush demo：--storm 需要一个不小于 1 的失败数，且只能在沙箱中运行，不能与 --webhook 同用。",
    ),
    "secret_option": (
        "dingpush demo: --secret needs --webhook.",
        "dingpush demo：--secret 需与 --webhook 同用。",
    ),
    "sandbox": (
        "[1/3] DingTalk sandbox is running. Chat page: {page_url}",
        "[1/3] 钉钉沙箱已启动，聊天页面：{page_url}",
    ),
    "real_robot": ("[1/3] Using the real robot", "[1/3] 使用真实机器人"),
    "preparing": ("[2/3] Preparing a temporary Airflow", "[2/3] 准备临时的 Airflow 环境"),
    "running": (
        "[3/3] Running the DAG: one task sends a greeting, one fails on purpose",
        "[3/3] 运行 DAG：一个任务发送问候，一个任务故意失败",
    ),
    "environment": ("demo", "演示"),
    "arrived": ("{messages} arrived.", "{messages}已送达。"),
    "arrived_in_group": ("{messages} arrived: see the group.", "{messages}已送达，请到群里查看。"),
    "missing": (
        "{delivered} of {expected} arrived. From the log:",
        "应有 {expected}，实际送达 {delivered} 条。日志中的线索：",
    ),
    "log": ("Full log: {log}", "完整日志：{log}"),
    "page": ("Chat page: {page_url} (press Ctrl-C to stop)", "聊天页面：{page_url}（按 Ctrl-C 结束）"),
}


@dataclass(frozen=True)
class DemoResult:
    """The result of a demo.

    :param delivered: how many of its messages DingTalk, or the sandbox, accepted.
    :param messages: the messages in the sandbox's chat; empty with a real robot.
    :param log: everything that Airflow wrote.
    """

    delivered: int
    messages: tuple[ChatMessage, ...]
    log: Path

    @property
    def complete(self) -> bool:
        """Whether every message of the DAG arrived."""
        return self.delivered >= MESSAGES_OF_THE_DAG


def run(parsed: argparse.Namespace) -> int:
    """Run the demo; 0 if all messages arrived, else 1, and 2 if the options can't be combined."""
    screen = Screen(parsed.language, _TEXTS)
    if parsed.storm is not None and (parsed.webhook or parsed.storm < 1):
        screen.line("storm_options", error=True)
        return 2
    if parsed.secret and not parsed.webhook:
        screen.line("secret_option", error=True)
        return 2
    if parsed.storm is not None:
        from airflow_provider_dingpush.cli.storm import run_storm

        return run_storm(parsed.storm, wait=not parsed.no_wait, language=parsed.language, port=parsed.port)
    with ExitStack() as stack:
        sandbox: Sandbox | None = None
        webhook, secret = parsed.webhook, parsed.secret
        if webhook is None:
            sandbox = stack.enter_context(Sandbox(robots=(Robot(secret=_SANDBOX_SECRET),), port=parsed.port))
            webhook, secret = sandbox.webhook_url, _SANDBOX_SECRET
            screen.line("sandbox", page_url=sandbox.page_url)
        else:
            screen.line("real_robot")
        home = Path(tempfile.mkdtemp(prefix="dingpush-demo-"))
        result = _run_dag(home, webhook_to_paste(webhook, secret), screen, sandbox)
        _print_result(result, screen, in_group=sandbox is None)
        if result.complete:
            shutil.rmtree(home, ignore_errors=True)
        if sandbox is not None and not parsed.no_wait:
            screen.line("page", page_url=sandbox.page_url)
            wait_for_ctrl_c()
        return 0 if result.complete else 1


def _run_dag(home: Path, webhook: str, screen: Screen, sandbox: Sandbox | None) -> DemoResult:
    folder = home / "dags"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("demo_dag.py"), folder / "dingpush_demo.py")
    environment = _environment(home, webhook, screen)
    log = home / "demo.log"
    with screen.step("preparing"):
        is_prepared = _airflow("db", "migrate", environment=environment, log=log)
    if is_prepared:
        with screen.step("running"):
            # The exit code is ignored, because the run is expected to fail.
            _airflow("dags", "test", DAG_ID, environment=environment, log=log)
    messages = sandbox.messages if sandbox is not None else ()
    sent = log.read_text(errors="replace").count(SENT_LOG_LINE)
    return DemoResult(delivered=sent if sandbox is None else len(messages), messages=messages, log=log)


def _environment(home: Path, webhook: str, screen: Screen) -> dict[str, str]:
    """Environment variables without those of an Airflow that may be configured on this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return environment | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DINGPUSH__ENVIRONMENT": screen.text("environment"),
        "AIRFLOW__DINGPUSH__LANGUAGE": screen.language,
        "AIRFLOW_CONN_DINGTALK_DEFAULT": webhook,
        # The sandbox must not be reached through a proxy.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"])),
        "PYTHONWARNINGS": "ignore",
    }


def _airflow(*arguments: str, environment: dict[str, str], log: Path) -> bool:
    with log.open("a") as file:
        try:
            done = subprocess.run(  # noqa: S603 - our own Python and fixed arguments
                [sys.executable, "-m", "airflow", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=_STEP_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            file.write(f"\ndingpush: error: this took longer than {_STEP_SECONDS} seconds\n")
            return False
    return done.returncode == 0


def _print_result(result: DemoResult, screen: Screen, *, in_group: bool) -> None:
    for message in result.messages:
        print(f"\n{_as_terminal_text(message)}")
    print()
    if result.complete:
        arrived = "arrived_in_group" if in_group else "arrived"
        screen.marked("✔", "green", screen.text(arrived, messages=screen.count(result.delivered, "message")))
        return
    expected = screen.count(MESSAGES_OF_THE_DAG, "message")
    screen.marked("✘", "red", screen.text("missing", delivered=result.delivered, expected=expected))
    for line in _significant_lines(result.log):
        print(f"  {line}")
    screen.line("log", log=result.log)


def _significant_lines(log: Path) -> list[str]:
    """The lines that explain a failure: our own if there is one, else the last ones that look like errors."""
    lines = [_COLOURS.sub("", line).strip() for line in log.read_text(errors="replace").splitlines()]
    ours = [line for line in lines if NOTIFICATION_LOG_LINE in line or "airflow_provider_dingpush.errors" in line]
    return [line[:400] for line in (ours or [line for line in lines if _SYMPTOMS.search(line)] or lines)[-8:]]


def _as_terminal_text(message: ChatMessage) -> str:
    """A message as a person reads it in the chat; on a terminal with a line beside it."""
    kind = message.payload["msgtype"]
    content = message.payload[kind]
    text = content.get("content") or f"{content.get('title', '')}\n{content.get('text', '')}"
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"[\1]", text)
    text = re.sub(r"\\([\\`*_{}\[\]()#+.!<>|~-])", r"\1", text)
    margin = "  │ " if is_terminal(sys.stdout) else "    "
    return "\n".join(f"{margin}{line.strip()}" for line in text.splitlines() if line.strip())
