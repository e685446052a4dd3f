"""``dingpush dead-letters``: list, show, retry or drop alerts that DingTalk refused even alone."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.status import clock
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter
    from airflow_provider_dingpush.storage.outbox import Outbox

_COMMAND_SECONDS = 30.0
# A leader is done within a callback's budget.
_LEADER_SECONDS, _POLL_SECONDS = 10.0, 0.2
_COLUMNS = "key", "time", "connection", "alert", "problem"

_TEXTS: Texts = {
    "key": ("Key", "编号"),
    "time": ("Refused at", "拒收时间"),
    "connection": ("Connection", "连接"),
    "alert": ("Alert", "告警"),
    "problem": ("Reason", "原因"),
    "none": ("No dead letters.", "没有死信。"),
    "no_key": (
        "dingpush dead-letters {action}: pass the beginning of a key from `dingpush dead-letters list`, or 'all'.",
        "dingpush dead-letters {action}：请给出编号的开头（见 dingpush dead-letters list），或 all。",
    ),
    "retry": ("{count} will be sent with the next flush.", "{count}将在下次补发时发送。"),
    "drop": ("{count} dropped.", "已删除 {count}。"),
    "busy": (
        "Another process is sending right now; try again in a few seconds.",
        "其他进程正在发送，请几秒后重试。",
    ),
    "failed": ("receiver {receiver_id}: {problem}", "接收方 {receiver_id}：{problem}"),
}


def run(parsed: argparse.Namespace) -> int:
    """List dead letters, or show, retry or drop one or all of them.

    Returns 1 if there is none to show, retry or drop, or if a part of the outbox can't be read; 2 without a key.
    """
    screen = Screen(parsed.language, _TEXTS)
    action: str = parsed.action
    if action != "list" and not parsed.key:
        screen.line("no_key", action=action, error=True)
        return 2
    key = "" if parsed.key in (None, "all") else parsed.key
    letters: list[DeadLetter] = []
    has_failed = False
    for store in stores_for_commands(time.monotonic() + _COMMAND_SECONDS):
        try:
            receivers = [] if store.is_empty else store.outbox.receivers()
        except OutboxError as problem:
            print(f"dingpush: {problem}", file=sys.stderr)
            has_failed = True
            continue
        for receiver_id in receivers:
            try:
                handled = _handle(store.outbox, receiver_id, action, key)
                if handled is None:
                    screen.line("busy", error=True)
                    has_failed = True
                else:
                    letters += handled
            except Exception as problem:  # noqa: BLE001 - a problem with one receiver must not hide the others
                failed = screen.text("failed", receiver_id=receiver_id, problem=described(problem))
                screen.marked("✗", "red", failed, error=True)
                has_failed = True
    if letters:
        _print(screen, action, letters)
    elif not has_failed:
        screen.line("none")
    return 0 if not has_failed and (letters or action == "list") else 1


def _handle(box: Outbox, receiver_id: str, action: str, key: str) -> Sequence[DeadLetter] | None:
    """Apply the action to the dead letters of one receiver whose keys begin with ``key``, and return them.

    ``None`` if another process leads for too long.
    """
    with _ledger(box, receiver_id) as ledger:
        if ledger is None:
            return None
        letters = [each for each in ledger.dead_letters.all if each.key.startswith(key)]
        change = {"retry": ledger.dead_letters.requeue, "drop": ledger.dead_letters.drop}.get(action)
        if change is not None:
            for letter in letters:
                change(letter.key)
        return letters


@contextmanager
def _ledger(box: Outbox, receiver_id: str) -> Iterator[Ledger | None]:
    """The receiver's ledger, led by this process; ``None`` if another one leads for too long."""
    end = time.monotonic() + _LEADER_SECONDS
    while True:
        with box.leadership(receiver_id) as book:
            if book is not None:
                yield Ledger(book, DeliveryPolicy(), zone=local_zone())
                return
        if time.monotonic() > end:
            yield None
            return
        time.sleep(_POLL_SECONDS)


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
            print(json.dumps(json.loads(letter.alert.to_json()), ensure_ascii=False, indent=2))
