"""``dingpush demo``: a real DAG runs in a temporary Airflow, and its messages appear in a chat."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from airflow_provider_dingpush.cli.demo_pages import DemoPages, LogFile, without_colours
from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.sandbox import served, wait_for_ctrl_c
from airflow_provider_dingpush.cli.screen import Screen, Texts, is_terminal
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.sandbox import ChatMessage, Robot, Sandbox

DAG_ID, OWNER = "dingpush_demo", "zhangsan"  # as in demo_dag.py
MESSAGES_OF_THE_DAG = 2
_SANDBOX_SECRET = "SEC-sandbox-demo"  # noqa: S105 - for the sandbox only
_STEP_SECONDS = 300
_SYMPTOMS = re.compile(r"error|exception|not sent|traceback|refused|critical", re.IGNORECASE)

_TEXTS: Texts = {
    "apart": ("{first} and {second} can't be combined", "{first} 与 {second} 不能同用"),
    "needs": ("{option} needs {other}", "{option} 需与 {other} 同用"),
    "no_webhook": (
        "--webhook must be the whole webhook URL of a custom robot, with its access_token",
        "--webhook 应为自定义机器人完整的 Webhook 地址，包含 access_token",
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
    "no_log": (
        "Full log: run it again with --log FILE",
        "完整日志：加上 --log FILE 再次运行",
    ),
    "links": (
        "The links in the alert open on this machine until you press Ctrl-C.",
        "告警中的链接可在本机打开，按 Ctrl-C 结束。",
    ),
    "page": (
        "Chat page: {page_url} (press Ctrl-C to stop). The links in the alert open there, too.",
        "聊天页面：{page_url}（按 Ctrl-C 结束），告警中的链接也可打开。",
    ),
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
    """Run the demo; 0 if all messages arrived, also after Ctrl-C then, else 1.

    :raises UsageError: if the options can't be combined.
    :raises DingTalkError: if the port can't be opened.
    """
    screen = Screen(parsed.language, _TEXTS)
    _check(parsed, screen)
    if parsed.storm is not None:
        from airflow_provider_dingpush.cli.storm import run_storm

        return run_storm(parsed.storm, wait=not parsed.no_wait, language=parsed.language, port=parsed.port)
    with tempfile.TemporaryDirectory(prefix="dingpush-demo-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        log = Path(parsed.log) if parsed.log else home / "demo.log"
        log.write_text("")
        pages = DemoPages(parsed.language, LogFile(log).log_of, LogFile(log).tasks_of)
        sandbox = Sandbox(robots=(Robot(secret=_SANDBOX_SECRET),), port=parsed.port, pages=pages)
        with served(sandbox, "127.0.0.1", parsed.port, parsed.language):
            group = _Group.of(parsed, sandbox)
            if group.is_real:
                screen.line("real_robot")
            else:
                screen.line("sandbox", page_url=sandbox.page_url)
            result = _run_dag(home, log, group, screen, sandbox)
            _print_result(result, screen, in_group=group.is_real, is_kept=bool(parsed.log))
            if result.delivered and not parsed.no_wait:
                screen.line("links" if group.is_real else "page", page_url=sandbox.page_url)
                wait_for_ctrl_c()
    return 0 if result.complete else 1


def _check(parsed: argparse.Namespace, screen: Screen) -> None:
    """Refuse options that one of the others would make useless."""
    for name, value in (("--webhook", parsed.webhook), ("--log", parsed.log)):
        if parsed.storm is not None and value is not None:
            raise UsageError(screen.text("apart", first="--storm", second=name))
    for name, value in (("--secret", parsed.secret), ("--at-mobile", parsed.at_mobile)):
        if value is not None and parsed.webhook is None:
            raise UsageError(screen.text("needs", option=name, other="--webhook"))
    if parsed.webhook is not None and not re.match(r"https?://.*access_token=", parsed.webhook.strip()):
        raise UsageError(screen.text("no_webhook"))


@dataclass(frozen=True)
class _Group:
    """Where the messages go.

    :param webhook: of the robot.
    :param secret: of the robot; ``None`` if it has none.
    :param mobile: of whom the alert mentions; ``None`` for no one.
    :param is_real: whether it is a group in DingTalk, not in the sandbox.
    """

    webhook: str
    secret: str | None
    mobile: str | None
    is_real: bool

    @classmethod
    def of(cls, parsed: argparse.Namespace, sandbox: Sandbox) -> _Group:
        """The group that the options name, else the sandbox's."""
        if parsed.webhook is not None:
            return cls(parsed.webhook, parsed.secret, parsed.at_mobile, is_real=True)
        return cls(sandbox.webhook_url, _SANDBOX_SECRET, sandbox.people[0].mobile, is_real=False)

    def connection(self) -> str:
        """The robot's connection, as an environment variable holds it."""
        extra: dict[str, object] = {"secret": self.secret} if self.secret else {}
        if self.mobile:
            extra["mentions"] = {OWNER: self.mobile}
        return json.dumps({"conn_type": "dingtalk_robot", "password": self.webhook, "extra": extra})


def _run_dag(home: Path, log: Path, group: _Group, screen: Screen, sandbox: Sandbox) -> DemoResult:
    folder = home / "dags"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("demo_dag.py"), folder / "dingpush_demo.py")
    environment = _environment(home, group, screen, sandbox)
    with screen.step("preparing"):
        is_prepared = _airflow("db", "migrate", environment=environment, log=log)
    if is_prepared:
        with screen.step("running"):
            # The exit code is ignored, because the run is expected to fail.
            _airflow("dags", "test", DAG_ID, environment=environment, log=log)
    messages = sandbox.messages
    sent = log.read_text("utf-8", errors="replace").count(SENT_LOG_LINE)
    return DemoResult(delivered=sent if group.is_real else len(messages), messages=messages, log=log)


def _environment(home: Path, group: _Group, screen: Screen, sandbox: Sandbox) -> dict[str, str]:
    """Environment variables without those of an Airflow that may be configured on this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return environment | {
        "AIRFLOW_HOME": str(home),
        "TMPDIR": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DINGPUSH__ENVIRONMENT": screen.text("environment"),
        "AIRFLOW__DINGPUSH__LANGUAGE": screen.language,
        "AIRFLOW__DINGPUSH__BASE_URL": sandbox.pages_url,
        "AIRFLOW_CONN_DINGTALK_DEFAULT": group.connection(),
        # The sandbox must not be reached through a proxy.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"])),
        "PYTHONWARNINGS": "ignore",
        # The log is read as UTF-8, whatever the terminal's encoding is.
        "PYTHONIOENCODING": "utf-8",
    }


def _airflow(*arguments: str, environment: dict[str, str], log: Path) -> bool:
    """Run a command of Airflow; whether it succeeded. Nothing of it is left running, also if this is interrupted."""
    with log.open("a", encoding="utf-8") as file, _started(arguments, environment, file) as process:
        try:
            return process.wait(_STEP_SECONDS) == 0
        except subprocess.TimeoutExpired:
            file.write(f"\ndingpush: error: this took longer than {_STEP_SECONDS} seconds\n")
            return False


@contextmanager
def _started(
    arguments: Sequence[str], environment: dict[str, str], output: IO[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Airflow, which is killed at the end if it still runs, with all processes that it started."""
    process = None
    try:
        # Between the start and the assignment nobody could kill it.
        with _interruptions_deferred():
            process = subprocess.Popen(  # noqa: S603 - our own Python and fixed arguments
                [sys.executable, "-m", "airflow", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        yield process
    finally:
        if process is not None:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def _interruptions_deferred() -> Iterator[None]:
    """Ctrl-C and SIGTERM take effect after this. Only the main thread may use it."""
    arrived: list[tuple[int, FrameType | None]] = []
    handlers = {
        each: signal.signal(each, lambda *signal_and_frame: arrived.append(signal_and_frame))
        for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    for number, _ in arrived[:1]:
        signal.raise_signal(number)


def _print_result(result: DemoResult, screen: Screen, *, in_group: bool, is_kept: bool) -> None:
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
    screen.line("log" if is_kept else "no_log", log=result.log)


def _significant_lines(log: Path) -> list[str]:
    """The lines that explain a failure: our own if there is one, else the last ones that look like errors."""
    lines = [without_colours(line).strip() for line in log.read_text("utf-8", errors="replace").splitlines()]
    ours = [line for line in lines if NOTIFICATION_LOG_LINE in line or "airflow_provider_dingpush.errors" in line]
    return [line[:400] for line in (ours or [line for line in lines if _SYMPTOMS.search(line)] or lines)[-8:]]


def _as_terminal_text(message: ChatMessage) -> str:
    """A message as a person reads it in the chat; on a terminal with a line beside it."""
    kind = message.payload["msgtype"]
    content = message.payload[kind]
    text = content.get("content") or content.get("text", "")
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"[\1]", text)
    text = re.sub(r"\\([\\`*_{}\[\]()#+.!<>|~-])", r"\1", text)
    text = re.sub(r"(?m)^#+ ", "", text)
    # The title is for notifications, and the heading of the text has it.
    if (title := content.get("title", "")) not in text:
        text = f"{title}\n{text}"
    margin = "  │ " if is_terminal(sys.stdout) else "    "
    return "\n".join(f"{margin}{line.strip()}" for line in text.splitlines() if line.strip())
