"""The status of a receiver as ``dingpush status --json`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import iso_time
from airflow_provider_dingpush.delivery.gate import Verdict
from airflow_provider_dingpush.pipeline.composing import local_zone

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.receiver_status import ReceiverStatus


def plain_receiver(status: ReceiverStatus) -> dict[str, Any]:
    """Plain data: numbers, names and times, and the same keys for every receiver."""
    usage, withheld, totals = status.usage, status.withheld, status.totals
    return {
        "receiver_id": status.receiver_id,
        "conn_ids": list(status.conn_ids),
        "state": status.state.value,
        "reason": status.reason and status.reason.value,
        "detail": status.detail or None,
        "until": iso_time(status.until, local_zone()),
        "pending": status.pending,
        "held": withheld and withheld[Verdict.HELD],
        "silenced": withheld and withheld[Verdict.SILENCED],
        "inhibited": withheld and withheld[Verdict.INHIBITED],
        "notified": totals and totals.notified,
        "counted": totals and totals.counted,
        "dropped": totals and totals.dropped,
        "written": totals and totals.written + status.untaken,
        "sent_last_minute": usage and usage.last_minute,
        "rate_limit_per_minute": usage and usage.rate_limit_per_minute,
        "sent_today": usage and usage.today,
        "max_messages_per_day": usage and usage.max_messages_per_day,
        "sent_this_month": usage and usage.this_month,
        "monthly_quota": usage and usage.monthly_quota,
        "dead_letters": status.dead_letters,
        "folder": status.folder and str(status.folder),
        "problem": status.problem,
    }
