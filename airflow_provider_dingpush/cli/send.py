"""``dingpush send``: one message from a terminal or a shell script, through any connection."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError
from airflow_provider_dingpush.hooks import DingTalkAppHook, hook_of
from airflow_provider_dingpush.messages import ActionCard, At, Button, File, Image, Link, Markdown, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification

_POLL_SECONDS = 2.0

_TEXTS: Texts = {
    "no_json": ("--json is not JSON: {problem}.", "--json 的内容不是 JSON：{problem}。"),
    "nothing": (
        "Nothing to send: pass TEXT, --image, --file or --json.",
        "没有可发送的内容：请给出 TEXT、--image、--file 或 --json。",
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
    print(json.dumps(receipt.to_dict(), ensure_ascii=False))
    if parsed.wait and isinstance(hook, DingTalkAppHook):
        return _wait(hook, receipt, screen)
    return 0


def _message(parsed: argparse.Namespace, screen: Screen) -> Any:
    if parsed.json:
        try:
            return json.loads(_read(parsed.json))
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


def _wait(hook: DingTalkAppHook, receipt: Receipt, screen: Screen) -> int:
    try:
        while (delivery := hook.delivery(receipt)) is None:
            time.sleep(_POLL_SECONDS)
    except DingTalkError as error:
        screen.line("unknown", problem=error, error=True)
        return 1
    problems = [problem for each in delivery for problem in each.problems]
    for problem in problems:
        screen.line("not_reached", problem=problem, error=True)
    return 1 if problems else 0


def _read(source: str) -> str:
    return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
