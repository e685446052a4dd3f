"""``dingpush send``: one message from a terminal or a shell script, through any connection."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.airflow_compat import search_all_secrets
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError
from airflow_provider_dingpush.hooks import DingTalkAppHook, hook_of
from airflow_provider_dingpush.messages import ActionCard, At, Button, File, Image, Link, Markdown, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification

_POLL_SECONDS = 2.0


def run_send(parsed: argparse.Namespace) -> int:
    """Send it, print the receipt as JSON, and return 0; else say why not and return 1."""
    try:
        message, at, to = _message(parsed), _at(parsed), _target(parsed)
        search_all_secrets()
        hook = hook_of(parsed.conn_id)
        receipt = hook.send(message, at=at, to=to)
    except (DingTalkError, OSError) as error:
        print(f"dingpush send: {error}", file=sys.stderr)
        return 1
    print(json.dumps(receipt.to_dict(), ensure_ascii=False))
    if parsed.wait and isinstance(hook, DingTalkAppHook):
        return _wait(hook, receipt)
    return 0


def _message(parsed: argparse.Namespace) -> Any:
    if parsed.json:
        try:
            return json.loads(_read(parsed.json))
        except ValueError as error:
            raise InvalidMessageError(f"--json is not JSON: {error}.") from None
    if parsed.image:
        return Image(parsed.image)
    if parsed.file:
        return File(parsed.file)
    text = _read("-") if parsed.text == "-" else _with_newlines(parsed.text or "")
    if not text.strip():
        raise InvalidMessageError("There is nothing to say.", "Give a text, --image, --file or --json.")
    title = parsed.title or text.strip().splitlines()[0].lstrip("# ")[:64]
    if parsed.link:
        return Link(title, text, parsed.link, parsed.pic)
    if parsed.button:
        return ActionCard(title, text, [_button(each) for each in parsed.button])
    return Markdown(title, text) if parsed.markdown else Text(text)


def _with_newlines(text: str) -> str:
    r"""The text with ``\n`` as a shell passes it on, a backslash and an n, as a newline; ``\\n`` stands for itself."""
    return re.sub(r"\\?\\n", lambda found: "\n" if len(found.group()) == 2 else r"\n", text)


def _button(words: str) -> Button:
    title, equals, url = words.partition("=")
    if not equals:
        raise InvalidMessageError(f"--button {words!r} must be TITLE=URL.")
    return Button(title, url)


def _at(parsed: argparse.Namespace) -> At | None:
    return At(mobiles=parsed.at_mobile, user_ids=parsed.at_user, everyone=parsed.at_all) or None


def _target(parsed: argparse.Namespace) -> Target | None:
    targets: list[Target] = []
    if parsed.group:
        targets.append(Group(parsed.group))
    if parsed.user or parsed.mobile:
        targets.append(Users(user_ids=parsed.user, mobiles=parsed.mobile))
    if parsed.notice_user or parsed.notice_department or parsed.notice_everyone:
        targets.append(WorkNotification(parsed.notice_user, parsed.notice_department, parsed.notice_everyone))
    if len(targets) > 1:
        raise InvalidMessageError("One message goes to a group, to people, or as a work notice.", "Send it twice.")
    return targets[0] if targets else None


def _wait(hook: DingTalkAppHook, receipt: Receipt) -> int:
    try:
        while (delivery := hook.delivery(receipt)) is None:
            time.sleep(_POLL_SECONDS)
    except DingTalkError as error:
        print(f"dingpush send: sent, but {error}", file=sys.stderr)
        return 1
    problems = [problem for each in delivery for problem in each.problems]
    for problem in problems:
        print(f"not reached 未送达: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _read(source: str) -> str:
    return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
