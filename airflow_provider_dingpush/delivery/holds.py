"""Why a receiver pauses, and until when: throttled, misconfigured, refusing, or the daily limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import DAY, HOLD, LIMITED_SINCE, DayCount, Hold
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

PROBED = (Reason.MISCONFIGURED, Reason.REFUSING)
"""Holds that end when a setting is fixed: probed from time to time."""
FIRST_PROBE_SECONDS, LONGEST_PROBE_SECONDS = 60.0, 3600.0
"""The first and the longest interval between probes of a misconfigured receiver, in seconds."""
_DAYS_REMEMBERED = 62


class Holds:
    """The holds of one receiver, and its message count of each day.

    :param table: the records of its book.
    :param policy: its delivery options.
    :param zone: the time zone whose midnight ends a day.
    """

    def __init__(self, table: RecordTable, policy: DeliveryPolicy, zone: tzinfo) -> None:
        self._table = table
        self._most = policy.max_messages_per_day
        self._zone = zone

    def current(self, now: float) -> Hold | None:
        """The hold that lasts now, if there is one."""
        hold = self._table.get(HOLD)
        return hold if hold and now < hold.until else None

    def throttled(self, now: float, seconds: float, detail: str) -> Hold:
        """The hold that DingTalk asks for; one that follows another extends it."""
        return Hold(Reason.THROTTLED, self._since(now), now + seconds, detail)

    def probed(self, reason: Reason, now: float, detail: str) -> Hold:
        """The hold until the next probe; the interval doubles each time.

        :param reason: one of :data:`PROBED`.
        """
        before = self._table.get(HOLD)
        probe = FIRST_PROBE_SECONDS
        if before and before.reason in PROBED:
            probe = min(2 * before.probe_seconds, LONGEST_PROBE_SECONDS)
        return Hold(reason, self._since(now), now + probe, detail, probe)

    def put(self, hold: Hold | None, changes: Changes) -> None:
        """Send nothing until the hold is over."""
        if hold:
            changes.put(HOLD, hold)

    def daily_limit(self, now: float) -> Hold | None:
        """The hold of a reached daily limit, if it is. Messages of operators count, but aren't held."""
        if self._most is None or self._used(now) < self._most:
            return None
        since = self._table.get(LIMITED_SINCE)
        return Hold(Reason.DAILY_LIMIT, now if since is None else since, self._midnight(now), "")

    def ends_the_day(self, now: float) -> bool:
        """Whether the next message is the last one of the day."""
        return self._most is not None and self._used(now) + 1 >= self._most

    def ended_since(self, oldest: float, now: float) -> Hold | None:
        """The hold that ended and that delayed an alert of this time.

        :param oldest: in seconds since 1970, as ``now``.
        """
        holds = [self._table.get(HOLD)]
        since = self._table.get(LIMITED_SINCE)
        if since is not None:
            holds.append(Hold(Reason.DAILY_LIMIT, since, self._midnight(since), ""))
        return next((each for each in holds if each and each.until <= now and oldest < each.until), None)

    def after_message(self, now: float, changes: Changes, *, own: bool) -> None:
        """Count a notification, and delete the hold that ended.

        :param own: whether it was sent to this receiver, and not through a fallback.
        """
        if own:
            changes.delete(HOLD)
        self.count(now, changes, where="sent" if own else "elsewhere")
        changes.put_or_delete(LIMITED_SINCE, now if self.ends_the_day(now) else None)
        first_day = self._day(now - _DAYS_REMEMBERED * 86_400)
        for name in self._table.of(DAY):
            if name < first_day:
                changes.delete(DAY, name)

    def count(self, now: float, changes: Changes, more: int = 1, *, where: str = "sent") -> None:
        """Add to today's message count."""
        day = self._today(now)
        changes.put(DAY, replace(day, **{where: max(0, getattr(day, where) + more)}), self._day(now))

    def sent_today(self, now: float) -> int:
        """How many messages were sent today, operators' included."""
        return self._today(now).sent

    def sent_this_month(self, now: float) -> int:
        """How many messages were sent this month, operators' included."""
        month = self._day(now)[:7]
        return sum(day.sent for name, day in self._table.of(DAY).items() if name.startswith(month))

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        hold = self._table.get(HOLD)
        if hold and hold.since > now:
            changes.put(HOLD, replace(hold, since=now, until=now + hold.until - hold.since))
        if (self._table.get(LIMITED_SINCE) or now) > now:
            changes.put(LIMITED_SINCE, now)

    def _since(self, now: float) -> float:
        before = self._table.get(HOLD)
        return before.since if before else now

    def _today(self, now: float) -> DayCount:
        return self._table.get(DAY, self._day(now)) or DayCount()

    def _used(self, now: float) -> int:
        day = self._today(now)
        return day.sent + day.elsewhere

    def _day(self, now: float) -> str:
        return datetime.fromtimestamp(now, self._zone).date().isoformat()

    def _midnight(self, now: float) -> float:
        tomorrow = datetime.fromtimestamp(now, self._zone).date() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone).timestamp()
