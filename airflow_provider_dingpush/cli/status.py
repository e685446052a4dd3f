"""``dingpush status``: pending alerts, why they are held, and message counts of each receiver."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.delivery.ledger import ReceiverView
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.reasons import from_text, words
from airflow_provider_dingpush.delivery.transfer import alerts_in
from airflow_provider_dingpush.errors import DingTalkError, OutboxError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.outboxes import address_of, outbox_url
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.record_kinds import Hold
    from airflow_provider_dingpush.pipeline.stores import Store

_STATUS_SECONDS = 30.0

_TEXTS: Texts = {
    "connections": ("Connection", "连接"),
    "pending": ("Pending", "待发送"),
    "window": ("Last minute", "近一分钟"),
    "today": ("Today", "今日已发"),
    "month": ("Month", "本月已发"),
    "dead_letters": ("Dead letters", "死信"),
    "state": ("State", "状态"),
    "empty": ("No alerts in the outbox {location} yet.", "发件箱 {location} 中还没有告警。"),
    "never_flushed": ("flush DAG or cron: never ran", "补发：从未运行"),
    "flushed": ("flush DAG or cron: last ran {time}", "补发：最近一次运行于 {time}"),
    "ready": ("ready", "正常"),
    "held": ("held until {time}: {reason}", "暂停至 {time}：{reason}"),
    "collecting": ("next message {time}: {reason}", "下一条消息 {time}：{reason}"),
    "moved": (
        "the connection has another receiver now; the next flush sends these alerts through it",
        "连接已指向其他接收方，由下次补发发送",
    ),
    "unsent": ("not sent yet", "尚未发送"),
    "receiver": ("receiver {receiver_id}", "接收方 {receiver_id}"),
    "unreadable": ("can't be read: {problem}", "无法读取：{problem}"),
    "in_files": (
        "{state}; in files of this machine until the outbox is available: {folder}",
        "{state}；发件箱恢复前暂存于本机文件：{folder}",
    ),
}
_COLUMNS = "connections", "pending", "window", "today", "month", "dead_letters", "state"


def run(parsed: argparse.Namespace) -> int:
    """Print each receiver's status; 1 if a part of it can't be read.

    :raises OutboxError: if the outbox can't be read, after everything else was printed.
    """
    screen = Screen(parsed.language, _TEXTS)
    until = time.monotonic() + _STATUS_SECONDS
    look_ups = LookUps(Deadline(until))
    first, *others = stores_for_commands(until)
    reading = _Reading(screen, look_ups)
    problem: OutboxError | None = None
    flushed_at = None
    try:
        reading.add(first.outbox)
        flushed_at = first.outbox.last_flush()
    except OutboxError as error:
        problem = error
    for store in others:
        reading.add_files(store)
    if parsed.as_json:
        print(json.dumps(reading.rows, ensure_ascii=False))
    else:
        _print(reading.rows, screen)
    if problem is not None:
        raise problem
    if not parsed.as_json:
        if not reading.rows:
            screen.line("empty", location=_location_of(first))
        if flushed_at is None:
            screen.line("never_flushed")
        else:
            screen.line("flushed", time=clock(flushed_at))
    return 1 if any("problem" in row for row in reading.rows) else 0


def clock(at: float) -> str:
    """A time in the time zone of alerts.

    :param at: in seconds since 1970.
    """
    return datetime.fromtimestamp(at, local_zone()).strftime("%Y-%m-%d %H:%M:%S")


def _print(rows: list[dict[str, Any]], screen: Screen) -> None:
    if not rows:
        return
    cells = [[str(row.get(name, "")) for name in _COLUMNS] for row in rows]
    for line, row in zip(cells, rows, strict=True):
        line[0] = "\n".join(row["connections"])
        if "problem" in row:
            line[-1] = screen.text("unreadable", problem=row["problem"])
        if "folder" in row:
            line[-1] = screen.text("in_files", state=line[-1], folder=row["folder"])
    colours = {screen.text("ready"): "green", None: "red"}
    styles = [colours.get(row.get("state"), "yellow") for row in rows]
    print_table([screen.text(name) for name in _COLUMNS], cells, styles)


def _location_of(store: Store) -> str:
    """The folder or URL of an outbox, without its password."""
    return str(store.folder or address_of(outbox_url() or "").location)


@dataclass
class _Reading:
    """The rows of all stores: a receiver that can't be read has a row as well, and doesn't hide the others.

    :param screen: for the text of a state.
    :param look_ups: of connections, for their limits.
    """

    screen: Screen
    look_ups: LookUps
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, box: Outbox) -> None:
        """Add what is in one outbox."""
        for receiver_id in box.receivers():
            try:
                row = self._row_of(box, receiver_id)
            except Exception as problem:  # noqa: BLE001 - a problem with one receiver must not hide the others
                row = {
                    "connections": [self.screen.text("receiver", receiver_id=receiver_id)],
                    "problem": described(problem),
                }
            if row is not None:
                self.rows.append(row)
        # The receiver of these mailboxes is not known yet.
        self.rows += [
            {"connections": [each.conn_id], "pending": box.pending_in(each), "state": self.screen.text("unsent")}
            for each in box.pending_mailboxes()
            if box.receiver_of(each) is None
        ]

    def add_files(self, store: Store) -> None:
        """Add pending alerts that are in files until the outbox is available again."""
        found = _Reading(self.screen, self.look_ups)
        try:
            if not store.is_empty:
                found.add(store.outbox)
        except OutboxError as problem:
            print(f"dingpush: {problem}", file=sys.stderr)
            return
        self.rows += [
            {**row, "folder": str(store.folder)} for row in found.rows if row.get("pending") or "problem" in row
        ]

    def _row_of(self, box: Outbox, receiver_id: str) -> dict[str, Any] | None:
        """One receiver; ``None`` if it has no connection, no alert and no dead letter."""
        mailboxes = box.mailboxes_of(receiver_id)
        policy = self._policy_of(mailboxes[0]) if mailboxes else DeliveryPolicy()
        records = box.records_of(receiver_id)
        alerts = alerts_in(records)
        view = ReceiverView(records, policy, zone=local_zone(), now=time.time())
        if not mailboxes and not alerts and not view.dead_letters:
            return None
        of_dead = (letter.alert.mailbox for letter in view.dead_letters if letter.alert)
        conn_ids = sorted({each.conn_id for each in (*mailboxes, *alerts.values(), *of_dead) if each})
        return {
            "connections": conn_ids or [self.screen.text("receiver", receiver_id=receiver_id)],
            "pending": len(alerts) + sum(box.pending_in(each) for each in mailboxes),
            "state": self._state(view.hold, box, receiver_id) if mailboxes else self.screen.text("moved"),
            "window": f"{view.sent_within_minute}/{policy.rate_limit_per_minute}",
            "today": _of(view.sent_today, policy.max_messages_per_day),
            "month": _of(view.sent_this_month, policy.monthly_quota),
            "dead_letters": len(view.dead_letters),
        }

    def _state(self, hold: Hold | None, box: Outbox, receiver_id: str) -> str:
        if hold:
            reason = words(hold.reason, self.screen.language, hold.detail)
            return self.screen.text("held", time=clock(hold.until), reason=reason)
        pause = box.pause_of(receiver_id)
        if pause:
            why, detail = from_text(pause.reason)
            in_words = words(why, self.screen.language, detail)
            return self.screen.text("collecting", time=clock(pause.until), reason=in_words)
        return self.screen.text("ready")

    def _policy_of(self, mailbox: Mailbox) -> DeliveryPolicy:
        try:
            return self.look_ups.receiver(mailbox).hook.settings.delivery
        except DingTalkError:  # then only its limits are unknown
            return DeliveryPolicy()


def _of(count: int, most: int | None) -> str:
    return f"{count:,}" if most is None else f"{count:,} / {most:,}"
