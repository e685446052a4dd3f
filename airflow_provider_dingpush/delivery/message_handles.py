"""DingTalk's handles of the messages that people got about failures, by which it says who has read them.

Only of failures whose rule lets them escalate; reading the message may then claim the failure.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.record_kinds import HANDLES, SentHandles
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

KEPT_SECONDS = 86_400.0
"""How long DingTalk knows who has read a message, in seconds."""


class MessageHandles:
    """The handles in a receiver's book.

    :param table: its records.
    """

    def __init__(self, table: RecordTable) -> None:
        self._table = table

    def after_message(self, alerts: Sequence[Alert], handles: Sequence[str], now: float, changes: Changes) -> None:
        """Record the handles of a message.

        :param alerts: that it has.
        :param handles: none if nobody could be asked about it.
        :param now: in seconds since 1970.
        """
        for incident, each in self._table.of(HANDLES).items():
            if each.at + KEPT_SECONDS < now:
                changes.delete(HANDLES, incident)
        for alert in alerts if handles else ():
            if alert.opens_incident and not alert.resolved and alert.rule.get("escalates") is True:
                changes.put(HANDLES, SentHandles(tuple(handles), now), alert.incident)
