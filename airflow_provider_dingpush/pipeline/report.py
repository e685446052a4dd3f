"""The report of a period: what failed, how long it lasted, what is still open, and what the messages cost.

It is made of what the receivers' books remember anyway: failures and messages of the last week, and the counts of the
day and the month.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.gate import Verdict
from airflow_provider_dingpush.delivery.history import recorded_week
from airflow_provider_dingpush.delivery.history_log import KEPT_SECONDS
from airflow_provider_dingpush.delivery.ledger import ReceiverView
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.errors import DingTalkError, OutboxError
from airflow_provider_dingpush.oncall.report import Figures, Happened, figures_of
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.escalation_notes import calls_in
from airflow_provider_dingpush.pipeline.incidents import Incident, claims_in, leading, of_all, outboxes_of
from airflow_provider_dingpush.pipeline.silences import silences_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.history_events import RecordedWeek
    from airflow_provider_dingpush.pipeline.look_ups import LookUps
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.outbox import Outbox

LONGEST_SECONDS = KEPT_SECONDS
"""The longest period: the books remember a week."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceiverReport:
    """The messages of one receiver.

    :param conn_ids: the connections that lead to it.
    :param messages: notifications of the period.
    :param alerts: that were in them.
    :param this_month: messages of this month, those of operators included.
    :param monthly_quota: how many there may be; ``None`` if unknown.
    :param silenced: alerts that are silenced now.
    """

    conn_ids: tuple[str, ...]
    messages: int
    alerts: int
    this_month: int
    monthly_quota: int | None
    silenced: int


@dataclass(frozen=True)
class Report:
    """The report of a period.

    :param since: when the period begins, in seconds since 1970.
    :param until: now.
    :param complete_since: since when all of it was recorded, if that is later than its beginning.
    :param figures: what happened.
    :param open: the incidents that are open now, the most urgent first; a run only if none of its tasks is one.
    :param receivers: the messages.
    :param calls: people who were called by phone in the period.
    :param silences: that haven't ended.
    """

    since: float
    until: float
    complete_since: float | None
    figures: Figures
    open: tuple[Incident, ...]
    receivers: tuple[ReceiverReport, ...]
    calls: int
    silences: int


def report_of(stores: Sequence[Store], look_ups: LookUps, seconds: float, conn_id: str | None = None) -> Report:
    """The report of the last while.

    :param stores: of this machine.
    :param look_ups: of connections, for their quotas.
    :param seconds: how long the period is, in seconds.
    :param conn_id: only what this connection was notified of.
    :raises OutboxError: if an outbox can't be read.
    """
    now = time.time()
    since = now - seconds
    happened: list[Happened] = []
    receivers: list[ReceiverReport] = []
    began: list[float] = []
    claims: dict[str, float] = {}
    outboxes = outboxes_of(stores)
    for outbox in outboxes:
        for receiver, week in _weeks(outbox, look_ups, since, conn_id):
            if receiver is not None:
                receivers.append(receiver)
            happened += _happened(week, conn_id)
            began.append(max(week.began_at or now, week.dropped_until))
        for incident, each in claims_in(outbox).items():
            if each.at >= since and each.since and (conn_id is None or each.mailbox in _boxes(outbox, conn_id)):
                claims[incident] = max(0.0, each.at - each.since)
    is_wanted = (each for _, each in of_all(outboxes).values() if conn_id in (None, each.failure.conn_id))
    first = outboxes[0]
    complete_since = max(began, default=now)
    return Report(
        since,
        now,
        complete_since if complete_since > since else None,
        figures_of(happened, list(claims.values()), since),
        tuple(leading(sorted(is_wanted, key=lambda each: each.order))),
        tuple(receivers),
        sum(each.people for each in calls_in(first) if each.at >= since),
        len(silences_in(first)),
    )


def _weeks(
    outbox: Outbox, look_ups: LookUps, since: float, conn_id: str | None
) -> Iterator[tuple[ReceiverReport | None, RecordedWeek]]:
    """Each receiver of an outbox, and what its book remembers; a receiver that was never notified has no report."""
    for receiver_id in outbox.receivers():
        try:
            records = outbox.records_of(receiver_id)
        except OutboxError as problem:
            _log.warning(
                "The book of receiver %s can't be read, and is missing in the report: %s", receiver_id, problem
            )
            continue
        week = recorded_week(records)
        mailboxes = outbox.mailboxes_of(receiver_id)
        conn_ids = tuple(sorted({each.conn_id for each in mailboxes}))
        if conn_id is not None and conn_id not in conn_ids:
            continue
        policy = DeliveryPolicy()
        if mailboxes:
            try:
                policy = look_ups.receiver(mailboxes[0]).hook.settings.delivery
            except DingTalkError as problem:  # then only its quota is unknown
                _log.info("The quota of connection %r is unknown: %s", mailboxes[0].conn_id, problem)
        view = ReceiverView(records, policy, zone=local_zone(), now=time.time())
        sent = [each for each in week.messages if each.at >= since]
        report = ReceiverReport(
            conn_ids,
            len(sent),
            sum(each.alerts for each in sent),
            view.sent_this_month,
            policy.monthly_quota,
            view.withheld.get(Verdict.SILENCED, 0),
        )
        yield (report if conn_ids else None), week


def _happened(week: RecordedWeek, conn_id: str | None) -> Iterator[Happened]:
    for each in week.events:
        alert = each.alert
        if (alert.opens_incident or alert.resolved) and conn_id in (None, alert.mailbox.conn_id):
            yield Happened(
                alert.at,
                alert.incident,
                alert.dag_id,
                alert.task_id,
                alert.map_index,
                alert.run_id,
                alert.try_number,
                alert.owners,
                alert.resolved,
                alert.event.is_failure,
            )


def _boxes(outbox: Outbox, conn_id: str) -> set[str]:
    return {
        each.name
        for receiver_id in outbox.receivers()
        for each in outbox.mailboxes_of(receiver_id)
        if each.conn_id == conn_id
    }
