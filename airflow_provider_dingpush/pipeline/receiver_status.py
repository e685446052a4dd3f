"""The status of each receiver, read without leading it: what ``dingpush status`` and the page in Airflow show."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.gate import Verdict
from airflow_provider_dingpush.delivery.ledger import ReceiverView
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.reasons import Reason, from_text
from airflow_provider_dingpush.delivery.record_kinds import Totals
from airflow_provider_dingpush.delivery.transfer import alerts_in
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.redaction import described

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter
    from airflow_provider_dingpush.pipeline.look_ups import LookUps
    from airflow_provider_dingpush.storage.outbox import Outbox

RECEIVER_TEXTS: Mapping[str, tuple[str, str]] = {
    "receiver": ("receiver {receiver_id}", "接收方 {receiver_id}"),
    "pending": ("Pending", "待发送"),
    "window": ("Last minute", "近一分钟"),
    "today": ("Today", "今日已发"),
    "month": ("Month", "本月已发"),
    "dead_letters": ("Dead letters", "死信"),
    "state": ("State", "状态"),
    "ready": ("ready", "正常"),
    "held": ("held until {time}: {reason}", "暂停至 {time}：{reason}"),
    "waiting": ("next message {time}: {reason}", "下一条消息 {time}：{reason}"),
    "moved": (
        "the connection has another receiver now; the next flush sends these alerts through it",
        "连接已指向其他接收方，由下次补发发送",
    ),
    "unsent": ("not sent yet", "尚未发送"),
    "unreadable": ("can't be read: {problem}", "无法读取：{problem}"),
}
"""Headings and states of receivers, in English and Chinese."""


class ReceiverState(Enum):
    """Whether alerts can be sent to a receiver."""

    READY = "ready"
    HELD = "held"
    """Nothing is sent until a time, because of DingTalk or a limit."""
    WAITING = "waiting"
    """The next message is due at a time."""
    MOVED = "moved"
    """The connection has another receiver now; the next flush sends these alerts through it."""
    UNSENT = "unsent"
    """No process has looked the connection up yet."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Usage:
    """How many messages were sent to a receiver, operators' included, and how many may be.

    :param last_minute: within the last minute; at most ``rate_limit_per_minute``.
    :param today: at most ``max_messages_per_day``; ``None``: no limit.
    :param this_month: of the organisation's ``monthly_quota``.
    :param has_limits: whether the limits are those of the connection, and not defaults because it wasn't read.
    """

    last_minute: int
    rate_limit_per_minute: int
    today: int
    max_messages_per_day: int | None
    this_month: int
    monthly_quota: int
    has_limits: bool = True


@dataclass(frozen=True)
class ReceiverStatus:
    """One receiver, or a mailbox whose receiver isn't known yet.

    :param state: whether alerts can be sent to it.
    :param receiver_id: its id; ``None`` if it isn't known yet.
    :param conn_ids: the connections that lead to it.
    :param pending: how many alerts are pending; ``None`` if that can't be read.
    :param reason: why it is held or waits.
    :param detail: what DingTalk answered.
    :param until: when it is held or waits no longer, in seconds since 1970.
    :param usage: messages that were sent to it; ``None`` if that isn't known.
    :param dead_letters: how many alerts DingTalk refused even alone.
    :param withheld: how many alerts are held, silenced and inhibited; ``None`` if that can't be read.
    :param totals: all alerts that it ever had; those taken in, sent, only counted, and dropped by a person.
    :param untaken: how many of the pending alerts are in mailboxes still.
    :param letters: its dead letters, oldest first.
    :param problem: why it can't be read.
    :param folder: of files on this machine that have these alerts until the outbox is available again.
    """

    state: ReceiverState
    receiver_id: str | None = None
    conn_ids: tuple[str, ...] = ()
    pending: int | None = None
    reason: Reason | None = None
    detail: str = ""
    until: float | None = None
    usage: Usage | None = None
    dead_letters: int | None = None
    withheld: Mapping[Verdict, int] | None = None
    totals: Totals | None = None
    untaken: int = 0
    letters: Sequence[DeadLetter] = ()
    problem: str | None = None
    folder: Path | None = None


PolicyOf = Callable[["Mailbox"], "DeliveryPolicy | None"]
"""Finds the delivery options of a mailbox's connection; ``None`` if they are unknown."""


def limits_from(look_ups: LookUps) -> PolicyOf:
    """Limits as the connections have them."""

    def policy_of(mailbox: Mailbox) -> DeliveryPolicy | None:
        try:
            return look_ups.receiver(mailbox).hook.settings.delivery
        except DingTalkError:
            return None

    return policy_of


def receivers_of(box: Outbox, policy_of: PolicyOf) -> Iterator[ReceiverStatus]:
    """Every receiver of an outbox; one that can't be read is listed as well, and doesn't hide the others.

    :param policy_of: finds its limits.
    :raises OutboxError: if the outbox itself can't be read.
    """
    for receiver_id in box.receivers():
        try:
            found = _status_of(box, receiver_id, policy_of)
        except Exception as problem:  # noqa: BLE001 - a problem with one receiver must not hide the others
            found = ReceiverStatus(ReceiverState.UNREADABLE, receiver_id, problem=described(problem))
        if found is not None:
            yield found
    for mailbox in box.pending_mailboxes():
        if box.receiver_of(mailbox) is None:
            yield ReceiverStatus(ReceiverState.UNSENT, conn_ids=(mailbox.conn_id,), pending=box.pending_in(mailbox))


def _status_of(box: Outbox, receiver_id: str, policy_of: PolicyOf) -> ReceiverStatus | None:
    """One receiver; ``None`` if it has no connection, no alert and no dead letter."""
    mailboxes = box.mailboxes_of(receiver_id)
    known = policy_of(mailboxes[0]) if mailboxes else None
    policy = known or DeliveryPolicy()  # then only its limits are unknown
    records = box.records_of(receiver_id)
    alerts = alerts_in(records)
    view = ReceiverView(records, policy, zone=local_zone(), now=time.time())
    of_withheld = alerts_in(records, with_withheld=True)
    if not mailboxes and not of_withheld and not view.dead_letters:
        return None
    untaken = sum(box.pending_in(each) for each in mailboxes)
    of_dead = (letter.alert.mailbox for letter in view.dead_letters if letter.alert)
    status = ReceiverStatus(
        ReceiverState.READY if mailboxes else ReceiverState.MOVED,
        receiver_id,
        conn_ids=tuple(sorted({each.conn_id for each in (*mailboxes, *of_withheld.values(), *of_dead) if each})),
        pending=len(alerts) + untaken,
        untaken=untaken,
        withheld=view.withheld,
        totals=view.totals,
        usage=Usage(
            last_minute=view.sent_within_minute,
            rate_limit_per_minute=policy.rate_limit_per_minute,
            today=view.sent_today,
            max_messages_per_day=policy.max_messages_per_day,
            this_month=view.sent_this_month,
            monthly_quota=policy.monthly_quota,
            has_limits=known is not None,
        ),
        dead_letters=len(view.dead_letters),
        letters=view.dead_letters,
    )
    return _with_wait(status, view, box, receiver_id) if mailboxes else status


def _with_wait(status: ReceiverStatus, view: ReceiverView, box: Outbox, receiver_id: str) -> ReceiverStatus:
    """The status with what is waited for, if anything is."""
    hold = view.hold
    if hold:
        return replace(status, state=ReceiverState.HELD, reason=hold.reason, detail=hold.detail, until=hold.until)
    pause = box.pause_of(receiver_id)
    if pause:
        reason, detail = from_text(pause.reason)
        return replace(status, state=ReceiverState.WAITING, reason=reason, detail=detail, until=pause.until)
    return status
