"""``dingpush flush``, ``status`` and ``dead``: what waits, why, and what to do with what DingTalk refuses."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_dingpush.airflow_compat import search_all_secrets
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.transfer import alerts_in
from airflow_provider_dingpush.errors import DingTalkError, OutboxError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.pending import alerts_of
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.store_flush import all_pending, flush_stores, stores_for_people
from airflow_provider_dingpush.storage.contract import LedgerBook, Place
from airflow_provider_dingpush.storage.outbox import Outbox

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.delivery.holds import Hold
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.contract import LeadPause

# A leader is done within a callback's budget.
_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.2
_STATUS_SECONDS = 30.0


def _reported(run: Callable[[], int]) -> int:
    """Run a command; what can't be done is said in one line."""
    search_all_secrets()
    try:
        return run()
    except BrokenPipeError:
        raise
    except Exception as trouble:  # noqa: BLE001 - said in one line, whatever it is
        print(f"dingpush: {described(trouble)}", file=sys.stderr)
        return 1


def run_flush(*, within_seconds: float, all_now: bool = False) -> int:
    """Send what waits, and return 0 if nothing is left, else 1.

    :param within_seconds: the most that it may take, in seconds.
    :param all_now: keep nothing for later that could be sent, and try a misconfigured robot again.
    """

    def run() -> int:
        until, failed, is_idle = time.monotonic() + within_seconds, False, True
        for store, mailbox, came in flush_stores(until=until, all_now=all_now):
            is_idle = False
            if isinstance(came, str):
                failed = True
                print(f"✗ {mailbox.conn_id}: {came}", file=sys.stderr)
                print(f"    left 剩余 {_left_of(store.outbox, mailbox)}", file=sys.stderr)
            elif came is None:
                waiting = _left_of(store.outbox, mailbox)
                print(f"– {mailbox.conn_id}: another process is sending 其他进程正在发送, waiting 待发送 {waiting}")
            else:
                failed = failed or came.left > 0
                told = f"alerts 告警 {came.alerts}, messages 消息 {came.messages}, left 剩余 {came.left}"
                print(f"✓ {mailbox.conn_id}: {told}")
                if came.left:
                    print(f"    {came.reason} {came.problem}".rstrip())
        left = all_pending(until=until)
        if is_idle and not left:
            print("No pending alerts. 没有待发送的告警。")
        return 1 if left or failed else 0

    return _reported(run)


def _left_of(box: Outbox, mailbox: Mailbox) -> str:
    """How many alerts of a mailbox wait; the flush goes on with the others if nobody can tell."""
    try:
        return str(alerts_of(box, mailbox))
    except OutboxError:
        return "?"


def run_status(*, as_json: bool) -> int:
    """Print what each robot is at: waiting alerts, window, hold, messages sent, dead letters."""

    def run() -> int:
        until = time.monotonic() + _STATUS_SECONDS
        look_ups = LookUps(until)
        first, *others = stores_for_people(until)
        trouble: OutboxError | None = None
        rows: list[dict[str, Any]] = []
        seen = None
        try:
            rows = _rows_of(first.outbox, look_ups)
            seen = first.outbox.last_flush()
        except OutboxError as problem:
            trouble = problem
        for store in others:
            rows += _rows_in_files(store, look_ups)
        unreadable = any("problem" in row for row in rows)
        if as_json:
            print(json.dumps(rows, ensure_ascii=False))
        else:
            _print_rows(rows, seen, complete=trouble is None)
        if trouble is not None:
            raise trouble
        return 1 if unreadable else 0

    return _reported(run)


def _print_rows(rows: list[dict[str, Any]], seen: float | None, *, complete: bool) -> None:
    """Print what each robot is at.

    :param seen: when a flusher last ran, in seconds since 1970.
    :param complete: whether the outbox itself could be asked.
    """
    if complete and not rows:
        print("No alert was ever written here. 还没有任何告警记录。")
    for row in rows:
        print(" · ".join(row.pop("connections")))
        for name, value in row.items():
            print(f"    {_LABELS.get(name, name)}: {value}")
    if complete:
        print(f"flusher 定时发送: {'never seen 未发现' if seen is None else f'last run 最近一次 {_clock(seen)}'}")


def _rows_in_files(store: Store, look_ups: LookUps) -> list[dict[str, Any]]:
    """What waits in the files that stand in for the outbox, until it can be had again."""
    try:
        rows = [] if store.is_empty else _rows_of(store.outbox, look_ups)
    except OutboxError as problem:
        print(f"dingpush: {problem}", file=sys.stderr)
        return []
    return [{**row, "folder": str(store.folder)} for row in rows if row.get("waiting") or "problem" in row]


def _rows_of(box: Outbox, look_ups: LookUps) -> list[dict[str, Any]]:
    rows = [row for receiver_id in box.receivers() if (row := _row_of(box, receiver_id, look_ups)) is not None]
    # Nobody has looked up yet where these go.
    unknown = [each for each in box.pending_mailboxes() if box.receiver_of(each) is None]
    return rows + [
        {"connections": [each.conn_id], "waiting": box.pending_in(each), "state": "never sent 尚未发送"}
        for each in unknown
    ]


_LABELS = {
    "waiting": "waiting 待发送",
    "state": "state 状态",
    "window": "messages within the last minute 最近一分钟已发",
    "today": "sent today 今日已发",
    "month": "sent this month 本月已发",
    "dead": "dead letters 死信",
    "folder": "in files of this machine, until the outbox can be had 暂存于本机文件",
    "problem": "can't be read 无法读取",
}


class _Peek:
    """A robot's book as it stands, for people; whoever leads goes on meanwhile."""

    def __init__(self, records: dict[Place, Any]) -> None:
        self._records = records

    def now(self) -> float:
        return time.time()

    def load(self) -> dict[Place, Any]:
        return self._records

    def overflow_count(self) -> int:
        return 0


def _row_of(box: Outbox, receiver_id: str, look_ups: LookUps) -> dict[str, Any] | None:
    """What a robot is at; ``None`` if it has nothing more to do: no connection, no alert and no dead letter."""
    try:
        return _status_of(box, receiver_id, look_ups)
    except Exception as trouble:  # noqa: BLE001 - the others are to be seen, whatever is wrong with this one
        return {"connections": [f"robot 机器人 {receiver_id}"], "problem": described(trouble)}


def _status_of(box: Outbox, receiver_id: str, look_ups: LookUps) -> dict[str, Any] | None:
    mailboxes = box.mailboxes_of(receiver_id)
    records = box.records_of(receiver_id)
    alerts = alerts_in(records)
    policy = _policy_of(mailboxes[0], look_ups) if mailboxes else DeliveryPolicy()
    ledger = Ledger(cast("LedgerBook", _Peek(records)), policy, zone=local_zone())
    if not mailboxes and not alerts and not ledger.dead:
        return None
    now = time.time()
    letters = (letter.alert.mailbox for letter in ledger.dead if letter.alert)
    named = {each.conn_id for each in (*mailboxes, *alerts.values(), *letters) if each}
    state = _state(ledger.hold(now), box.pause_of(receiver_id)) if mailboxes else _MOVED
    return {
        "connections": sorted(named) or [f"robot 机器人 {receiver_id}"],
        "waiting": len(alerts) + sum(box.pending_in(each) for each in mailboxes),
        "state": state,
        "window": f"{ledger.sent_within_minute(now)}/{policy.rate_limit_per_minute}",
        "today": _of(ledger.sent_today(now), policy.max_messages_per_day),
        "month": _of(ledger.sent_this_month(now), policy.monthly_quota),
        "dead": len(ledger.dead),
    }


_MOVED = (
    "the connection has another robot now; the next flush sends these through it 连接已更换机器人，由下次 flush 发送"
)


def _state(hold: Hold | None, pause: LeadPause | None) -> str:
    if hold:
        return f"held until 暂停至 {_clock(hold.until)}: {hold.reason}"
    if pause:
        return f"storm, next message 告警风暴，下一条消息 {_clock(pause.until)}: {pause.reason}"
    return "ready 正常"


def _of(count: int, most: int | None) -> str:
    return f"{count:,}" if most is None else f"{count:,} / {most:,}"


def _policy_of(mailbox: Mailbox, look_ups: LookUps) -> DeliveryPolicy:
    try:
        return look_ups.sender(mailbox).hook.settings.delivery
    except DingTalkError:  # only its limits are missing then
        return DeliveryPolicy()


def run_dead(action: str, key: str | None) -> int:
    """List dead letters, show one, put one (or all) back, or drop it.

    :param action: ``list``, ``show``, ``requeue`` or ``drop``.
    :param key: beginning of its key; ``all`` for requeue and drop.
    """

    def run() -> int:
        found, troubles = 0, 0
        for store in stores_for_people(time.monotonic() + _STATUS_SECONDS):
            try:
                receivers = [] if store.is_empty else store.outbox.receivers()
            except OutboxError as trouble:
                print(f"dingpush: {trouble}", file=sys.stderr)
                troubles += 1
                continue
            for receiver_id in receivers:
                try:
                    found += _dead_letters_of(store.outbox, receiver_id, action, key)
                except BrokenPipeError:
                    raise
                except Exception as trouble:  # noqa: BLE001 - the others are to be seen, whatever is wrong with this one
                    print(f"✗ robot 机器人 {receiver_id}: {described(trouble)}", file=sys.stderr)
                    troubles += 1
        if not found and not troubles:
            print("There is none. 没有。")
        return 0 if not troubles and (found or action == "list") else 1

    return _reported(run)


def _dead_letters_of(box: Outbox, receiver_id: str, action: str, key: str | None) -> int:
    """Do something with the dead letters of a robot; says how many that were."""
    with _ledger(box, receiver_id, DeliveryPolicy()) as ledger:
        if ledger is None:
            print(
                "A robot is sending right now; try again in a few seconds. 正在发送，请稍后再试。",
                file=sys.stderr,
            )
            return 0
        letters = [each for each in ledger.dead if key is None or key == "all" or each.key.startswith(key)]
        for letter in letters:
            _handle(action, ledger, letter)
        return len(letters)


def _handle(action: str, ledger: Ledger, letter: Any) -> None:
    alert: Alert | None = letter.alert
    if action == "requeue":
        ledger.requeue(letter.key)
    elif action == "drop":
        ledger.drop(letter.key)
    conn_id = alert.mailbox.conn_id if alert else "?"
    print(f"{letter.key[:12]}  {_clock(letter.at)}  {conn_id}  {letter.name}  {letter.problem}")
    if action == "show" and alert:
        print(json.dumps(json.loads(alert.to_json()), ensure_ascii=False, indent=2))


@contextmanager
def _ledger(box: Outbox, receiver_id: str, policy: DeliveryPolicy) -> Iterator[Ledger | None]:
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with box.leadership(receiver_id) as book:
            if book is not None:
                yield Ledger(book, policy, zone=local_zone())
                return
        if time.monotonic() > end:
            yield None
            return
        time.sleep(_POLL_SECONDS)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, local_zone()).strftime("%Y-%m-%d %H:%M:%S")
