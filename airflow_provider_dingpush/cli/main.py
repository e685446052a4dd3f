"""The ``dingpush`` command."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from urllib.parse import quote

from airflow_provider_dingpush import __version__
from airflow_provider_dingpush.cli.broken_pipes import readers_may_leave

_DEFAULT_PORT = 8377


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    with readers_may_leave():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    parsed = _parser().parse_args(arguments)
    # As on any server: SIGTERM ends it as Ctrl-C does, with everything closed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    if parsed.run in _WITH_AIRFLOW:
        # Airflow's log goes to standard output, where the answer is to be alone.
        os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    try:
        code: int = parsed.run(parsed)
    except KeyboardInterrupt:
        return 130
    except Exception as problem:
        if parsed.run not in _WITH_AIRFLOW:
            raise
        # Such as an Airflow that can't be loaded, because its configuration names a secrets backend that isn't there.
        print(f"dingpush: {type(problem).__name__}: {_first_line(str(problem))}", file=sys.stderr)
        return 1
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
    demo.add_argument(
        "--storm",
        type=int,
        metavar="N",
        help="let N tasks fail at once against the sandbox, and see digests instead of a flood (告警风暴演示)",
    )
    demo.add_argument("--port", type=int, default=0, help="port of the sandbox (default: a free one)")
    _add_language(demo)
    demo.set_defaults(run=_demo)

    send = commands.add_parser(
        "send",
        help="send one message through an Airflow connection (发送一条消息)",
        description="Sends one message through an Airflow connection: with a robot's to its group, with an app's to a "
        "group, to people, or as a work notice. 通过 Airflow 连接发送一条消息。",
    )
    _add_send_options(send)
    send.set_defaults(run=_send)

    doctor = commands.add_parser(
        "doctor",
        help="tell what of a connection works, and what to do about the rest (检查连接)",
        description="Looks at token, permissions, robot, group and AgentId of a connection, one after the other, "
        "without sending anything. 逐项检查连接，不会发送任何消息。",
    )
    doctor.add_argument(
        "conn_id", nargs="?", default="dingtalk_default", help="Airflow connection (default: %(default)s)"
    )
    _add_language(doctor)
    doctor.set_defaults(run=_doctor)

    flush = commands.add_parser(
        "flush",
        help="send the alerts that callbacks had to leave behind (发送遗留告警)",
        description="Sends alerts that wait: of robots that were shut out, or of processes that were killed. For "
        "cron or a systemd timer, once a minute. 发送等待中的告警，可每分钟由 cron 调用。",
    )
    flush.add_argument(
        "--within", type=float, default=50.0, metavar="SECONDS", help="the most that it may take (default 50)"
    )
    flush.add_argument(
        "--now",
        action="store_true",
        help="for people: keep nothing for later messages, and try robots again whose settings you have mended "
        "(立即发送，并重试配置已修复的机器人)",
    )
    flush.set_defaults(run=_flush)

    status = commands.add_parser(
        "status",
        help="what waits, what holds it, and how much was sent (查看发送状态)",
        description="Shows for each robot: waiting alerts, the last minute, a hold, messages of today and this month, "
        "and dead letters. 查看每个机器人的待发送、限流、用量与死信。",
    )
    status.add_argument("--json", action="store_true", dest="as_json", help="as JSON, for scripts")
    status.set_defaults(run=_status)

    dead = commands.add_parser(
        "dead",
        help="alerts that DingTalk refused even alone (死信)",
        description="Lists alerts that DingTalk refused even alone, shows one, puts it back, or drops it. "
        "查看或处理死信。",
    )
    dead.add_argument("action", choices=("list", "show", "requeue", "drop"), nargs="?", default="list")
    dead.add_argument("key", nargs="?", help="beginning of its key, or 'all' (死信编号前缀，或 all)")
    dead.set_defaults(run=_dead)

    sandbox = commands.add_parser(
        "sandbox",
        help="a local stand-in of DingTalk with a chat page (本地沙箱)",
        description="Starts a local server that behaves like DingTalk, with a group, a custom robot, an app and three "
        "people, and shows the chats as a web page. Nothing leaves this machine. 启动本地钉钉沙箱和聊天页面。",
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


def _add_send_options(parser: argparse.ArgumentParser) -> None:
    """What is said, how, to whom, and through which connection."""
    parser.add_argument(
        "text",
        nargs="?",
        help=r"what is said; \n is a newline, and \\n these two characters; '-' reads it from standard input as it is "
        r"(正文，\n 表示换行，\\n 表示这两个字符；- 表示标准输入)",
    )
    parser.add_argument("--conn-id", default="dingtalk_default", help="Airflow connection (default: %(default)s)")
    kinds = parser.add_argument_group("kind of message (default: plain text)")
    kinds.add_argument("--title", help="of markdown, links and cards (标题)")
    kinds.add_argument("--markdown", action="store_true", help="the text is Markdown")
    kinds.add_argument("--link", metavar="URL", help="a card that opens this page")
    kinds.add_argument("--pic", metavar="URL", help="its picture: a URL or a media id")
    kinds.add_argument(
        "--button", action="append", default=[], metavar="TITLE=URL", help="a card with this button; may be repeated"
    )
    kinds.add_argument("--image", metavar="SOURCE", help="a picture: path, URL or media id (图片)")
    kinds.add_argument("--file", metavar="SOURCE", help="a file: path or media id (文件)")
    kinds.add_argument("--json", metavar="FILE", help="any message in DingTalk's shape, from a file or '-' (JSON 消息)")
    to = parser.add_argument_group("to whom (connections of an app; 企业应用)")
    to.add_argument("--group", metavar="CID", help="a group's openConversationId")
    to.add_argument("--user", action="append", default=[], metavar="ID", help="a person, by user id; may be repeated")
    to.add_argument("--mobile", action="append", default=[], metavar="NUMBER", help="a person, by mobile number")
    to.add_argument(
        "--notice-user", action="append", default=[], metavar="ID", help="work notice to a person (工作通知)"
    )
    to.add_argument(
        "--notice-department", action="append", default=[], metavar="ID", help="work notice to a department"
    )
    to.add_argument("--notice-everyone", action="store_true", help="work notice to the whole organisation")
    to.add_argument("--wait", action="store_true", help="wait until a work notice is delivered, and say whom it missed")
    at = parser.add_argument_group("whom to mention (custom robots; 自定义机器人)")
    at.add_argument("--at-mobile", action="append", default=[], metavar="NUMBER")
    at.add_argument("--at-user", action="append", default=[], metavar="ID")
    at.add_argument("--at-all", action="store_true")


def _add_language(parser: argparse.ArgumentParser) -> None:
    here = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    default = "zh" if here.startswith("zh") else "en"
    parser.add_argument("--language", choices=("zh", "en"), default=default, help=f"default here: {default}")


def _demo(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.cli.demo import run_demo

    if parsed.storm is not None:
        if parsed.webhook or parsed.storm < 1:
            print("dingpush demo: --storm takes a number of failures, and goes to the sandbox only", file=sys.stderr)
            return 2
        from airflow_provider_dingpush.cli.storm import run_storm

        return run_storm(parsed.storm, wait=not parsed.no_wait, language=parsed.language, port=parsed.port)
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


def _send(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.cli.send import run_send

    return run_send(parsed)


def _doctor(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.cli.doctor import run_doctor

    return run_doctor(parsed.conn_id, language=parsed.language)


def _flush(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.cli.outbox_commands import run_flush

    return run_flush(within_seconds=parsed.within, all_now=parsed.now)


def _status(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.cli.outbox_commands import run_status

    return run_status(as_json=parsed.as_json)


def _dead(parsed: argparse.Namespace) -> int:
    from airflow_provider_dingpush.cli.outbox_commands import run_dead

    if parsed.action in ("show", "requeue", "drop") and not parsed.key:
        print(f"dingpush dead {parsed.action}: which one? Give the beginning of its key, or 'all'.", file=sys.stderr)
        return 2
    return run_dead(parsed.action, parsed.key)


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
        robot_connection = webhook_to_paste(sandbox.webhook_url, parsed.secret, parsed.keyword)
        people = ", ".join(f"{each.user_id} ({each.name} {each.mobile})" for each in sandbox.people)
        _introduce(
            sandbox.page_url, robot_connection, sandbox.connection_of(sandbox.app), people, language=parsed.language
        )
        threading.Event().wait()
    finally:
        sandbox.stop()
    return 0


_WITH_AIRFLOW = (_send, _status, _dead, _flush, _doctor)


def _first_line(text: str) -> str:
    """Without user names and passwords in URLs."""
    return re.sub(r"(?<=://)\S*@", "***@", text.partition("\n")[0])


def webhook_to_paste(webhook: str, secret: str | None, keywords: Sequence[str] = ()) -> str:
    """What ``AIRFLOW_CONN_…`` takes for this robot: its webhook URL, with the rest of its settings in the query."""
    more = {"secret": secret, "keyword": keywords[0] if keywords else None}
    return "&".join([webhook, *(f"{name}={quote(value, safe='')}" for name, value in more.items() if value)])


def _introduce(page_url: str, robot_connection: str, app_connection: str, people: str, *, language: str) -> None:
    if language == "zh":
        lines = [
            "钉钉沙箱已启动（按 Ctrl-C 结束）。",
            f"  聊天页面      {page_url}",
            f"  Webhook 地址  {robot_connection.partition('&')[0]}",
            f"  员工 userId   {people}",
            "  Airflow 连接  在 Airflow 的环境中执行（机器人、企业应用各一个）：",
        ]
    else:
        lines = [
            "The DingTalk sandbox runs (Ctrl-C ends it).",
            f"  chat page    {page_url}",
            f"  webhook URL  {robot_connection.partition('&')[0]}",
            f"  people       {people}",
            "  connections  in Airflow's environment, of the robot and of the app:",
        ]
    print("\n".join(lines))
    print(f"\nexport AIRFLOW_CONN_DINGTALK_DEFAULT='{robot_connection}'")
    print(f"export AIRFLOW_CONN_DINGTALK_APP_DEFAULT='{app_connection}'\n", flush=True)
