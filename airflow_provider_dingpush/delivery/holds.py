"""Why a robot stays silent, and until when: shut out by DingTalk, misconfigured, or the day's messages are used up.

Or because DingTalk refuses everything that it says, for a reason that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.records import ONLY, Records
from airflow_provider_dingpush.storage.contract import Place

THROTTLED, MISCONFIGURED, REFUSING, DAILY_LIMIT = "throttled", "misconfigured", "refusing", "daily_limit"
PROBED = (MISCONFIGURED, REFUSING)
"""What ends when somebody changes something: it is tried again now and then."""
FIRST_PROBE_SECONDS, LONGEST_PROBE_SECONDS = 60.0, 3600.0
"""How long a misconfigured robot is left alone at first and at most, in seconds."""
_DAYS_REMEMBERED = 62


@dataclass(frozen=True)
class Hold:
    """Why a robot stays silent.

    :param kind: ``throttled``, ``misconfigured``, ``refusing`` or ``daily_limit``.
    :param since: in seconds since 1970.
    :param until: in seconds since 1970.
    :param reason: for people.
    :param probe_seconds: how long a misconfigured robot is left alone this time, in seconds.
    """

    kind: str
    since: float
    until: float
    reason: str
    probe_seconds: float = 0.0


class Holds:
    """Holds of one robot, and its messages of each day. It changes nothing itself, but says what is to be changed.

    :param records: of the robot's book.
    :param policy: its delivery options.
    :param zone: the time zone whose midnight ends a day.
    """

    def __init__(self, records: Records, policy: DeliveryPolicy, zone: tzinfo) -> None:
        self._records = records
        self._most = policy.max_messages_per_day
        self._zone = zone

    def hold(self, now: float) -> Hold | None:
        """Why nothing may be sent now, if that is so."""
        hold = self._latest()
        return hold if hold and now < hold.until else None

    def throttled(self, now: float, seconds: float, reason: str) -> Hold:
        """The silence that DingTalk asks for; one that follows another is the same one, longer."""
        return Hold(THROTTLED, self._since(now), now + seconds, reason)

    def probed(self, kind: str, now: float, reason: str) -> Hold:
        """The silence until the next probe, each time twice as long.

        :param kind: one of :data:`PROBED`.
        """
        before = self._latest()
        probe = FIRST_PROBE_SECONDS
        if before and before.kind in PROBED:
            probe = min(2 * before.probe_seconds, LONGEST_PROBE_SECONDS)
        return Hold(kind, self._since(now), now + probe, reason, probe)

    def capped(self, now: float) -> Hold | None:
        """Why no alert may be told any more today, if that is so."""
        if self._most is None or self._used(now) < self._most:
            return None
        since = self._records.get("capped", default=now)
        return Hold(DAILY_LIMIT, since, self._midnight(now), f"{self._most} messages a day")

    def ends_the_day(self, now: float) -> bool:
        """Whether the next message is the last one of the day."""
        return self._most is not None and self._used(now) + 1 >= self._most

    def paused(self, oldest: float, now: float) -> Hold | None:
        """The silence that is over now, and that an alert of this time had to wait for.

        :param oldest: in seconds since 1970, as ``now``.
        """
        holds = [self._latest()]
        since = self._records.get("capped")
        if since is not None:
            holds.append(Hold(DAILY_LIMIT, since, self._midnight(since), ""))
        over = [each for each in holds if each and each.until <= now and oldest < each.until]
        return over[0] if over else None

    def after_message(self, now: float, *, own: bool) -> tuple[dict[Place, Any], list[Place]]:
        """What a message with alerts changes: the counts of the day, and the silence that is over.

        :param own: whether this robot sent it and no other one.
        """
        puts = self.counted(now, where="sent" if own else "elsewhere")
        deletes: list[Place] = [("hold", ONLY)] if own else []
        if self.ends_the_day(now):
            puts["capped", ONLY] = now
        else:
            deletes.append(("capped", ONLY))
        first_day = self._day(now - _DAYS_REMEMBERED * 86_400)
        return puts, [*deletes, *(("day", name) for name in self._records.of("day") if name < first_day)]

    def counted(self, now: float, more: int = 1, *, where: str = "sent") -> dict[Place, Any]:
        """So many messages more today."""
        day = self._records.get("day", self._day(now), {})
        return {("day", self._day(now)): {**day, where: max(0, day.get(where, 0) + more)}}

    def sent_today(self, now: float) -> int:
        count: int = self._records.get("day", self._day(now), {}).get("sent", 0)
        return count

    def sent_this_month(self, now: float) -> int:
        month = self._day(now)[:7]
        return sum(day.get("sent", 0) for name, day in self._records.of("day").items() if name.startswith(month))

    def clamped(self, now: float) -> dict[Place, Any]:
        """What a clock that was set back makes wrong, put right."""
        puts: dict[Place, Any] = {}
        hold = self._latest()
        if hold and hold.since > now:
            puts.update(held(replace(hold, since=now, until=now + hold.until - hold.since)))
        if (self._records.get("capped") or now) > now:
            puts["capped", ONLY] = now
        return puts

    def _latest(self) -> Hold | None:
        """Also one that is over, until a message was sent."""
        record: Mapping[str, Any] | None = self._records.get("hold")
        return Hold(**record) if record else None

    def _since(self, now: float) -> float:
        before = self._latest()
        return before.since if before else now

    def _used(self, now: float) -> int:
        day = self._records.get("day", self._day(now), {})
        used: int = day.get("sent", 0) + day.get("elsewhere", 0)
        return used

    def _day(self, now: float) -> str:
        return datetime.fromtimestamp(now, self._zone).date().isoformat()

    def _midnight(self, now: float) -> float:
        tomorrow = datetime.fromtimestamp(now, self._zone).date() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone).timestamp()


def held(hold: Hold | None) -> dict[Place, Any]:
    """What is to be changed for a hold."""
    return {("hold", ONLY): asdict(hold)} if hold else {}
