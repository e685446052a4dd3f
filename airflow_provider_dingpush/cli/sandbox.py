"""``dingpush sandbox``: a local DingTalk simulator, and the lines to paste into Airflow's environment."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.sandbox import Robot, Sandbox

_TEXTS: Texts = {
    "running": (
        "DingTalk sandbox is running (press Ctrl-C to stop).",
        "钉钉沙箱已启动（按 Ctrl-C 结束）。",
    ),
    "page": ("  Chat page:    {page_url}", "  聊天页面：    {page_url}"),
    "webhook": ("  Webhook URL:  {webhook}", "  Webhook 地址：{webhook}"),
    "people": ("  People:       {people}", "  员工 userId： {people}"),
    "paste": (
        "Paste these two lines into the terminal that runs Airflow (custom robot and app):",
        "把下面两行粘贴到运行 Airflow 的终端（机器人、企业应用各一行）：",
    ),
    "port_taken": (
        ("Can't listen on {host}:{port}: {problem}. Choose another port with --port; 0: any free port."),
        "无法监听 {host}:{port}：{problem}。请用 --port 换一个端口，0 表示任一空闲端口。",
    ),
}


def run(parsed: argparse.Namespace) -> int:
    """Serve the sandbox until Ctrl-C.

    :raises UsageError: if an option is wrong.
    :raises DingTalkError: if the port can't be opened.
    """
    screen = Screen(parsed.language, _TEXTS)
    token = {"access_token": parsed.token} if parsed.token else {}
    try:
        robot = Robot(secret=parsed.secret, keywords=tuple(parsed.keyword), **token)
        sandbox = Sandbox(robots=(robot,), host=parsed.host, port=parsed.port, minute_seconds=parsed.minute_seconds)
    except ValueError as problem:
        raise UsageError(str(problem)) from None
    with served(sandbox, parsed.host, parsed.port, parsed.language):
        _introduce(sandbox, screen, webhook_to_paste(sandbox.webhook_url, parsed.secret, parsed.keyword))
        threading.Event().wait()
    return 0


@contextmanager
def served(sandbox: Sandbox, host: str, port: int, language: str) -> Iterator[Sandbox]:
    """Run a sandbox during the block.

    :param host: on which it listens.
    :param port: on which it listens; 0: any free one.
    :raises DingTalkError: if the port can't be opened, with what to do.
    """
    try:
        sandbox.start()
    except OSError as problem:
        text = Screen(language, _TEXTS).text("port_taken", host=host, port=port, problem=problem.strerror)
        raise DingTalkError(text) from None
    try:
        yield sandbox
    finally:
        sandbox.stop()


def wait_for_ctrl_c() -> None:
    """Keep the sandbox of a demo running until Ctrl-C or SIGTERM; the exit code remains that of the demo."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


def webhook_to_paste(webhook: str, secret: str | None, keywords: Sequence[str] = ()) -> str:
    """The value of ``AIRFLOW_CONN_…`` for this robot: its webhook URL, with its other settings in the query."""
    settings = {"secret": secret, "keyword": keywords[0] if keywords else None}
    return "&".join([webhook, *(f"{name}={quote(value, safe='')}" for name, value in settings.items() if value)])


def _introduce(sandbox: Sandbox, screen: Screen, robot_connection: str) -> None:
    screen.line("running")
    screen.line("page", page_url=sandbox.page_url)
    screen.line("webhook", webhook=sandbox.webhook_url)
    screen.line("people", people=", ".join(f"{each.user_id} ({each.name} {each.mobile})" for each in sandbox.people))
    screen.line("paste")
    print(f"\nexport AIRFLOW_CONN_DINGTALK_DEFAULT='{robot_connection}'")
    print(f"export AIRFLOW_CONN_DINGTALK_APP_DEFAULT='{sandbox.connection_of(sandbox.app)}'\n", flush=True)
