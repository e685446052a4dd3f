"""The commands of ``dingpush``, their options and their help, in both languages."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from textwrap import fill
from typing import Any

from airflow_provider_dingpush import __version__
from airflow_provider_dingpush.cli.language import LANGUAGES

_SANDBOX_PORT = 8377
_FORMATTER = partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)


class Options:
    """Adds options to a parser, with their help in one language.

    :param parser: to add to.
    :param language: ``zh`` or ``en``.
    """

    def __init__(self, parser: argparse.ArgumentParser, language: str) -> None:
        self._parser = parser
        self._zh = language == "zh"
        self.group("Options", "选项")
        self.add("-h --help", "show this help and exit", "显示帮助并退出", action="help")

    def group(self, en: str, zh: str) -> None:
        """Begin a group of options."""
        self._group = self._parser.add_argument_group(zh if self._zh else en)

    def add(self, names: str, en: str, zh: str, **settings: Any) -> None:
        """Add an option to the group, or an argument if its name has no dash.

        :param names: with blanks between them.
        :param en: its help in English.
        :param zh: its help in Chinese.
        """
        self._group.add_argument(*names.split(), help=zh if self._zh else en, **settings)

    def add_language(self) -> None:
        """Add ``--language``."""
        self.add(
            "--language",
            "language of the output (default: [dingpush] language of Airflow, else that of the terminal)",
            "输出语言（默认：Airflow 配置 [dingpush] language，其次终端语言）",
            choices=LANGUAGES,
        )


@dataclass(frozen=True)
class Command:
    """One command.

    :param module: in this package; its ``run`` is called with the parsed options and returns the exit code.
    :param uses_airflow: whether it looks up connections or options of Airflow.
    :param add_options: adds its options.
    :param help: one line for the list of commands, in English and Chinese.
    :param description: what it does, in English and Chinese.
    :param example: a command to paste.
    :param exit_codes: their meanings, in English and Chinese.
    """

    module: str
    uses_airflow: bool
    add_options: Callable[[Options], None]
    help: tuple[str, str]
    description: tuple[str, str]
    example: str
    exit_codes: tuple[str, str]


def parser_of(language: str) -> argparse.ArgumentParser:
    """The parser of the command line, with its help in one language."""
    index = 1 if language == "zh" else 0
    parser = argparse.ArgumentParser(
        prog="dingpush",
        add_help=False,
        formatter_class=_FORMATTER,
        description=("DingTalk messages and alerts for Apache Airflow.", "Apache Airflow 的钉钉消息与告警。")[index],
        epilog=(
            "Example:\n  dingpush demo\n\nHelp on one command:\n  dingpush COMMAND --help",
            "示例：\n  dingpush demo\n\n查看某个命令的帮助：\n  dingpush COMMAND --help",
        )[index],
    )
    options = Options(parser, language)
    version = f"dingpush {__version__}"
    options.add("--version", "print the version and exit", "显示版本并退出", action="version", version=version)
    title = ("Commands", "命令")[index]
    commands = parser.add_subparsers(title=title, dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        example, codes = (("Example", "Exit codes"), ("示例", "退出码"))[index]
        each = commands.add_parser(
            name,
            add_help=False,
            formatter_class=_FORMATTER,
            help=command.help[index],
            description=command.description[1] if index else fill(command.description[0], 79),
            epilog=f"{example}:\n  {command.example}\n\n{codes}:\n  {command.exit_codes[index]}",
        )
        command.add_options(Options(each, language))
    return parser


def _demo(options: Options) -> None:
    options.add(
        "--webhook",
        "webhook URL of a real robot, instead of the sandbox",
        "真实机器人的 Webhook 地址（不用沙箱）",
        metavar="URL",
    )
    options.add("--secret", "that robot's secret, if it has one", "该机器人的加签密钥（如有）", metavar="SEC…")
    options.add(
        "--no-wait", "exit when done instead of serving the page", "完成后退出，不保留聊天页面", action="store_true"
    )
    options.add(
        "--storm",
        "let N tasks fail at once, in the sandbox: digests instead of a flood of messages",
        "模拟 N 个任务同时失败（仅沙箱）：合并为少量汇总消息",
        type=int,
        metavar="N",
    )
    _add_port(options, default=0)
    options.add_language()


def _send(options: Options) -> None:
    options.add(
        "text",
        r"what to send; \n is a newline, \\n these two characters; '-' reads standard input as it is",
        r"正文；\n 表示换行，\\n 表示这两个字符；- 表示原样读取标准输入",
        metavar="TEXT",
        nargs="?",
    )
    _add_connection(options, "--conn-id")
    _add_json(options)
    options.add_language()
    options.group("Kind of message (default: plain text)", "消息类型（默认：纯文本）")
    options.add("--title", "title of markdown, links and cards", "Markdown、链接和卡片的标题")
    options.add("--markdown", "the text is Markdown", "正文是 Markdown", action="store_true")
    options.add("--link", "a link message to this page", "链接消息，打开此页面", metavar="URL")
    options.add("--pic", "image of the link: URL or media id", "链接消息的图片：URL 或 media id", metavar="URL")
    options.add(
        "--button",
        "a card with this button; repeatable",
        "带此按钮的卡片，可重复",
        action="append",
        default=[],
        metavar="TITLE=URL",
    )
    options.add("--image", "an image: path, URL or media id", "图片：路径、URL 或 media id", metavar="SOURCE")
    options.add("--file", "a file: path or media id", "文件：路径或 media id", metavar="SOURCE")
    options.add(
        "--message",
        "a message of any kind as DingTalk's JSON, from a file or '-'",
        "钉钉格式的 JSON 消息，来自文件或 -（标准输入）",
        metavar="FILE",
    )
    many: dict[str, Any] = {"action": "append", "default": []}
    options.group("To whom (connections of an app)", "发给谁（企业应用连接）")
    options.add("--group", "a group's openConversationId", "群的 openConversationId", metavar="CID")
    options.add("--user", "a person's user id; repeatable", "员工 userId，可重复", **many, metavar="ID")
    options.add("--mobile", "a person's mobile number", "员工手机号，可重复", **many, metavar="NUMBER")
    options.add("--notify-user", "work notification to a person", "工作通知：员工 userId", **many, metavar="ID")
    options.add("--notify-department", "work notification to a department", "工作通知：部门 id", **many, metavar="ID")
    options.add("--notify-everyone", "work notification to everyone", "工作通知：全员", action="store_true")
    options.add(
        "--wait",
        "wait until a work notification is delivered, and print whom it did not reach",
        "等待工作通知送达，并列出未送达的人",
        action="store_true",
    )
    options.group("Whom to mention (custom robots)", "@ 谁（自定义机器人）")
    options.add("--at-mobile", "by mobile number; repeatable", "手机号，可重复", **many, metavar="NUMBER")
    options.add("--at-user", "by user id; repeatable", "userId，可重复", **many, metavar="ID")
    options.add("--at-all", "everyone in the group", "所有人", action="store_true")


def _doctor(options: Options) -> None:
    options.add(
        "conn_id",
        "Airflow connection (default: every DingTalk connection that can be found)",
        "Airflow 连接（默认：能找到的所有钉钉连接）",
        metavar="CONN_ID",
        nargs="?",
    )
    _add_json(options)
    options.add_language()


def _flush(options: Options) -> None:
    options.add(
        "--within",
        "time limit in seconds (default: %(default)g)",
        "最长用时（秒，默认 %(default)g）",
        type=float,
        default=50.0,
        metavar="SECONDS",
    )
    options.add(
        "--now",
        "send everything now and retry robots whose settings you have fixed",
        "立即发送全部告警，并重试配置已修复的机器人",
        action="store_true",
    )
    _add_json(options)
    options.add_language()


def _status(options: Options) -> None:
    _add_json(options)
    options.add_language()


def _dead_letters(options: Options) -> None:
    options.add(
        "action",
        "list them (default), show the alert, send it with the next flush, or delete it",
        "列出（默认）、查看内容、下次补发时重试，或删除",
        choices=("list", "show", "retry", "drop"),
        nargs="?",
        default="list",
    )
    options.add("key", "beginning of its key, or 'all'", "编号的开头，或 all", metavar="KEY", nargs="?")
    _add_json(options)
    options.add_language()


def _sandbox(options: Options) -> None:
    _add_port(options, default=_SANDBOX_PORT)
    options.add(
        "--host", "address to listen on (default: %(default)s)", "监听地址（默认 %(default)s）", default="127.0.0.1"
    )
    options.add("--token", "the robot's access token (default: a random one)", "机器人的 token（默认随机）")
    options.add("--secret", "require signatures made with this secret", "要求用此密钥加签")
    options.add(
        "--keyword",
        "require one of these keywords; repeatable",
        "要求包含其中一个关键词，可重复",
        action="append",
        default=[],
    )
    options.add(
        "--minute-seconds",
        "length of a minute of the rate limit in seconds, to try out limits (default: %(default)g)",
        "限流所用一分钟的长度（秒，默认 %(default)g），便于试验限流",
        type=float,
        default=60.0,
        metavar="SECONDS",
    )
    options.add_language()


def _add_connection(options: Options, name: str, **settings: Any) -> None:
    options.add(
        name,
        "Airflow connection (default: %(default)s)",
        "Airflow 连接（默认 %(default)s）",
        metavar="CONN_ID",
        default="dingtalk_default",
        **settings,
    )


def _add_json(options: Options) -> None:
    options.add("--json", "print JSON, for scripts", "输出 JSON，供脚本使用", action="store_true", dest="as_json")


def _add_port(options: Options, *, default: int) -> None:
    options.add(
        "--port",
        "port of the sandbox; 0: any free port (default: %(default)s)",
        "沙箱端口，0 表示任一空闲端口（默认 %(default)s）",
        type=int,
        default=default,
    )


COMMANDS: Mapping[str, Command] = {
    "demo": Command(
        "demo",
        uses_airflow=False,
        add_options=_demo,
        help=("run a real DAG and see its two messages arrive", "运行演示 DAG，查看送达的两条消息"),
        description=(
            (
                "Run a DAG in a temporary Airflow and show the two messages that arrive: in the sandbox, or in a "
                "real group with --webhook."
            ),
            "在临时的 Airflow 中运行一个 DAG，展示送达的两条消息：默认发到沙箱，用 --webhook 发到真实的群。",
        ),
        example="dingpush demo --storm 1000",
        exit_codes=(
            "0: all messages arrived; 1: some did not; 2: wrong options",
            "0：消息全部送达；1：有消息未送达；2：选项有误",
        ),
    ),
    "send": Command(
        "send",
        uses_airflow=True,
        add_options=_send,
        help=("send one message through an Airflow connection", "通过 Airflow 连接发送一条消息"),
        description=(
            (
                "Send one message through an Airflow connection and print the receipt as JSON. A custom robot sends to "
                "its group; an app sends to a group, to people, or as a work notification."
            ),
            (
                "通过 Airflow 连接发送一条消息，并以 JSON 打印回执。自定义机器人发到所在群；企业应用可发到群、发给人，"
                "或作为工作通知。"
            ),
        ),
        example="dingpush send '数据已就绪' --conn-id dingtalk_app_default --user zhangsan",
        exit_codes=(
            "0: sent; 1: not sent, or not delivered to all recipients (--wait); 2: wrong options",
            "0：已发送；1：未发送，或有人未收到（--wait）；2：选项有误",
        ),
    ),
    "doctor": Command(
        "doctor",
        uses_airflow=True,
        add_options=_doctor,
        help=("check settings and connections, and explain how to fix them", "检查配置和连接，并说明如何修复"),
        description=(
            (
                "Check the options of [dingpush], the outbox, and token, permissions, robot, group and AgentId of each "
                "connection one by one, without sending anything."
            ),
            "逐项检查 [dingpush] 配置、发件箱，以及每个连接的 token、权限、机器人、群和 AgentId，不会发送任何消息。",
        ),
        example="dingpush doctor dingtalk_app_default",
        exit_codes=(
            "0: nothing to fix, perhaps warnings; 1: something to fix",
            "0：没有需要修复的问题，可能有警告；1：有问题需要修复",
        ),
    ),
    "status": Command(
        "status",
        uses_airflow=True,
        add_options=_status,
        help=("show pending alerts, why they are held, message counts", "查看待发送的告警、暂停原因和消息用量"),
        description=(
            (
                "Show pending alerts, messages of the last minute, today and this month, dead letters and the state of "
                "each receiver."
            ),
            "显示每个接收方的待发送告警，最近一分钟、今日和本月的消息数，死信，以及状态。",
        ),
        example="dingpush status | grep dingtalk_default",
        exit_codes=("0: everything could be read; 1: something could not be read", "0：全部可读；1：有内容无法读取"),
    ),
    "flush": Command(
        "flush",
        uses_airflow=True,
        add_options=_flush,
        help=("send pending alerts", "补发：发送待发送的告警"),
        description=(
            (
                "Send pending alerts, such as those of throttled robots or of processes that were killed. Run it once "
                "a minute from cron or a systemd timer."
            ),
            "发送待发送的告警，例如因机器人被限流或进程被终止而未发出的告警。可由 cron 或 systemd timer 每分钟调用。",
        ),
        example="* * * * * AIRFLOW_HOME=/opt/airflow /opt/airflow/venv/bin/dingpush flush",
        exit_codes=("0: no pending alerts are left; 1: some are", "0：没有待发送的告警；1：仍有待发送的告警"),
    ),
    "dead-letters": Command(
        "dead_letters",
        uses_airflow=True,
        add_options=_dead_letters,
        help=("list, retry or drop rejected alerts (dead letters)", "查看、重试或删除被拒收的告警（死信）"),
        description=(
            "List alerts that DingTalk rejected even alone; show one, send it with the next flush, or delete it.",
            "列出单独发送也被钉钉拒收的告警，可查看内容、下次补发时重试或删除。",
        ),
        example="dingpush dead-letters retry 3f9a",
        exit_codes=(
            "0: done; 1: no such dead letter, or not everything could be read; 2: no key given",
            "0：完成；1：没有该死信，或有内容无法读取；2：未给出编号",
        ),
    ),
    "sandbox": Command(
        "sandbox",
        uses_airflow=False,
        add_options=_sandbox,
        help=("run a local DingTalk simulator with a chat page", "启动本地钉钉沙箱和聊天页面"),
        description=(
            (
                "Run a local server that behaves like DingTalk, with a group, a custom robot, an app and three people, "
                "and a web page that shows the chats. Nothing leaves this machine."
            ),
            (
                "启动与钉钉行为一致的本地服务：一个群、一个自定义机器人、一个企业应用和三名员工，并用网页展示聊天。"
                "任何内容都不会离开本机。"
            ),
        ),
        example="dingpush sandbox --port 0 --keyword 告警",
        exit_codes=(
            "130: stopped with Ctrl-C or SIGTERM; 1: the port is in use; 2: wrong options",
            "130：按 Ctrl-C 或收到 SIGTERM 后结束；1：端口被占用；2：选项有误",
        ),
    ),
}
