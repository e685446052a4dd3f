"""The main job in one command: a real DAG runs in a throw-away Airflow, and its messages appear in a chat."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_dingpush.cli.main import webhook_to_paste
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.sandbox import ChatMessage, Robot, Sandbox

DAG_ID = "dingpush_demo"
MESSAGES_OF_THE_DAG = 2
_SANDBOX_SECRET = "SEC-sandbox-demo"  # noqa: S105 - opens nothing but the sandbox
_MOST_SECONDS_OF_A_STEP = 300
_PROGRESS_SECONDS = 5.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TELLING = re.compile(r"error|exception|not sent|traceback|refused|critical", re.IGNORECASE)


class Speech:
    """Prints progress in one language.

    :param language: ``zh`` or ``en``.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, zh: str, en: str) -> None:
        """Print a line."""
        print(zh if self.language == "zh" else en, flush=True)

    @contextmanager
    def step(self, zh: str, en: str) -> Iterator[None]:
        """Announce a step, show that it goes on while it does, and say how long it took."""
        print(f"{zh if self.language == 'zh' else en} ", end="", flush=True)
        started, over = time.monotonic(), threading.Event()

        def show_life() -> None:
            while not over.wait(_PROGRESS_SECONDS):
                print(".", end="", flush=True)

        threading.Thread(target=show_life, daemon=True).start()
        try:
            yield
        finally:
            over.set()
            print(f" {time.monotonic() - started:.0f} s", flush=True)


@dataclass(frozen=True)
class DemoOutcome:
    """How the demo went.

    :param delivered: how many of its messages DingTalk, or the sandbox, took.
    :param messages: what stands in the sandbox's chat; empty with a real robot.
    :param log: everything that Airflow wrote.
    """

    delivered: int
    messages: tuple[ChatMessage, ...]
    log: Path

    @property
    def complete(self) -> bool:
        """Whether every message of the DAG arrived."""
        return self.delivered >= MESSAGES_OF_THE_DAG


def run_demo(
    *, webhook: str | None = None, secret: str | None = None, wait: bool = True, language: str = "zh", port: int = 0
) -> int:
    """Run the demo and return the exit code: 0 if both messages arrived, else 1.

    :param webhook: a real robot's webhook URL; without it the sandbox is started.
    :param secret: that robot's secret, if it has one.
    :param wait: keep the sandbox's page open until Ctrl-C.
    :param language: of what is printed, and of the alert.
    :param port: of the sandbox; 0 takes a free one.
    """
    speech = Speech(language)
    with ExitStack() as stack:
        sandbox: Sandbox | None = None
        if webhook is None:
            sandbox = stack.enter_context(Sandbox(robots=(Robot(secret=_SANDBOX_SECRET),), port=port))
            webhook, secret = sandbox.webhook_url, _SANDBOX_SECRET
            speech.say(
                f"[1/3] 钉钉沙箱已启动，群聊页面：{sandbox.page_url}",
                f"[1/3] The DingTalk sandbox runs; its chat page: {sandbox.page_url}",
            )
        else:
            speech.say("[1/3] 使用真实机器人", "[1/3] Using the real robot")
        home = Path(tempfile.mkdtemp(prefix="dingpush-demo-"))
        outcome = _run_dag(home, webhook_to_paste(webhook, secret), speech, sandbox)
        _report(outcome, speech, real_robot=sandbox is None)
        if outcome.complete:
            shutil.rmtree(home, ignore_errors=True)
        if sandbox is not None and wait:
            _wait_for_ctrl_c(sandbox, speech)
        return 0 if outcome.complete else 1


def _run_dag(home: Path, webhook: str, speech: Speech, sandbox: Sandbox | None) -> DemoOutcome:
    folder = home / "dags"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("demo_dag.py"), folder / "dingpush_demo.py")
    environment = _environment(home, webhook, speech.language)
    log = home / "demo.log"
    with speech.step("[2/3] 准备临时的 Airflow 环境", "[2/3] Preparing a throw-away Airflow"):
        prepared = _airflow("db", "migrate", environment=environment, log=log)
    if prepared:
        with speech.step(
            "[3/3] 运行 DAG：一个任务问好，一个任务故意失败",
            "[3/3] Running the DAG: one task says hello, one fails on purpose",
        ):
            # Its exit code tells nothing: the run is meant to fail.
            _airflow("dags", "test", DAG_ID, environment=environment, log=log)
    messages = sandbox.messages if sandbox is not None else ()
    sent = log.read_text(errors="replace").count(SENT_LOG_LINE)
    return DemoOutcome(delivered=sent if sandbox is None else len(messages), messages=messages, log=log)


def _environment(home: Path, webhook: str, language: str) -> dict[str, str]:
    """Of a process that knows nothing of the Airflow that may be configured on this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AIRFLOW__"))}
    return environment | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DINGPUSH__ENVIRONMENT": "演示" if language == "zh" else "demo",
        "AIRFLOW__DINGPUSH__LANGUAGE": language,
        "AIRFLOW_CONN_DINGTALK_DEFAULT": webhook,
        # A proxy must not be asked for the sandbox.
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
                timeout=_MOST_SECONDS_OF_A_STEP,
                check=False,
            )
        except subprocess.TimeoutExpired:
            file.write(f"\ndingpush: error: this took longer than {_MOST_SECONDS_OF_A_STEP} seconds\n")
            return False
    return done.returncode == 0


def _report(outcome: DemoOutcome, speech: Speech, *, real_robot: bool) -> None:
    for message in outcome.messages:
        print(f"\n{_as_terminal_text(message)}")
    print()
    if outcome.complete:
        speech.say(
            f"✔ {outcome.delivered} 条消息已送达{'，请到群里查看' if real_robot else ''}。",
            f"✔ {outcome.delivered} messages arrived{': look into the group' if real_robot else ''}.",
        )
        return
    speech.say(
        f"✘ 应有 {MESSAGES_OF_THE_DAG} 条消息，实际送达 {outcome.delivered} 条。日志中的线索：",
        f"✘ {outcome.delivered} of {MESSAGES_OF_THE_DAG} messages arrived. What the log says:",
    )
    for line in _telling_lines(outcome.log):
        print(f"  {line}")
    speech.say(f"完整日志：{outcome.log}", f"The whole log: {outcome.log}")


def _telling_lines(log: Path, most: int = 8) -> list[str]:
    """The lines that say what went wrong: our own word if there is one, else the last ones that sound like trouble."""
    lines = [_COLOURS.sub("", line).strip() for line in log.read_text(errors="replace").splitlines()]
    ours = [line for line in lines if NOTIFICATION_LOG_LINE in line or "airflow_provider_dingpush.errors" in line]
    return [line[:400] for line in (ours or [line for line in lines if _TELLING.search(line)] or lines)[-most:]]


def _as_terminal_text(message: ChatMessage) -> str:
    """A message as a person would read it in the chat, framed."""
    kind = message.payload["msgtype"]
    content = message.payload[kind]
    text = content.get("content") or f"{content.get('title', '')}\n{content.get('text', '')}"
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"[\1]", text)
    text = re.sub(r"\\([\\`*_{}\[\]()#+.!<>|~-])", r"\1", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"  │ {line}" for line in lines)


def _wait_for_ctrl_c(sandbox: Sandbox, speech: Speech) -> None:
    speech.say(
        f"群聊页面：{sandbox.page_url}（按 Ctrl-C 结束）", f"The chat page: {sandbox.page_url} (Ctrl-C ends this)"
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()
