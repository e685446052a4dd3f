"""The commands of ``dingpush``, their options and their help, in both languages."""

from __future__ import annotations

import re
from argparse import SUPPRESS
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_dingpush import __version__
from airflow_provider_dingpush.cli.durations import duration, time_span
from airflow_provider_dingpush.cli.language import LANGUAGES
from airflow_provider_dingpush.cli.parsing import (
    Options,
    Pair,
    Parser,
    moment,
    seconds,
    whole_number,
    wrapped,
)
from airflow_provider_dingpush.rules.labels import EVENTS, OF_AIRFLOW

_SANDBOX_PORT = 8377
_HELP_COLUMNS = 78
_SHELLS = "bash", "zsh", "fish"
_EVENT_NAMES = tuple(each.value for each in (*EVENTS, *OF_AIRFLOW))
WATCHED = "web_server", "metadatabase", "scheduler", "dag_processor", "triggerer", "flush"
"""What ``dingpush watch`` looks at."""


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
    help: Pair
    description: Pair
    example: str
    exit_codes: Pair


def parser_of(language: str) -> Parser:
    """The parser of the whole command line.

    :param language: of its help and errors, ``zh`` or ``en``.
    """
    parser = Parser(language=language, prog="dingpush")
    options_word, command_word = parser.text(("[OPTIONS]", "[选项]")), parser.text(("COMMAND", "命令"))
    parser.usage = f"dingpush {options_word} {command_word} …"
    about = parser.text(("DingTalk messages and alerts for Apache Airflow.", "Apache Airflow 的钉钉消息与告警。"))
    width = max(map(len, COMMANDS)) + 2
    listed = "\n".join(f"  {name:<{width}}{parser.text(command.help)}" for name, command in COMMANDS.items())
    parser.description = f"{about}\n\n{parser.text(('Commands:', '命令：'))}\n{listed}"
    example, command_help = (
        parser.text(("Example:", "示例：")),
        parser.text(("Help on one command:", "查看命令的帮助：")),
    )
    parser.epilog = f"{example}\n  dingpush demo\n\n{command_help}\n  dingpush {command_word} --help"
    # For both places: before the command, and after it, where they must not overwrite what stands before it.
    parser.set_defaults(verbose=False)
    commands = parser.add_subparsers(dest="command", prog="dingpush", help=SUPPRESS)
    for name, command in COMMANDS.items():
        _add_command(commands, name, command, language)
    options = Options(parser)
    version = f"dingpush {__version__}"
    options.add("-V --version", "print the version and exit", "显示版本并退出", action="version", version=version)
    _add_general_options(options)
    return parser


def command_parsers(language: str) -> Mapping[str, Parser]:
    """The parser of each command, in the order of the help.

    :param language: of their help, ``zh`` or ``en``.
    """
    commands = Parser(language=language, prog="dingpush").add_subparsers(prog="dingpush")
    return {name: _add_command(commands, name, command, language) for name, command in COMMANDS.items()}


def _add_command(commands: Any, name: str, command: Command, language: str) -> Parser:
    index = 1 if language == "zh" else 0
    example, codes = (("Example", "Exit codes"), ("示例", "退出码"))[index]
    separator = "：" if index else ":"
    parser: Parser = commands.add_parser(
        name,
        language=language,
        description="\n".join(wrapped(command.description[index], _HELP_COLUMNS)),
        epilog=(
            f"{example}{separator}\n  {command.example}\n\n"
            f"{codes}{separator}\n  " + "\n  ".join(re.split(r"[;；]\s*", command.exit_codes[index]))
        ),
    )
    parser.set_defaults(parser=parser)
    options = Options(parser)
    command.add_options(options)
    options.group("General options", "通用选项")
    _add_general_options(options)
    values = (f"[{each.metavar}]" for each in parser.arguments if not each.is_option)
    parser.usage = " ".join([parser.prog, ("[OPTIONS]", "[选项]")[index], *values])
    return parser


def _add_general_options(options: Options) -> None:
    """Add the options of every command."""
    options.add(
        "--language",
        "language of the output and of this help (default: that of the terminal)",
        "输出和帮助的语言（默认与终端一致）",
        choices=LANGUAGES,
        default=SUPPRESS,
    )
    options.add(
        "--verbose",
        "show where an unexpected error happened",
        "显示意外错误的发生位置",
        action="store_true",
        default=SUPPRESS,
    )
    options.add("-h --help", "show this help and exit", "显示帮助并退出", action="help")


def _demo(options: Options) -> None:
    options.add(
        "--webhook",
        "webhook URL of a real robot, instead of the sandbox",
        "真实机器人的 Webhook 地址（不用沙箱）",
        metavar="URL",
    )
    options.add("--secret", "that robot's secret, if it has one", "该机器人的加签密钥（如有）", metavar="SEC…")
    options.add(
        "--at-mobile",
        "mobile number of whom the alert mentions in the group of --webhook",
        "告警在 --webhook 的群里 @ 的人的手机号",
        metavar="NUMBER",
    )
    options.add(
        "--no-wait",
        "exit when done instead of serving the pages that links open",
        "完成后退出，不保留链接打开的页面",
        action="store_true",
    )
    options.add("--log", "write what Airflow prints to this file", "把 Airflow 的输出写入此文件", metavar="FILE")
    options.add(
        "--storm",
        "let N tasks fail at once, in the sandbox: digests instead of a flood of messages",
        "模拟 N 个任务同时失败（仅沙箱）：合并为少量汇总消息",
        type=whole_number(1),
        metavar="N",
    )
    _add_port(options, default=0)


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
    options.group("Kind of message (default: plain text)", "消息类型（默认：纯文本）")
    options.add(
        "--title",
        "title, with --markdown, --link or --button (default: the first line)",
        "标题，与 --markdown、--link 或 --button 同用（默认为首行）",
    )
    options.add("--markdown", "the text is Markdown", "正文是 Markdown", action="store_true")
    options.add("--link", "a link message to this page", "链接消息，打开此页面", metavar="URL")
    options.add("--pic", "image of the --link: URL or media id", "--link 的图片：URL 或 media id", metavar="URL")
    options.add(
        "--button",
        "a Markdown card with this button; repeatable",
        "带此按钮的 Markdown 卡片，可重复",
        action="append",
        default=[],
        metavar="TITLE=URL",
    )
    options.add("--image", "an image: path, URL or media id", "图片：路径、URL 或 media id", metavar="SOURCE")
    options.add("--file", "a file: path or media id", "文件：路径或 media id", metavar="SOURCE")
    options.add(
        "--message",
        "a message of any kind as DingTalk's JSON, from a file or '-' (standard input)",
        "任意类型的消息，钉钉格式的 JSON，来自文件或 -（标准输入）",
        metavar="FILE",
    )
    many: dict[str, Any] = {"action": "append", "default": []}
    options.group("To whom (connections of an app)", "发给谁（企业应用连接）")
    options.add("--group", "a group's openConversationId", "群的 openConversationId", metavar="CID")
    options.add("--user", "a person's user id; repeatable", "员工 userId，可重复", **many, metavar="ID")
    options.add("--mobile", "a person's mobile number; repeatable", "员工手机号，可重复", **many, metavar="NUMBER")
    options.add(
        "--ding",
        "a DING to --user or --mobile: a pop-up (app), an SMS or a phone call; SMS and calls cost money",
        "给 --user、--mobile 发 DING：应用内（app）、短信（sms）或电话（phone）；短信和电话会产生费用",
        choices=("app", "sms", "phone"),
    )
    options.add("--yes", "send a DING that costs money", "确认发送会产生费用的 DING", action="store_true")
    options.add(
        "--notify-user",
        "work notification to a person; repeatable",
        "工作通知：员工 userId，可重复",
        **many,
        metavar="ID",
    )
    options.add(
        "--notify-department",
        "work notification to a department; repeatable",
        "工作通知：部门 id，可重复",
        **many,
        metavar="ID",
    )
    options.add("--notify-everyone", "work notification to everyone", "工作通知：全员", action="store_true")
    options.add(
        "--wait",
        "wait until the work notification is delivered, and print whom it did not reach",
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


def _flush(options: Options) -> None:
    options.add(
        "--within",
        "time limit in seconds (default: %(default)g)",
        "最长用时（秒，默认 %(default)g）",
        type=seconds,
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


def _status(options: Options) -> None:
    _add_json(options)


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


def _silence(options: Options) -> None:
    options.add(
        "action",
        "mute alerts, list what is muted (default), or end a silence",
        "静默告警、列出当前静默（默认），或结束静默",
        choices=("add", "list", "expire"),
        nargs="?",
        default="list",
    )
    options.add(
        "values",
        (
            "add: LABEL=PATTERN; all labels must match: dag_id, task_id, tag, owner, event, severity, run_type; "
            "expire: the id"
        ),
        ("add：标签=取值，各标签须同时匹配：dag_id、task_id、tag、owner、event、severity、run_type；expire：编号"),
        metavar="MATCHER|ID",
        nargs="*",
    )
    options.add(
        "--for",
        "how long, such as 30m, 2h or 1d (default: 2h, at most 7d)",
        "时长，例如 30m、2h、1d（默认 2h，最长 7d）",
        type=time_span,
        dest="seconds",
        metavar="DURATION",
    )
    options.add("--why", "the reason, which the digest tells the group", "原因，会写进群里的汇总消息", metavar="TEXT")
    _add_json(options)


def _incidents(options: Options) -> None:
    options.add("--conn-id", "only those whose alerts go to this connection", "仅列出发往该连接的故障", metavar="ID")
    options.add(
        "--limit",
        "rows of the table; 0 for all (default: {default})",
        "表格行数，0 为全部（默认 {default}）",
        type=whole_number(0),
        default=100,
        metavar="N",
    )
    _add_json(options)


def _ack(options: Options) -> None:
    _add_incidents(options)
    options.add(
        "--by", "who takes care of it (default: the user of this shell)", "认领人（默认为当前系统用户）", metavar="NAME"
    )
    options.add("--note", "what that person says about it", "备注", metavar="TEXT")
    _add_json(options)


def _unack(options: Options) -> None:
    _add_incidents(options)
    _add_json(options)


def _report(options: Options) -> None:
    options.add(
        "--since",
        "how far back, such as 24h or 7d (default: 7d, at most 7d)",
        "最近多久，例如 24h、7d（默认 7d，最长 7d）",
        type=time_span,
        default=7 * 86_400.0,
        metavar="DURATION",
    )
    options.add(
        "--send", "send it as a message instead of printing it", "作为消息发送，而不是打印", action="store_true"
    )
    options.add(
        "--conn-id",
        "with --send: the connection; otherwise: only what this connection was notified of",
        "与 --send 一起：发送到的连接；否则：仅统计发往该连接的告警",
        metavar="ID",
    )
    _add_json(options)


def _add_incidents(options: Options) -> None:
    options.add(
        "incidents",
        "beginning of an id, such as 7f3a, or DAG, or DAG.TASK",
        "编号的开头，例如 7f3a；或 DAG；或 DAG.TASK",
        metavar="INCIDENT",
        nargs="+",
    )
    options.add(
        "--all",
        "all that are meant, such as all failed tasks of a DAG",
        "对应多个时全部处理，例如一个 DAG 的所有失败任务",
        action="store_true",
    )


def _rules(options: Options) -> None:
    options.add(
        "action",
        "check the file, explain whom it notifies of an event, or replay the last days with it",
        "检查文件，说明一个事件会通知谁，或用它重放最近几天",
        choices=("check", "explain", "replay"),
        nargs="?",
    )
    options.add(
        "subject",
        "check: the file (default: [dingpush] rules_file); explain: a DAG, or a task as DAG.TASK; with --event "
        f"dag_import_* a DAG file, with airflow_* one of {', '.join(WATCHED)}",
        "check：文件（默认 [dingpush] rules_file）；explain：DAG，或写作 DAG.TASK 的任务；"
        f"--event 为 dag_import_* 时为 DAG 文件，为 airflow_* 时为 {'、'.join(WATCHED)} 之一",
        metavar="FILE|DAG[.TASK]",
        nargs="?",
    )
    options.add(
        "--file",
        "explain, replay: another rules file than that of [dingpush] rules_file",
        "explain、replay：代替 [dingpush] rules_file 的规则文件",
        metavar="FILE",
    )
    options.add(
        "--since",
        "replay: how far back, such as 24h or 7d (default: 7d, the most)",
        "replay：从多久以前开始，例如 24h、7d（默认 7d，也是最长）",
        type=time_span,
        metavar="TIME",
    )
    _add_json(options)
    many: dict[str, Any] = {"action": "append", "default": []}
    options.group("The event to explain", "要说明的事件")
    options.add(
        "--event",
        f"what happens: {', '.join(_EVENT_NAMES)} (default: the task fails, or of a DAG the run)",
        f"事件：{'、'.join(_EVENT_NAMES)}（默认：任务失败；只给出 DAG 时为整次运行失败）",
        choices=_EVENT_NAMES,
        metavar="EVENT",
    )
    options.add(
        "--at",
        "when, such as 2026-12-01T03:00 (default: now)",
        "时间，例如 2026-12-01T03:00（默认为现在）",
        type=moment,
        metavar="TIME",
    )
    options.add(
        "--tag",
        "a tag of the DAG, instead of those in Airflow's database; repeatable",
        "DAG 的标签（代替 Airflow 数据库中的标签），可重复",
        **many,
        metavar="TAG",
    )
    options.add(
        "--owner",
        "an owner, instead of those in Airflow's database; repeatable",
        "负责人（代替 Airflow 数据库中的负责人），可重复",
        **many,
        metavar="OWNER",
    )
    options.add(
        "--run-type",
        "type of the run (default: scheduled)",
        "运行类型（默认 scheduled）",
        metavar="TYPE",
    )
    options.add("--team", "the team of the DAG", "DAG 的团队", metavar="TEAM")


def _oncall(options: Options) -> None:
    options.add(
        "--at",
        "when, such as 2026-12-01T03:00 (default: now)",
        "时间，例如 2026-12-01T03:00（默认为现在）",
        type=moment,
        metavar="TIME",
    )
    options.add("--rotation", "only this one (default: all)", "只看此轮值（默认全部）", metavar="NAME")
    options.add(
        "--days",
        "list who is on call for this many days ahead",
        "列出此后若干天的值班安排",
        type=whole_number(1, 366),
        metavar="N",
    )
    options.add(
        "--until",
        "list who is on call until then, such as 2026-12-31T09:00",
        "列出到此时为止的值班安排，例如 2026-12-31T09:00",
        type=moment,
        metavar="TIME",
    )
    _add_rules_file(options)
    _add_json(options)


def _baselines(options: Options) -> None:
    options.add(
        "--at",
        "when, such as 2026-12-01T08:10 (default: now); an earlier time shows what was known then",
        "时间，例如 2026-12-01T08:10（默认为现在）；更早的时间显示当时已知的情况",
        type=moment,
        metavar="TIME",
    )
    _add_rules_file(options)
    _add_json(options)


def _watch(options: Options) -> None:
    options.add(
        "--url",
        "base URL of Airflow (default: [dingpush] base_url, or Airflow's own option)",
        "Airflow 的地址（默认 [dingpush] base_url，或 Airflow 自己的配置项）",
        metavar="URL",
    )
    options.add(
        "--conn-id",
        "Airflow connection to notify (default: by rules_file and alert_conn_id)",
        "接收告警的 Airflow 连接（默认由 rules_file 和 alert_conn_id 决定）",
        metavar="CONN_ID",
    )
    options.add(
        "--for",
        "how long something must be unhealthy before it is reported (default: %(default)s)",
        "异常持续多久才告警（默认 %(default)s）",
        dest="patience",
        type=duration,
        default="2m",
        metavar="DURATION",
    )
    options.add(
        "--repeat",
        "report it again after this time (default: %(default)s)",
        "异常未消除时，隔多久再次告警（默认 %(default)s）",
        type=duration,
        default="4h",
        metavar="DURATION",
    )
    options.add(
        "--flush-within",
        "how long ago the last flush may be (default: %(default)s)",
        "距上次补发最长允许多久（默认 %(default)s）",
        type=duration,
        default="10m",
        metavar="DURATION",
    )
    options.add(
        "--ignore",
        "don't look at this; repeatable",
        "不检查该组件，可重复",
        action="append",
        default=[],
        choices=WATCHED,
    )
    options.add(
        "--within",
        "time limit in seconds (default: %(default)g)",
        "最长用时（秒，默认 %(default)g）",
        type=seconds,
        default=50.0,
        metavar="SECONDS",
    )
    _add_json(options)


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
        type=seconds,
        default=60.0,
        metavar="SECONDS",
    )


def _completion(options: Options) -> None:
    options.add("shell", "your shell", "所用的 shell", choices=_SHELLS, nargs="?")


def _add_connection(options: Options, name: str, **settings: Any) -> None:
    options.add(
        name,
        "Airflow connection (default: %(default)s)",
        "Airflow 连接（默认 %(default)s）",
        metavar="CONN_ID",
        default="dingtalk_default",
        **settings,
    )


def _add_rules_file(options: Options) -> None:
    options.add(
        "--file",
        "a rules file instead of [dingpush] rules_file",
        "代替 [dingpush] rules_file 的规则文件",
        metavar="FILE",
    )


def _add_json(options: Options) -> None:
    options.add("--json", "print JSON, for scripts", "输出 JSON，供脚本使用", action="store_true", dest="as_json")


def _add_port(options: Options, *, default: int) -> None:
    options.add(
        "--port",
        "port of the sandbox; 0: any free port (default: %(default)s)",
        "沙箱端口，0 表示任一空闲端口（默认 %(default)s）",
        type=whole_number(0, 65_535),
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
            "0: all messages arrived; 1: some did not; 2: wrong options; 130: stopped with Ctrl-C before that",
            "0：消息全部送达；1：有消息未送达；2：选项有误；130：送达前按 Ctrl-C 中断",
        ),
    ),
    "send": Command(
        "send",
        uses_airflow=True,
        add_options=_send,
        help=("send one message through an Airflow connection", "通过 Airflow 连接发送一条消息"),
        description=(
            (
                "Send one message through an Airflow connection. A custom robot sends to its group; an app sends to a "
                "group, to people, or as a work notification. In a pipe or file, the result is printed as with --json."
            ),
            (
                "通过 Airflow 连接发送一条消息。自定义机器人发到所在群；企业应用可发到群、发给人，或作为工作通知。"
                "输出到管道或文件时，与加上 --json 相同。"
            ),
        ),
        example="dingpush send '数据已就绪' --conn-id dingtalk_app_default --user zhangsan",
        exit_codes=(
            "0: sent; 1: not sent, or not to all recipients; 2: wrong options; 130: stopped with Ctrl-C",
            "0：已发送；1：未发送，或有人未收到；2：选项有误；130：按 Ctrl-C 中断",
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
    "silence": Command(
        "silence",
        uses_airflow=True,
        add_options=_silence,
        help=("mute alerts for a while, such as during maintenance", "临时静默告警，例如停机维护期间"),
        description=(
            (
                "Mute alerts for a while, also those of P1. They stay in the outbox: the next digest says how many "
                "there are, and when the silence ends one digest lists them. With a Redis outbox all machines see the "
                "silence; with files this machine only."
            ),
            (
                "临时静默告警，包括 P1。告警仍保存在发件箱中：下一条汇总会说明静默了多少条，"
                "静默结束时合并为一条汇总发送。"
                "发件箱在 Redis 中时所有机器生效；在文件中时只对本机生效。"
            ),
        ),
        example="dingpush silence add 'dag_id=etl_*' --for 2h --why 'database maintenance'",
        exit_codes=(
            "0: done; 1: no such silence, or the outbox can't be used; 2: wrong options",
            "0：完成；1：没有该静默，或发件箱无法使用；2：选项有误",
        ),
    ),
    "incidents": Command(
        "incidents",
        uses_airflow=True,
        add_options=_incidents,
        help=("list failures that haven't recovered", "列出未恢复的故障"),
        description=(
            (
                "List what is open: failures of tasks, runs, DAG files and Airflow itself that haven't recovered, "
                "since when, how often they failed, whose they are, and who takes care of each. The most urgent come "
                "first."
            ),
            (
                "列出未恢复的故障：任务、DAG 运行、DAG 文件和 Airflow 自身的失败，"
                "包括开始时间、失败次数、负责人和认领人。最紧急的排在最前。"
            ),
        ),
        example="dingpush incidents",
        exit_codes=(
            "0: listed; 1: the outbox can't be used; 2: wrong options",
            "0：已列出；1：发件箱无法使用；2：选项有误",
        ),
    ),
    "ack": Command(
        "ack",
        uses_airflow=True,
        add_options=_ack,
        help=("claim an open incident", "认领未恢复的故障"),
        description=(
            (
                "Claim an open incident: it escalates no further, and the next message says who takes care of it. The "
                "claim ends when the incident recovers. With a Redis outbox it may be claimed on any machine; with "
                "files, on the machine that has them."
            ),
            (
                "认领未恢复的故障：不再升级，下一条消息会说明由谁处理。故障恢复时认领结束。"
                "发件箱在 Redis 中时可在任意机器上认领；在文件中时须在文件所在的机器上认领。"
            ),
        ),
        example="dingpush ack 7f3a --by zhangsan --note 'disk is full, cleaning up'",
        exit_codes=(
            "0: claimed; 1: no such incident, several are meant, or the outbox can't be used; 2: wrong options",
            "0：已认领；1：没有该故障、对应多个故障，或发件箱无法使用；2：选项有误",
        ),
    ),
    "unack": Command(
        "ack",
        uses_airflow=True,
        add_options=_unack,
        help=("give a claimed incident back", "取消认领"),
        description=(
            "Give a claimed incident back: its escalation goes on from where it was.",
            "取消认领：故障从原先的步骤继续升级。",
        ),
        example="dingpush unack 7f3a",
        exit_codes=(
            "0: done; 1: no such incident, several are meant, or the outbox can't be used; 2: wrong options",
            "0：完成；1：没有该故障、对应多个故障，或发件箱无法使用；2：选项有误",
        ),
    ),
    "report": Command(
        "report",
        uses_airflow=True,
        add_options=_report,
        help=("report the failures of the last days", "汇总最近几天的故障"),
        description=(
            (
                "Report what failed in the last days, by DAG and owner, how long it took to claim and to recover "
                "(median), which tasks fail again and again, what is still open, and how many messages were sent. "
                "Print it, or send it to a group."
            ),
            (
                "汇总最近几天的故障：按 DAG 和负责人统计失败次数、认领和恢复耗时（中位数）、反复失败的任务、"
                "仍未恢复的故障、发出的消息数。可打印，也可发到群里。"
            ),
        ),
        example="dingpush report --since 7d --send --conn-id dingtalk_default",
        exit_codes=(
            "0: printed or sent; 1: the outbox can't be used, or DingTalk refused it; 2: wrong options",
            "0：已打印或已发送；1：发件箱无法使用，或钉钉拒收；2：选项有误",
        ),
    ),
    "rules": Command(
        "rules",
        uses_airflow=True,
        add_options=_rules,
        help=(
            "check, explain or replay the rules of all DAGs",
            "检查所有 DAG 的告警规则，说明会通知谁，或重放最近几天",
        ),
        description=(
            (
                "Check the rules file: every mistake with line and column, receivers that don't exist, rules that no "
                "DAG hits. Or explain an event: which rules apply, whom they notify in which language, and why the "
                "others don't apply. Or replay the last days: how many messages each receiver had, and how many it "
                "would have had under a rules file. Nothing is sent."
            ),
            (
                "检查规则文件：列出每处错误的行和列、不存在的接收方、没有 DAG 匹配的规则。或说明一个事件："
                "哪些规则适用，用什么语言通知谁，其他规则为什么不适用。或重放最近几天：各接收方实际收到多少条消息，"
                "按一份规则文件会收到多少条。不会发送任何消息。"
            ),
        ),
        example="dingpush rules explain etl_orders.load --event task_failed",
        exit_codes=(
            (
                "0: valid (perhaps with warnings), explained or replayed; 1: mistakes, or a file or the outbox is "
                "unreadable; 2: wrong options"
            ),
            "0：文件有效（可能有警告）、已说明或已重放；1：文件有错误，或文件、发件箱无法读取；2：选项有误",
        ),
    ),
    "oncall": Command(
        "oncall",
        uses_airflow=True,
        add_options=_oncall,
        help=("show who is on call", "查看谁在值班"),
        description=(
            (
                "Show who is on call by the duty table of the rules file, until when, and who is next; with --days or "
                "--until every shift of that time, gaps included. Times are in the time zone of the alerts."
            ),
            (
                "按规则文件中的值班表显示谁在值班、值到何时、下一位是谁；"
                "加上 --days 或 --until 时列出这段时间的所有班次，包括无人值班的空档。时间按告警所用的时区显示。"
            ),
        ),
        example="dingpush oncall --days 14",
        exit_codes=(
            "0: shown; 1: the file has no rotations, has mistakes or can't be read; 2: wrong options",
            "0：已显示；1：文件中没有轮值、有错误或无法读取；2：选项有误",
        ),
    ),
    "baselines": Command(
        "baselines",
        uses_airflow=True,
        add_options=_baselines,
        help=("show what is due today and when it is expected", "查看今天的基线：时限与预计完成时间"),
        description=(
            (
                "Show today's baselines of the rules file: when each is due, when it is expected by its last runs, by "
                "when in 9 of 10 cases, and how much time is left. A baseline of yesterday is shown as long as it is "
                "open. Times are in the time zone of each baseline. Nothing is sent."
            ),
            (
                "显示规则文件中今天的基线：时限、根据最近的运行预计的完成时间、九成情况下的完成时间和余量。昨天的基线在完成之前也会显示。"
                "时间按各基线的时区显示。不会发送任何消息。"
            ),
        ),
        example="dingpush baselines --at 2026-12-01T08:10",
        exit_codes=(
            "0: shown; 1: no baselines, or the file has mistakes, or it or the outbox can't be read; 2: wrong options",
            "0：已显示；1：文件中没有基线、有错误或无法读取，或发件箱无法读取；2：选项有误",
        ),
    ),
    "watch": Command(
        "watch",
        uses_airflow=True,
        add_options=_watch,
        help=("report when Airflow itself is unhealthy", "Airflow 自身异常时告警"),
        description=(
            (
                "Ask Airflow from outside whether web server, database, scheduler, DAG processor and triggerer are "
                "healthy, and whether a flush has run. What stays unhealthy is reported once, again after --repeat, "
                "and when it is over. Needs neither a running Airflow nor its database. Run it once a minute from "
                "cron or a systemd timer, best on another machine."
            ),
            (
                "从外部检查 Airflow 的 Web 服务、元数据库、scheduler、DAG processor、triggerer 是否正常，"
                "以及补发是否在运行。"
                "持续异常时告警一次，隔 --repeat 再次告警，恢复时通知。不依赖运行中的 Airflow 及其元数据库。"
                "由 cron 或 systemd timer 每分钟调用，最好部署在另一台机器上。"
            ),
        ),
        example="* * * * * AIRFLOW_HOME=/opt/airflow /opt/airflow/venv/bin/dingpush watch --url http://airflow:8080",
        exit_codes=(
            "0: everything is healthy; 1: something isn't, or an alert could not be sent; 2: wrong options",
            "0：全部正常；1：有异常，或有告警未能发出；2：选项有误",
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
    "completion": Command(
        "completion",
        uses_airflow=False,
        add_options=_completion,
        help=("print a script that completes commands with Tab", "输出按 Tab 补全命令的脚本"),
        description=(
            (
                "Print a script for bash, zsh or fish that completes commands, options and their values. For bash, add "
                "the line of the example to ~/.bashrc; for zsh, the same with zsh to ~/.zshrc, below compinit; for "
                "fish: dingpush completion fish > ~/.config/fish/completions/dingpush.fish"
            ),
            (
                "输出 bash、zsh 或 fish 的脚本，用于补全命令、选项及其取值。bash：把示例中的一行加入 ~/.bashrc；"
                "zsh：把 bash 换成 zsh，加入 ~/.zshrc 中 compinit 之后；"
                "fish：dingpush completion fish > ~/.config/fish/completions/dingpush.fish"
            ),
        ),
        example='eval "$(dingpush completion bash)"',
        exit_codes=("0: printed; 2: unknown shell", "0：已输出；2：不支持的 shell"),
    ),
}
