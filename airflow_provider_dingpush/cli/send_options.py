"""Which options of ``dingpush send`` go together: a combination is sent whole, or refused before anything is sent."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Collection, Sequence

from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.problems import in_one_line
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.errors import DingTalkError

TEXTS: Texts = {
    "nothing": (
        "nothing to send; pass TEXT, --image, --file or --message; '-' as TEXT reads standard input",
        "没有可发送的内容，请给出 TEXT、--image、--file 或 --message；TEXT 为 - 时读取标准输入",
    ),
    "apart": ("{first} and {second} can't be combined", "{first} 与 {second} 不能同用"),
    "send_twice": (
        "{first} and {second} are two messages; run the command once for each",
        "{first} 与 {second} 是两条消息，请分两次发送",
    ),
    "two_targets": (
        "{first} and {second} are two targets; run the command once for each",
        "{first} 与 {second} 是两种接收方，请分两次发送",
    ),
    "needs": ("{option} needs {others}", "{option} 需与 {others} 同用"),
    "or": ("{first} or {last}", "{first} 或 {last}"),
    "comma": (", ", "、"),
    "needs_app": (
        "{option} needs the connection of an app, and {conn_id!r} is a custom robot's",
        "{option} 需要企业应用的连接，而 {conn_id!r} 是自定义机器人",
    ),
    "needs_robot": (
        "{option} needs the connection of a custom robot, and {conn_id!r} is an app's; an app can't mention people",
        "{option} 需要自定义机器人的连接，而 {conn_id!r} 是企业应用，不支持 @",
    ),
    "no_target": (
        "connection {conn_id!r} has no default group; pass --group, --user, --mobile or --notify-user",
        "连接 {conn_id!r} 没有默认群，请给出 --group、--user、--mobile 或 --notify-user",
    ),
}

_CONTENTS = "TEXT", "--image", "--file", "--message"
_PEOPLE = "--user", "--mobile"
_NOTIFIED = "--notify-user", "--notify-department"
_TARGETS = "--group", *_PEOPLE, *_NOTIFIED, "--notify-everyone"
_MENTIONS = "--at-mobile", "--at-user", "--at-all"
_OF_APPS = *_TARGETS, "--ding", "--wait", "--file"

# An option, and those of which one must be there. The text of a link or card is TEXT.
_NEEDED: Sequence[tuple[str, Collection[str]]] = (
    ("--title", ("--markdown", "--link", "--button")),
    ("--pic", ("--link",)),
    ("--wait", (*_NOTIFIED, "--notify-everyone")),
    ("--ding", _PEOPLE),
    ("--yes", ("--ding",)),
    ("--markdown", ("TEXT",)),
    ("--link", ("TEXT",)),
    ("--button", ("TEXT",)),
)
# An option of one of these groups can't be combined with one of another group.
_APART: Sequence[tuple[str, Sequence[Collection[str]]]] = (
    ("send_twice", [(each,) for each in _CONTENTS]),
    ("apart", [("--link",), ("--markdown", "--button")]),
    ("apart", [("--ding",), ("--markdown", "--link", "--button", "--title", "--image", "--file", "--message")]),
    ("apart", [("--ding",), ("--group", *_NOTIFIED, "--notify-everyone")]),
    ("two_targets", [("--group",), _PEOPLE, _NOTIFIED, ("--notify-everyone",)]),
    # A robot has mentions and no targets, an app has targets and no mentions.
    ("apart", [_MENTIONS, (*_TARGETS, "--wait")]),
    ("apart", [_MENTIONS, ("--link", "--image", "--file")]),
    ("apart", [("--at-mobile", "--at-all"), ("--button",)]),
)

# Python's names in errors about messages, mentions and targets -> the option that gave the value.
_OPTION_OF = {
    r"(Text\.content|(Markdown|Link|ActionCard)\.text)": "TEXT",
    r"(Markdown|Link|ActionCard)\.title": "--title",
    r"Link\.message_url": "--link",
    r"Link\.pic_url": "--pic",
    r"Button\.(title|url)|ActionCard\.buttons": "--button",
    r"Image\.source": "--image",
    r"File\.(source|name)": "--file",
    r"Group\.open_conversation_id": "--group",
    r"Users\.user_ids": "--user",
    r"Users\.mobiles": "--mobile",
    r"WorkNotification\.user_ids": "--notify-user",
    r"WorkNotification\.department_ids": "--notify-department",
    r"At\.mobiles": "--at-mobile",
    r"At\.user_ids": "--at-user",
    r"(At has|At\.everyone)": "--at-all",
}
# Where a mobile number, or everyone, is meant.
_OPTION_IN_ADVICE = {"user_ids": "user", "everyone=True": "all"}


def given(parsed: Namespace) -> list[str]:
    """The options that were given, as people write them, in the order of the help."""
    return [
        each.names[-1] if each.is_option else each.metavar
        for each in parsed.parser.arguments
        if getattr(parsed, each.names[-1].lstrip("-").replace("-", "_"), None) not in (None, False, [])
    ]


def content_of(options: Collection[str]) -> str:
    """The option, or argument, that makes the kind of the message."""
    return next(each for each in ("--link", "--button", "--markdown", *_CONTENTS) if each in options)


def check(options: Collection[str], screen: Screen) -> None:
    """Refuse what can't be sent whole, whatever the connection.

    :param options: from :func:`given`.
    :raises UsageError: naming the options.
    """
    if not any(each in options for each in _CONTENTS):
        raise UsageError(screen.text("nothing"))
    for text, groups in _APART:
        present = [next(iter(found)) for group in groups if (found := [each for each in group if each in options])]
        if len(present) > 1:
            raise UsageError(screen.text(text, first=present[0], second=present[1]))
    for option, others in _NEEDED:
        if option in options and not any(each in options for each in others):
            *first, last = others
            either = screen.text("or", first=screen.text("comma").join(first), last=last) if first else last
            raise UsageError(screen.text("needs", option=option, others=either))


def check_connection(options: Collection[str], conn_id: str, *, is_app: bool, has_group: bool, screen: Screen) -> None:
    """Refuse options that the connection can't carry.

    :param options: from :func:`given`.
    :param is_app: whether it is an app's, not a custom robot's.
    :param has_group: whether there is a group without a target.
    :raises UsageError: naming the option.
    """
    unfit, text = (_MENTIONS, "needs_robot") if is_app else (_OF_APPS, "needs_app")
    for option in unfit:
        if option in options:
            raise UsageError(screen.text(text, option=option, conn_id=conn_id))
    if not has_group and not any(each in options for each in _TARGETS):
        raise UsageError(screen.text("no_target", conn_id=conn_id))


def in_options(error: DingTalkError, language: str) -> str:
    """The text of an error, with options in the place of Python's names.

    :param language: ``zh`` or ``en``.
    """
    text = in_one_line(error, language)
    for name, option in _OPTION_OF.items():
        text = re.sub(rf"\b({name})(\[\d+\])?(\.(title|url))?", option, text)
    for name, option in _OPTION_IN_ADVICE.items():
        text = text.replace(name, f"--at-{option}" if text.startswith("--at-") else f"--{option}")
    return text
