"""``dingpush dead-letters``: list, show, retry or drop alerts that DingTalk refused even alone."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import iso_time, print_json
from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.cli.status import clock
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.dead_letters import LetterAction, handle_letters
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter

_COMMAND_SECONDS = 30.0
_COLUMNS = "key", "time", "connection", "alert", "problem"

_TEXTS: Texts = {
    "key": ("Key", "编号"),
    "time": ("Refused at", "拒收时间"),
    "connection": ("Connection", "连接"),
    "alert": ("Alert", "告警"),
    "problem": ("Reason", "原因"),
    "none": ("No dead letters.", "没有死信。"),
    "no_key": (
        "{action}: pass the beginning of a key from `dingpush dead-letters list`, or 'all'",
        "{action}：请给出编号的开头（见 dingpush dead-letters list），或 all",
    ),
    "retry": ("{count} will be sent with the next flush.", "{count}将在下次补发时发送。"),
    "drop": ("{count} dropped.", "已删除 {count}。"),
    "busy": (
        "Another process is sending right now; try again in a few seconds.",
        "其他进程正在发送，请几秒后重试。",
    ),
    "failed": ("receiver {receiver_id}: {problem}", "接收方 {receiver_id}：{problem}"),
}


@dataclass(frozen=True)
class _Found:
    """A dead letter, and the receiver that refused it."""

    receiver_id: str
    letter: DeadLetter

    def to_dict(self, *, with_alert: bool) -> dict[str, Any]:
        """Plain data.

        :param with_alert: whether the whole alert is included.
        """
        letter, alert = self.letter, self.letter.alert
        plain = {
            "key": letter.key,
            "receiver_id": self.receiver_id,
            "conn_id": alert and alert.mailbox.conn_id,
            "event": alert and alert.event.value,
            "dag_id": alert and alert.dag_id,
            "run_id": alert and alert.run_id,
            "task_id": alert and alert.task_id,
            "refused_at": iso_time(letter.at, local_zone()),
            "problem": letter.problem,
        }
        return {**plain, "alert": alert and json.loads(alert.to_json())} if with_alert else plain


class _ProblemKind(Enum):
    """Why dead letters of a receiver, or of all of them, can't be read or changed."""

    OUTBOX = "outbox_error"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True)
class _Problem:
    """A part of the outbox that could not be read or changed.

    :param code: its kind.
    :param text: for people, in the language of the run.
    :param receiver_id: the receiver; ``None`` if the outbox itself can't be used.
    """

    code: _ProblemKind
    text: str
    receiver_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"code": self.code.value, "receiver_id": self.receiver_id, "message": self.text}


def run(parsed: argparse.Namespace) -> int:
    """List dead letters, or show, retry or drop one or all of them.

    Returns 1 if there is none to show, retry or drop, or if a part of the outbox can't be read.

    :raises UsageError: without a key.
    """
    screen = Screen("en" if parsed.as_json else parsed.language, _TEXTS)
    action: str = parsed.action
    if action != "list" and not parsed.key:
        raise UsageError(Screen(parsed.language, _TEXTS).text("no_key", action=action))
    key = "" if parsed.key in (None, "all") else parsed.key
    found: list[_Found] = []
    problems: list[_Problem] = []
    for each in _handled(action, key, screen):
        if isinstance(each, _Found):
            found.append(each)
        else:
            problems.append(each)
            _print_problem(screen, each)
    if parsed.as_json:
        letters = [each.to_dict(with_alert=action == "show") for each in found]
        print_json({"action": action, "dead_letters": letters, "problems": [each.to_dict() for each in problems]})
    elif found:
        _print(screen, action, [each.letter for each in found])
    elif not problems:
        screen.line("none")
    return 0 if not problems and (found or action == "list") else 1


def _handled(action: str, key: str, screen: Screen) -> Iterator[_Found | _Problem]:
    """Apply the action to every dead letter whose key begins with ``key``, receiver by receiver."""
    for store in stores_for_commands(time.monotonic() + _COMMAND_SECONDS):
        try:
            receivers = [] if store.is_empty else store.outbox.receivers()
        except OutboxError as problem:
            yield _Problem(_ProblemKind.OUTBOX, problem.in_language(screen.language))
            continue
        for receiver_id in receivers:
            try:
                letters = handle_letters(
                    store.outbox, receiver_id, LetterAction(action), is_meant=lambda one: one.key.startswith(key)
                )
            except Exception as problem:  # noqa: BLE001 - a problem with one receiver must not hide the others
                failed = screen.text("failed", receiver_id=receiver_id, problem=described(problem))
                yield _Problem(_ProblemKind.FAILED, failed, receiver_id)
                continue
            if letters is None:
                yield _Problem(_ProblemKind.BUSY, screen.text("busy"), receiver_id)
            yield from (_Found(receiver_id, each) for each in letters or ())


def _print_problem(screen: Screen, problem: _Problem) -> None:
    if problem.code is _ProblemKind.FAILED:
        screen.marked("✗", "red", problem.text, error=True)
    else:
        print(f"dingpush: {problem.text}", file=sys.stderr)


def _print(screen: Screen, action: str, letters: Sequence[DeadLetter]) -> None:
    rows = [
        (
            letter.key[:12],
            clock(letter.at),
            letter.alert.mailbox.conn_id if letter.alert else "?",
            letter.name,
            letter.problem,
        )
        for letter in letters
    ]
    print_table([screen.text(name) for name in _COLUMNS], rows)
    if action in ("retry", "drop"):
        screen.line(action, count=screen.count(len(letters), "dead letter"))
    for letter in letters if action == "show" else ():
        if letter.alert:
            content = json.dumps(json.loads(letter.alert.to_json()), ensure_ascii=False, indent=2)
            print(content, file=answers())
