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
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.cli.send_json import Delivery, sent_document
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError
from airflow_provider_dingpush.hooks import DingTalkAppHook, hook_of
from airflow_provider_dingpush.messages import ActionCard, At, Button, File, Image, Link, Markdown, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification

_POLL_SECONDS = 2.0

_TEXTS: Texts = {
    "no_json": ("--message is not JSON: {problem}.", "--message 的内容不是 JSON：{problem}。"),
    "nothing": (
        "Nothing to send: pass TEXT, --image, --file or --message.",
        "没有可发送的内容：请给出 TEXT、--image、--file 或 --message。",
    ),
    "button": ("--button {words!r} must be TITLE=URL.", "--button {words!r} 应写成 TITLE=URL。"),
    "targets": (
        "A message can be sent to a group, to people, or as a work notification. Run the command once for each.",
        "一条消息只能发到群、发给人，或作为工作通知，请分两次发送。",
    ),
    "unknown": ("dingpush: sent, but {problem}", "dingpush：已发送，但 {problem}"),
    "not_reached": ("not delivered: {problem}", "未送达：{problem}"),
}


def run(parsed: argparse.Namespace) -> int:
    """Send a message and print its receipt as JSON; 1 if ``--wait`` finds that it didn't reach all recipients.

    :raises DingTalkError: if it can't be sent.
    """
    screen = Screen(parsed.language, _TEXTS)
    message, to = _message(parsed, screen), _target(parsed, screen)
    at = At(mobiles=parsed.at_mobile, user_ids=parsed.at_user, everyone=parsed.at_all) or None
    hook = hook_of(parsed.conn_id)
    receipt = hook.send(message, at=at, to=to)
    waits_for = hook if parsed.wait and isinstance(hook, DingTalkAppHook) else None
    if parsed.as_json:
        return _print_json(receipt, waits_for)
    print(json.dumps(receipt.to_dict(), ensure_ascii=False), file=answers(), flush=True)
    return _wait(waits_for, receipt, screen) if waits_for else 0


def _message(parsed: argparse.Namespace, screen: Screen) -> Any:
    if parsed.message:
        try:
            return json.loads(_read(parsed.message))
        except ValueError as error:
            raise InvalidMessageError(screen.text("no_json", problem=error)) from None
    if parsed.image:
        return Image(parsed.image)
    if parsed.file:
        return File(parsed.file)
    text = _read("-") if parsed.text == "-" else _with_newlines(parsed.text or "")
    if not text.strip():
        raise InvalidMessageError(screen.text("nothing"))
    title = parsed.title or text.strip().splitlines()[0].lstrip("# ")[:64]
    if parsed.link:
        return Link(title, text, parsed.link, parsed.pic)
    if parsed.button:
        return ActionCard(title, text, [_button(each, screen) for each in parsed.button])
    return Markdown(title, text) if parsed.markdown else Text(text)


def _with_newlines(text: str) -> str:
    r"""The text with each ``\n``, which a shell passes as two characters, as a newline; ``\\n`` becomes ``\n``."""
    return re.sub(r"\\?\\n", lambda found: "\n" if len(found.group()) == 2 else r"\n", text)


def _button(words: str, screen: Screen) -> Button:
    title, equals, url = words.partition("=")
    if not equals:
        raise InvalidMessageError(screen.text("button", words=words))
    return Button(title, url)


def _target(parsed: argparse.Namespace, screen: Screen) -> Target | None:
    targets: list[Target] = []
    if parsed.group:
        targets.append(Group(parsed.group))
    if parsed.user or parsed.mobile:
        targets.append(Users(user_ids=parsed.user, mobiles=parsed.mobile))
    if parsed.notify_user or parsed.notify_department or parsed.notify_everyone:
        targets.append(WorkNotification(parsed.notify_user, parsed.notify_department, parsed.notify_everyone))
    if len(targets) > 1:
        raise InvalidMessageError(screen.text("targets"))
    return targets[0] if targets else None


def _print_json(receipt: Receipt, waits_for: DingTalkAppHook | None) -> int:
    deliveries, problem = None, None
    try:
        deliveries = _delivered(waits_for, receipt) if waits_for else None
    except DingTalkError as error:
        problem = error
    document = sent_document(receipt, deliveries, problem)
    print_json(document)
    return 1 if problem or document["unreached"] else 0


def _delivered(hook: DingTalkAppHook, receipt: Receipt) -> Sequence[Delivery]:
    """Whom a work notification reached, once DingTalk has delivered it."""
    while (deliveries := hook.delivery(receipt)) is None:
        time.sleep(_POLL_SECONDS)
    return deliveries


def _wait(hook: DingTalkAppHook, receipt: Receipt, screen: Screen) -> int:
    try:
        delivery = _delivered(hook, receipt)
    except DingTalkError as error:
        screen.line("unknown", problem=error, error=True)
        return 1
    problems = [problem for each in delivery for problem in each.problems]
    for problem in problems:
        screen.line("not_reached", problem=problem, error=True)
    return 1 if problems else 0


def _read(source: str) -> str:
    return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
