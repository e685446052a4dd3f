"""``dingpush send``: one message from a terminal or a shell script, through any connection."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.problems import in_one_line, undelivered
from airflow_provider_dingpush.cli.screen import Screen, Texts, is_terminal
from airflow_provider_dingpush.cli.send_ding import TEXTS as DING_TEXTS
from airflow_provider_dingpush.cli.send_ding import check_cost, send_ding
from airflow_provider_dingpush.cli.send_json import Delivery, sent_document
from airflow_provider_dingpush.cli.send_options import TEXTS as OPTION_TEXTS
from airflow_provider_dingpush.cli.send_options import check, check_connection, content_of, given, in_options
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError, UnsupportedMessageError
from airflow_provider_dingpush.hooks import DingTalkAppHook, hook_of
from airflow_provider_dingpush.messages import ActionCard, At, Button, File, Image, Link, Markdown, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification

_POLL_SECONDS = 2.0
_LONGEST_TITLE = 64

_TEXTS: Texts = {
    **OPTION_TEXTS,
    **DING_TEXTS,
    "no_json": ("--message is not JSON: {problem}.", "--message 的内容不是 JSON：{problem}。"),
    "no_input": ("Standard input has no text to send: {problem}.", "标准输入中没有可发送的文本：{problem}。"),
    "empty": ("it is empty", "内容为空"),
    "button": ("--button must be TITLE=URL, not {words!r}", "--button 应写成 TITLE=URL，而不是 {words!r}"),
    "sent": ("sent to {target} (connection {conn_id}{parts})", "已发送：{target}（连接 {conn_id}{parts}）"),
    "queued": (
        "handed to DingTalk for {target} (connection {conn_id}{parts}); --wait waits until it is delivered",
        "已交给钉钉：{target}（连接 {conn_id}{parts}）；加上 --wait 可等待送达",
    ),
    "parts": (", in {parts} messages", "，共 {parts} 条消息"),
    "custom_robot": ("the robot's group", "机器人所在的群"),
    "app_robot_group": ("the group {group}", "群 {group}"),
    "app_robot_users": ("{people}", "{people}"),
    "work_notification": ("the work notifications of {people}", "{people} 的工作通知"),
    "department": ("department {number}", "部门 {number}"),
    "everyone": ("everyone", "全员"),
    "waiting": ("Waiting for delivery", "等待送达"),
    "delivered": ("delivered to all recipients", "已送达全部接收人"),
    "unknown": ("sent, but it is unknown whether it was delivered: {problem}", "已发送，但不知道是否送达：{problem}"),
    "not_delivered": ("not delivered: {problem}", "未送达：{problem}"),
    "not_sent": ("not sent to {people}: {problem}", "未发送给 {people}：{problem}"),
    "unknown_people": ("unknown, or out of the app's visible scope", "无此员工，或不在应用可见范围"),
    "flow_controlled": ("they receive too many messages", "接收的消息过多，被钉钉限流"),
}


def run(parsed: argparse.Namespace) -> int:
    """Send a message; 1 if it didn't reach all recipients, as far as that is known.

    :raises UsageError: if the options can't be sent whole.
    :raises DingTalkError: if the message can't be sent.
    """
    screen = Screen(parsed.language, _TEXTS)
    options = given(parsed)
    check(options, screen)
    if parsed.ding:
        check_cost(parsed, screen)
    try:
        to = _target(parsed)
        at = At(mobiles=parsed.at_mobile, user_ids=parsed.at_user, everyone=parsed.at_all) or None
        message = _message(parsed, screen)
    except InvalidMessageError as error:
        raise UsageError(in_options(error, parsed.language)) from None
    hook = hook_of(parsed.conn_id)
    is_app = isinstance(hook, DingTalkAppHook)
    has_group = not isinstance(hook, DingTalkAppHook) or hook.has_own_group
    check_connection(options, parsed.conn_id, is_app=is_app, has_group=has_group, screen=screen)
    if parsed.ding and isinstance(hook, DingTalkAppHook) and isinstance(to, Users):
        return send_ding(parsed, hook, message.content, to, screen)
    try:
        receipt = hook.send(message, at=at, to=to)
    except UnsupportedMessageError as error:
        raise UsageError(f"{content_of(options)}: {in_options(error, parsed.language)}") from None
    except InvalidMessageError as error:
        raise InvalidMessageError(in_options(error, parsed.language)) from None
    waits_for = hook if parsed.wait and isinstance(hook, DingTalkAppHook) else None
    if parsed.as_json or not is_terminal(answers()):
        return _print_json(receipt, waits_for, screen)
    _print_receipt(receipt, to, screen, will_wait=parsed.wait)
    code = _print_unreached(receipt, screen)
    if waits_for:
        return max(code, _wait(waits_for, receipt, screen))
    return code


def _message(parsed: argparse.Namespace, screen: Screen) -> Any:
    if parsed.message is not None:
        try:
            return json.loads(_read(parsed.message))
        except ValueError as error:
            raise DingTalkError(screen.text("no_json", problem=error)) from None
    if parsed.image is not None:
        return Image(parsed.image)
    if parsed.file is not None:
        return File(parsed.file)
    text = _piped(screen) if parsed.text == "-" else _with_newlines(parsed.text)
    if not text.strip():
        raise UsageError(screen.text("nothing"))
    title = parsed.title or text.strip().splitlines()[0].lstrip("# ")[:_LONGEST_TITLE] or text.strip()[:_LONGEST_TITLE]
    if parsed.link is not None:
        return Link(title, text, parsed.link, parsed.pic)
    if parsed.button:
        return ActionCard(title, text, [_button(each, screen) for each in parsed.button])
    return Markdown(title, text) if parsed.markdown else Text(text)


def _piped(screen: Screen) -> str:
    """The text on standard input.

    :raises DingTalkError: if there is none.
    """
    try:
        text = _read("-")
    except UnicodeDecodeError as problem:
        raise DingTalkError(screen.text("no_input", problem=problem)) from None
    if not text.strip():
        raise DingTalkError(screen.text("no_input", problem=screen.text("empty")))
    return text


def _with_newlines(text: str) -> str:
    r"""The text with each ``\n``, which a shell passes as two characters, as a newline; ``\\n`` becomes ``\n``."""
    return re.sub(r"\\?\\n", lambda found: "\n" if len(found.group()) == 2 else r"\n", text)


def _button(words: str, screen: Screen) -> Button:
    title, equals, url = words.partition("=")
    if not equals:
        raise UsageError(screen.text("button", words=words))
    return Button(title, url)


def _target(parsed: argparse.Namespace) -> Target | None:
    if parsed.group is not None:
        return Group(parsed.group)
    if parsed.user or parsed.mobile:
        return Users(user_ids=parsed.user, mobiles=parsed.mobile)
    if parsed.notify_user or parsed.notify_department or parsed.notify_everyone:
        return WorkNotification(parsed.notify_user, parsed.notify_department, parsed.notify_everyone)
    return None


def _print_receipt(receipt: Receipt, to: Target | None, screen: Screen, *, will_wait: bool) -> None:
    """Print where the message was sent."""
    name = "queued" if receipt.outcome == "queued" and not will_wait else "sent"
    parts = screen.text("parts", parts=receipt.parts) if receipt.parts > 1 else ""
    target = screen.text(receipt.channel, group=receipt.open_conversation_id, people=_people(receipt, to, screen))
    screen.marked("✓", "green", screen.text(name, target=target, conn_id=receipt.conn_id, parts=parts))


def _people(receipt: Receipt, to: Target | None, screen: Screen) -> str:
    """The recipients that DingTalk knows, as they were named."""
    names: list[str] = []
    if isinstance(to, Users):
        names = [*to.user_ids, *to.mobiles]
    elif isinstance(to, WorkNotification):
        names = [*to.user_ids, *(screen.text("department", number=each) for each in to.department_ids)]
        names += [screen.text("everyone")] if to.everyone else []
    unreached = {*receipt.invalid_user_ids, *receipt.flow_controlled_user_ids}
    return ", ".join(each for each in names if each not in unreached)


def _print_unreached(receipt: Receipt, screen: Screen) -> int:
    """Print to whom DingTalk didn't send; returns the exit code."""
    reasons = {"unknown_people": receipt.invalid_user_ids, "flow_controlled": receipt.flow_controlled_user_ids}
    for reason, people in reasons.items():
        if people:
            text = screen.text("not_sent", people=", ".join(people), problem=screen.text(reason))
            screen.marked("✗", "red", text, error=True)
    return 1 if any(reasons.values()) else 0


def _print_json(receipt: Receipt, waits_for: DingTalkAppHook | None, screen: Screen) -> int:
    """Print the result as JSON, and to standard error whom it didn't reach; returns the exit code."""
    deliveries: Sequence[Delivery] | None = None
    problem: DingTalkError | None = None
    try:
        deliveries = _delivered(waits_for, receipt) if waits_for else None
    except DingTalkError as error:
        problem = error
    print_json(sent_document(receipt, deliveries, problem))
    code = _print_unreached(receipt, screen)
    if problem is not None:
        return _print_unknown(problem, screen)
    return max(code, _print_undelivered(deliveries or (), screen))


def _delivered(hook: DingTalkAppHook, receipt: Receipt) -> Sequence[Delivery]:
    """Whom a work notification reached, once DingTalk has delivered it."""
    while (deliveries := hook.delivery(receipt)) is None:
        time.sleep(_POLL_SECONDS)
    return deliveries


def _wait(hook: DingTalkAppHook, receipt: Receipt, screen: Screen) -> int:
    """Wait until DingTalk has delivered a work notification, and print whom it didn't reach; returns the exit code."""
    try:
        with screen.step("waiting"):
            deliveries = _delivered(hook, receipt)
    except DingTalkError as error:
        return _print_unknown(error, screen)
    code = _print_undelivered(deliveries, screen)
    if not code:
        screen.marked("✓", "green", screen.text("delivered"))
    return code


def _print_unknown(error: DingTalkError, screen: Screen) -> int:
    problem = in_one_line(error, screen.language)
    screen.marked("✗", "red", screen.text("unknown", problem=problem), error=True)
    return 1


def _print_undelivered(deliveries: Sequence[Delivery], screen: Screen) -> int:
    problems = [undelivered(problem, screen.language) for each in deliveries for problem in each.problems]
    for problem in problems:
        screen.marked("✗", "red", screen.text("not_delivered", problem=problem), error=True)
    return 1 if problems else 0


def _read(source: str) -> str:
    return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
