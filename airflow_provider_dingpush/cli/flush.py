"""``dingpush flush``: send pending alerts, once a minute from cron or by hand."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.pending import alerts_of
from airflow_provider_dingpush.pipeline.store_flush import all_pending, flush_stores

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.storage.outbox import Outbox

_TEXTS: Texts = {
    "sent": (
        "{conn_id}: {alerts} in {messages} sent, {left} left",
        "{conn_id}：已发 {alerts}（{messages}），剩余 {left}",
    ),
    "failed": ("{conn_id}: {problem}", "{conn_id}：{problem}"),
    "left": ("    {left} left", "    剩余 {left}"),
    "busy": ("{conn_id}: another process is sending, {left} left", "{conn_id}：其他进程正在发送，剩余 {left}"),
    "nothing": ("No pending alerts.", "没有待发送的告警。"),
}


def run(parsed: argparse.Namespace) -> int:
    """Send pending alerts; 0 if none are left, else 1.

    :raises OutboxError: at the end, if the outbox itself can't be used.
    """
    screen = Screen(parsed.language, _TEXTS)
    until = time.monotonic() + parsed.within
    is_idle, has_failed = True, False
    for store, mailbox, result in flush_stores(until=until, all_now=parsed.now):
        is_idle = False
        has_failed |= _print_result(screen, store.outbox, mailbox, result)
    left = all_pending(until=until)
    if is_idle and not left:
        screen.line("nothing")
    return 1 if left or has_failed else 0


def _print_result(screen: Screen, box: Outbox, mailbox: Mailbox, result: DrainResult | str | None) -> bool:
    """Print the result of one receiver; returns whether it is a failure."""
    conn_id = mailbox.conn_id
    if isinstance(result, str):
        screen.marked("✗", "red", screen.text("failed", conn_id=conn_id, problem=result), error=True)
        screen.line("left", left=_left_of(screen, box, mailbox), error=True)
        return True
    if result is None:
        screen.marked("–", "yellow", screen.text("busy", conn_id=conn_id, left=_left_of(screen, box, mailbox)))
        return False
    numbers = {
        "alerts": screen.count(result.alerts, "alert"),
        "messages": screen.count(result.messages, "message"),
        "left": screen.count(result.left, "alert"),
    }
    screen.marked(
        *(("–", "yellow") if result.left else ("✓", "green")), screen.text("sent", conn_id=conn_id, **numbers)
    )
    if result.left:
        print(f"    {result.in_words(screen.language)} {result.problem}".rstrip())
    return result.left > 0


def _left_of(screen: Screen, box: Outbox, mailbox: Mailbox) -> str:
    """How many alerts of a mailbox are pending; the flush goes on if they can't be counted."""
    try:
        return screen.count(alerts_of(box, mailbox), "alert")
    except OutboxError:
        return "?"
