"""``dingpush flush``: send pending alerts, once a minute from cron or by hand."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import error_values, iso_time, print_json
from airflow_provider_dingpush.cli.problems import in_one_line
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.pending import alerts_of
from airflow_provider_dingpush.pipeline.store_flush import all_pending
from airflow_provider_dingpush.pipeline.tick import tick

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.storage.outbox import Outbox


class FlushStatus(Enum):
    """What a flush did for one receiver."""

    SENT = "sent"
    LEFT = "left"
    """Some alerts can't be sent now."""
    BUSY = "busy"
    """Another process is sending."""
    FAILED = "failed"


_TEXTS: Texts = {
    "sent": (
        "{conn_id}: {alerts} in {messages} sent, {left} left",
        "{conn_id}：已发 {alerts}（{messages}），剩余 {left}",
    ),
    "failed": ("{conn_id}: {problem}", "{conn_id}：{problem}"),
    "still_left": ("    {left} left", "    剩余 {left}"),
    "why": ("    {why}", "    {why}"),
    "busy": ("{conn_id}: another process is sending, {left} left", "{conn_id}：其他进程正在发送，剩余 {left}"),
    "nothing": ("No pending alerts.", "没有待发送的告警。"),
}
_MARKS = {
    FlushStatus.SENT: ("✓", "green"),
    FlushStatus.LEFT: ("–", "yellow"),
    FlushStatus.BUSY: ("–", "yellow"),
    FlushStatus.FAILED: ("✗", "red"),
}


@dataclass(frozen=True)
class _Flushed:
    """The result of one receiver.

    :param mailbox: whose alerts were sent.
    :param status: what happened.
    :param left: how many of its alerts are pending still; ``None`` if they can't be counted.
    :param result: of the drain, unless it failed or another process leads.
    :param problem: why it failed.
    """

    mailbox: Mailbox
    status: FlushStatus
    left: int | None
    result: DrainResult | None = None
    problem: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether alerts are left that this flush could not send."""
        return self.status in (FlushStatus.FAILED, FlushStatus.LEFT)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        result = self.result
        return {
            "conn_id": self.mailbox.conn_id,
            "status": self.status.value,
            "alerts": result.alerts if result else 0,
            "messages": result.messages if result else 0,
            "left": self.left,
            "reason": result.reason.value if result and result.left else None,
            "detail": (result.detail or None) if result else None,
            "again_at": iso_time(result.again_at, local_zone()) if result else None,
            "problem": self.problem or (result.problem or None if result else None),
        }


def run(parsed: argparse.Namespace) -> int:
    """Send pending alerts; 0 if none are left, else 1.

    :raises OutboxError: at the end, if the outbox itself can't be used.
    """
    screen = Screen(parsed.language, _TEXTS)
    until = time.monotonic() + parsed.within
    found: list[_Flushed] = []
    problem: OutboxError | None = None
    try:
        for store, mailbox, result in tick(until=until, all_now=parsed.now):
            found.append(_flushed(store.outbox, mailbox, result))
            if not parsed.as_json:
                _print(screen, found[-1])
    except OutboxError as raised:
        problem = raised
    # What can't be read can't be counted.
    left = all_pending(until=until) if problem is None else None
    if parsed.as_json:
        error = problem and error_values(problem, str(problem))
        print_json({"results": [each.to_dict() for each in found], "left": left, **({"error": error} if error else {})})
    if problem is not None:
        if not parsed.as_json:
            raise problem
        print(f"dingpush: {in_one_line(problem, parsed.language)}", file=sys.stderr)
    elif not found and left == 0 and not parsed.as_json:
        screen.line("nothing")
    return 1 if left or problem or any(each.has_failed for each in found) else 0


def _flushed(box: Outbox, mailbox: Mailbox, result: DrainResult | str | None) -> _Flushed:
    if isinstance(result, str):
        return _Flushed(mailbox, FlushStatus.FAILED, _left_of(box, mailbox), problem=result)
    if result is None:
        return _Flushed(mailbox, FlushStatus.BUSY, _left_of(box, mailbox))
    return _Flushed(mailbox, FlushStatus.LEFT if result.left else FlushStatus.SENT, result.left, result)


def _print(screen: Screen, flushed: _Flushed) -> None:
    values: dict[str, object] = {
        "conn_id": flushed.mailbox.conn_id,
        "problem": flushed.problem,
        "left": "?" if flushed.left is None else screen.count(flushed.left, "alert"),
    }
    result = flushed.result
    if result is None:
        has_failed = flushed.status is FlushStatus.FAILED
        screen.marked(*_MARKS[flushed.status], screen.text(flushed.status.value, **values), error=has_failed)
        if has_failed:
            screen.line("still_left", error=True, **values)
        return
    values["alerts"] = screen.count(result.alerts, "alert")
    values["messages"] = screen.count(result.messages, "message")
    screen.marked(*_MARKS[flushed.status], screen.text("sent", **values))
    if result.left:
        why = f"{result.in_words(screen.language)} {result.problem}".rstrip()
        screen.line("why", why=why)


def _left_of(box: Outbox, mailbox: Mailbox) -> int | None:
    """How many alerts of a mailbox are pending; the flush goes on if they can't be counted."""
    try:
        return alerts_of(box, mailbox)
    except OutboxError:
        return None
