"""The ``dingpush`` command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from urllib.parse import quote

from airflow_provider_dingpush import __version__

_DEFAULT_PORT = 8377


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parsed = _parser().parse_args(arguments)
    # As on any server: SIGTERM ends it as Ctrl-C does, with everything closed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        code: int = parsed.run(parsed)
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dingpush", description="DingTalk for Apache Airflow. Apache Airflow 的钉钉消息与告警。"
    )
    parser.add_argument("--version", action="version", version=f"dingpush {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="see it work: a real DAG runs, one task says hello and one fails (运行演示)",
        description="Runs a real DAG in a throw-away Airflow and shows the two messages that arrive, in the sandbox or "
        "with --webhook in a real group. 在临时的 Airflow 中运行一个 DAG，展示送达的两条消息。",
    )
    demo.add_argument("--webhook", metavar="URL", help="webhook URL of a real robot, instead of the sandbox")
    demo.add_argument("--secret", metavar="SEC…", help="that robot's secret, if it has one (加签密钥)")
    demo.add_argument(
        "--no-wait", action="store_true", help="end at once: exit code 0 if both messages arrived, else 1"
    )
    demo.add_argument("--port", type=int, default=0, help="port of the sandbox (default: a free one)")
    _add_language(demo)
    demo.set_defaults(run=_demo)

    sandbox = commands.add_parser(
        "sandbox",
        help="a local stand-in of DingTalk with a chat page (本地沙箱)",
        description="Starts a local server that behaves like a DingTalk group with a custom robot, and shows the chat "
        "as a web page. Nothing leaves this machine. 启动本地钉钉沙箱和群聊页面。",
    )
    sandbox.add_argument(
        "--port", type=int, default=_DEFAULT_PORT, help=f"port (default {_DEFAULT_PORT}; 0: a free one)"
    )
    sandbox.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    sandbox.add_argument("--token", help="the robot's access token (default: a new one)")
    sandbox.add_argument("--secret", help="demand signatures made with this secret (加签)")
    sandbox.add_argument(
        "--keyword", action="append", default=[], help="demand one of these words; may be repeated (关键词)"
    )
    sandbox.add_argument(
        "--minute-seconds", type=float, default=60.0, help="how long its minute lasts, to try out limits (default 60)"
    )
    _add_language(sandbox)
    sandbox.set_defaults(run=_sandbox)
    return parser


def _add_language(parser: argparse.ArgumentParser) -> None:
    here = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    default = "zh" if here.startswith("zh") else "en"
    parser.add_argument("--language", choices=("zh", "en"), default=default, help=f"default here: {default}")


def _demo(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.demo import run_demo

    if parsed.secret and not parsed.webhook:
        print("dingpush demo: --secret belongs to a --webhook", file=sys.stderr)
        return 2
    return run_demo(
        webhook=parsed.webhook,
        secret=parsed.secret,
        wait=not parsed.no_wait,
        language=parsed.language,
        port=parsed.port,
    )


def _sandbox(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.sandbox import Robot, Sandbox

    token = {"access_token": parsed.token} if parsed.token else {}
    try:
        robot = Robot(secret=parsed.secret, keywords=tuple(parsed.keyword), **token)
        sandbox = Sandbox(robots=(robot,), host=parsed.host, port=parsed.port, minute_seconds=parsed.minute_seconds)
        sandbox.start()
    except ValueError as rule:
        print(f"dingpush sandbox: {rule}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"dingpush sandbox: can't listen on {parsed.host}:{parsed.port}: {error.strerror}.", file=sys.stderr)
        print("Choose another with --port, or 0 for a free one.", file=sys.stderr)
        return 1
    try:
        _introduce(
            sandbox.page_url, webhook_to_paste(sandbox.webhook_url, parsed.secret, parsed.keyword), parsed.language
        )
        threading.Event().wait()
    finally:
        sandbox.stop()
    return 0


def webhook_to_paste(webhook: str, secret: str | None, keywords: Sequence[str] = ()) -> str:
    """What ``AIRFLOW_CONN_…`` takes for this robot: its webhook URL, with the rest of its settings in the query."""
    more = {"secret": secret, "keyword": keywords[0] if keywords else None}
    return "&".join([webhook, *(f"{name}={quote(value, safe='')}" for name, value in more.items() if value)])


def _introduce(page_url: str, connection: str, language: str) -> None:
    if language == "zh":
        lines = [
            "钉钉沙箱已启动（按 Ctrl-C 结束）。",
            f"  群聊页面      {page_url}",
            f"  Webhook 地址  {connection.partition('&')[0]}",
            "  Airflow 连接  在 Airflow 的环境中执行：",
        ]
    else:
        lines = [
            "The DingTalk sandbox runs (Ctrl-C ends it).",
            f"  chat page    {page_url}",
            f"  webhook URL  {connection.partition('&')[0]}",
            "  connection   in Airflow's environment:",
        ]
    print("\n".join(lines))
    print(f"\nexport AIRFLOW_CONN_DINGTALK_DEFAULT='{connection}'\n", flush=True)
