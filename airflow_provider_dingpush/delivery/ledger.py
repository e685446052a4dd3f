"""What the leader of a robot knows: what waits, what is under way, what was sent when, and why nothing may be sent.

Each decision is one step in the book, so whoever leads after a crash finds it taken or not taken, never half. The kinds
of records, and the data of each::

    alert     key -> the alert's JSON              waiting, or a member of the batch or of a pen
    batch     ""  -> a message frozen before its first try; there is one at most
    pen       name -> alerts that are said apart from the others, because one of them was refused
    slot      name -> [start, end] of one POST; the end is the latest possible one until it is known
    hold      ""  -> why and until when the robot stays silent
    capped    ""  -> since when the day's messages are used up
    last      ""  -> when alerts were last told
    pace      ""  -> for how long alerts are collected since then, if somebody comes who tells them
    told      incident and event -> when it was told, and how often it was only counted since
    ended     subject -> when a task recovered, and in which try of which run
    run       DAG, run and when it started -> its failed tasks that were told
    day       2026-11-22 -> messages of that day
    overflow  ""  -> how many alerts were only counted
    dead      key -> an alert that was refused even alone
    refused   ""  -> how many messages were refused for what they say since the last one that arrived
    refusals  ""  -> those that were refused for a reason that nobody knows since the last one that arrived
    restart   at  -> when a damaged book was replaced by an empty one
    transfer  name -> alerts on their way to another receiver's book, see :mod:`.transfer`
    moved     key -> when an alert left for another receiver's book
    transferred  name -> a transfer was taken in here and may still stand in the other book
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timezone, tzinfo
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, age_of, log_repetition
from airflow_provider_dingpush.delivery.holds import (
    MISCONFIGURED,
    PROBED,
    REFUSING,
    THROTTLED,
    Hold,
    Holds,
    held,
)
from airflow_provider_dingpush.delivery.late_failures import ENDED, end_of, noted
from airflow_provider_dingpush.delivery.ledger_entries import Batch, DeadLetter, QuarantinedBatch, Try
from airflow_provider_dingpush.delivery.merging import Merged, TaskKey, attempt_of, merge
from airflow_provider_dingpush.delivery.pace import is_storm, next_interval
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.records import ONLY, Records
from airflow_provider_dingpush.delivery.refusals import Refusals
from airflow_provider_dingpush.delivery.repeats import Repeats, incident_of
from airflow_provider_dingpush.delivery.repetitions import Arrivals, asked, remembered
from airflow_provider_dingpush.delivery.slots import Slots
from airflow_provider_dingpush.delivery.window import RateWindow
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook, Place

MOST_WAITING = 10_000
"""More alerts than this stay in their mailboxes, which have a bound of their own."""

_AT_ONCE = 1_000
# On a busy disk removing a file takes milliseconds, and a callback's outbox is given up after two seconds.
_CLEARED_AT_ONCE = 250
_RUNS_REMEMBERED_SECONDS = 86_400.0
_MOST_TASKS_REMEMBERED = 2_000
# One culprit makes two refusals in a row at most, and a few of them hardly more than this.
_REFUSALS_OF_ONE_ALERT = 6
# Where other messages arrive in between, each one is worth finding.
_REFUSALS_OF_PROVEN_ONES = 40
_NAMES_ONLY, _HELD_BACK = "names", "held"
_log = logging.getLogger(__name__)


class Ledger:
    """The book of one robot, in words. Whoever builds one must lead the robot.

    Operators use it as well: they lead for a moment to :meth:`take_slot`, send without leading, and lead once more to
    :meth:`give_back`.

    :param book: where it stands.
    :param policy: the robot's delivery options.
    :param zone: the time zone whose midnight ends a day.
    :raises LeadershipLostError: if another process leads; so does every method that changes something. Any other
        failure of the storage is remembered in :attr:`problem`, and the work goes on in memory.
    """

    def __init__(self, book: LedgerBook, policy: DeliveryPolicy, *, zone: tzinfo = timezone.utc) -> None:
        self._book = book
        self._policy = policy
        self._records = Records(book)
        self._slots = Slots(self._records, RateWindow(policy.rate_limit_per_minute, policy.minute_seconds))
        self._holds = Holds(self._records, policy, zone)
        self._repeats = Repeats(self._records, policy.repeat_interval_seconds)
        self._read: dict[str, Alert] = {}
        # Alerts that still lie in their mailboxes although they were taken in: ticket -> key.
        self._uncleared: dict[str, str] = {}

    @property
    def problem(self) -> OutboxError | None:
        """What keeps the changes from the storage, or ``None``."""
        return self._records.problem

    # ------------------------------------------------------------------------------------------------ when to send

    def now(self) -> float:
        """Seconds since 1970, by the clock that all leaders of this robot share."""
        return self._book.now()

    def free_at(self, now: float, *, leaving: float = 0.0) -> float:
        """When the robot may send again: ``now``, or later because of its window or because it is shut out.

        :param leaving: the share of the window that is left to others.
        """
        free = self._slots.free_at(now, leaving=leaving)
        hold = self.hold(now)
        return max(free, hold.until) if hold and hold.kind == THROTTLED else free

    def take_slot(self, now: float, timeout_seconds: float) -> str | None:
        """Take a place in the window for one POST that begins now, or ``None`` before :meth:`free_at`.

        It counts as a message of the day until somebody says that it was none.

        :param timeout_seconds: the most that it takes, in seconds.
        """
        if self.free_at(now) > now:
            return None
        name, puts, deletes = self._slots.taken(now, timeout_seconds)
        self._change({**puts, **self._holds.counted(now)}, deletes)
        return name

    def give_back(self, slot: str, ended_at: float, *, sent: bool = True) -> None:
        """Say when the POST of a slot ended; until then it counts as long as it can take.

        :param sent: whether a message was sent, for the counts of day and month.
        """
        puts, deletes = self._cleared() if sent else (self._holds.counted(ended_at, -1), [])
        self._change({**self._slots.ended(Try(slot, ended_at)), **puts}, deletes)

    def sent_within_minute(self, now: float) -> int:
        """How many places of the window are taken."""
        return self._slots.within(now)

    def sent_today(self, now: float) -> int:
        """How many messages this robot has sent today, operators' included."""
        return self._holds.sent_today(now)

    def sent_this_month(self, now: float) -> int:
        """How many messages this robot has sent this month, operators' included."""
        return self._holds.sent_this_month(now)

    def hold(self, now: float) -> Hold | None:
        """Why nothing may be sent now, if that is so."""
        return self._holds.hold(now)

    def capped(self, now: float) -> Hold | None:
        """Why no alert may be told any more today, if that is so. Other messages only count."""
        return self._holds.capped(now)

    def ends_the_day(self, now: float) -> bool:
        """Whether the next message is the last one of the day."""
        return self._holds.ends_the_day(now)

    def paused(self, alerts: Iterable[Alert], now: float) -> Hold | None:
        """The silence that is over and that one of these alerts had to wait for."""
        return self._holds.paused(min((each.at for each in alerts), default=now), now)

    def throttled(self, now: float, seconds: float, reason: str) -> Hold:
        """The silence that DingTalk asks for, to be kept from :meth:`stay_silent` on."""
        return self._holds.throttled(now, seconds, reason)

    def misconfigured(self, now: float, reason: str) -> Hold:
        """The silence until the next probe, to be kept from :meth:`stay_silent` on."""
        return self._holds.probed(MISCONFIGURED, now, reason)

    def refusing(self, now: float, reason: str) -> Hold:
        """The silence until the next probe of a robot that refuses everything, for a reason that nobody knows."""
        return self._holds.probed(REFUSING, now, reason)

    def keep_hold(self, hold: Hold) -> None:
        """Send nothing until the hold is over."""
        self._change(held(hold))

    def throttle(self, now: float, seconds: float, reason: str) -> None:
        """Send nothing for so long, in seconds: an operator's message was throttled."""
        self.keep_hold(self.throttled(now, seconds, reason))

    def lift_hold(self) -> None:
        """Try again at once what is only probed: somebody has changed a setting. DingTalk's own holds last."""
        hold = self.hold(self.now())
        if hold and hold.kind in PROBED:
            self._change({}, [("hold", ONLY)])

    def clamp_future_times(self, now: float) -> None:
        """Bring stamps back that lie in the future because the clock was set back, or nothing is sent until then."""
        puts = {**self._slots.clamped(now), **self._holds.clamped(now), **self._repeats.clamped(now)}
        if (self.last_notified_at or now) > now:
            puts["last", ONLY] = now
        batch = self._records.get("batch")
        if batch and batch["created"] > now:
            puts["batch", ONLY] = {**batch, "created": now, "due": now}
        if puts:
            self._change(puts)

    # ------------------------------------------------------------------------------------------------ what waits

    def take_in(self, now: float) -> None:
        """Move what lies in the mailboxes into the book. What the book knows already is only removed."""
        try:
            while len(self._records.of("alert")) < MOST_WAITING:
                arrivals = self._book.arrivals(_AT_ONCE + len(self._uncleared))
                fresh = [(ticket, alert) for ticket, alert in arrivals if ticket not in self._uncleared]
                overflow_count = 0 if self.problem else self._book.overflow_count()
                if not fresh and not overflow_count:
                    return
                self._take(fresh, overflow_count, now)
                if len(fresh) < _AT_ONCE:
                    return
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self._records.problem = self._records.problem or problem

    @property
    def waiting(self) -> int:
        """How many alerts in the book aren't told yet."""
        return len(self._records.of("alert"))

    @property
    def has_fresh(self) -> bool:
        """Whether an alert waits that is neither in the batch nor in a pen; it may be muted."""
        return len(self._free()) > 0

    def fresh(self, now: float) -> tuple[Alert, ...]:
        """The alerts that can be told now, except those in the batch and in pens."""
        alerts = self._alerts(self._free())
        if not self._policy.repeat_interval_seconds:
            return alerts
        resolved = {each.incident: each.at for each in alerts if each.resolved}
        return tuple(
            each
            for each in alerts
            if self._repeats.muted_until(each, now) is None or each.at <= resolved.get(each.incident, 0.0)
        )

    def next_unmuted(self, now: float) -> float | None:
        """When the first of the alerts that are only counted can be told, or ``None`` if none is muted."""
        until = [self._repeats.muted_until(each, now) for each in self._alerts(self._free())]
        return min((each for each in until if each is not None), default=None)

    @property
    def quarantine(self) -> tuple[QuarantinedBatch, ...]:
        """Those with alerts in them: whole texts before bare names, and the oldest first."""
        every = self._records.of("quarantine").items()
        ordered = sorted(every, key=lambda each: (each[1]["names_only"], each[1]["created"], each[0]))
        waiting = self._records.of("alert")
        quarantine = (
            QuarantinedBatch(
                name,
                tuple(k for k in batch_apart["keys"] if k in waiting),
                batch_apart["names_only"],
                batch_apart.get("proven", False),
                batch_apart.get("may_repeat", ""),
            )
            for name, batch_apart in ordered
        )
        return tuple(each for each in quarantine if each.keys)

    @property
    def refusals(self) -> Refusals:
        """What was refused for a reason that nobody knows since a message last arrived through this robot."""
        return Refusals.from_record(self._records.get("refusals"))

    def note_refusals(self, refusals: Refusals) -> None:
        """Keep what is known of refusals."""
        self._change({("refusals", ONLY): refusals.to_record()})

    @property
    def unfinished(self) -> Batch | None:
        """The message whose fate isn't settled."""
        record = self._records.get("batch")
        if record is None:
            return None
        batch = Batch.from_record(record)
        return replace(batch, perhaps_arrived=True) if batch.under_way else batch

    @property
    def last_notified_at(self) -> float | None:
        """When a message with alerts was last sent, in seconds since 1970."""
        at: float | None = self._records.get("last")
        return at

    @property
    def in_storm(self) -> bool:
        """Whether so many messages followed each other lately that fewer would be better."""
        return is_storm(self._interval, group_interval=self._policy.group_interval_seconds)

    def collects_until(self, *, at_leisure: bool) -> float | None:
        """Until when alerts are collected for the next message, in seconds since 1970; ``None`` if none was sent yet.

        :param at_leisure: whether that may be longer than the group interval.
        """
        interval = self._interval if at_leisure else self._policy.group_interval_seconds
        return None if self.last_notified_at is None else self.last_notified_at + interval

    @property
    def overflow_count(self) -> int:
        """How many alerts were only counted, and aren't told yet."""
        count: int = self._records.get("overflow", default=0)
        return count

    def alerts(self, keys: Sequence[str]) -> tuple[Alert, ...]:
        """The waiting alerts with these keys, oldest first."""
        return self._alerts(key for key in keys if self._records.get("alert", key) is not None)

    def merged(self, alerts: Sequence[Alert]) -> Merged:
        """What of these alerts is said."""
        return merge(alerts, self._notified_tasks)

    def repeats(self, alerts: Iterable[Alert]) -> tuple[dict[str, int], dict[str, int]]:
        """How often these incidents were only counted since they were told: by incident, and by record."""
        by_record = self._repeats.counts(alerts)
        by_incident: dict[str, int] = {}
        for record, count in by_record.items():
            incident = incident_of(record)
            by_incident[incident] = by_incident.get(incident, 0) + count
        return by_incident, by_record

    # ------------------------------------------------------------------------------------------------ a message's way

    def begin(self, batch: Batch, now: float, timeout_seconds: float | None) -> tuple[Batch, str | None]:
        """Write down that a try begins, before it does: the message as it is, and its place in the window.

        :param timeout_seconds: the most that the try takes, in seconds; ``None`` if another robot sends it.
        """
        begun = replace(batch, tries=batch.tries + 1, under_way=True)
        puts, deletes = self._out_of_quarantine(batch)
        puts["batch", ONLY] = begun.to_record()
        slot = None
        if timeout_seconds is not None:
            slot, slot_puts, expired = self._slots.taken(now, timeout_seconds)
            puts.update(slot_puts)
            deletes.extend(expired)
        self._change(puts, deletes)
        return begun, slot

    def sent(self, batch: Batch, end: Try) -> None:
        """The message arrived."""
        now, alerts = end.ended_at, self.alerts(batch.members)
        counts, no_more_silent = self._holds.after_message(now, own=end.slot is not None)
        told, forgotten = self._repeats.after_message(batch.repeats, alerts, now)
        runs, no_more_runs = self._runs_told(alerts, now)
        puts: dict[Place, Any] = {**self._slots.ended(end), **counts, **told, **runs}
        puts["pace", ONLY] = next_interval(
            self._interval,
            since_last=None if self.last_notified_at is None else now - self.last_notified_at,
            group_interval=self._policy.group_interval_seconds,
        )
        puts["last", ONLY] = now
        puts.update(
            {("dead", key): {**self._records.get("dead", key), "said": True} for key in self._unreported(batch)}
        )
        if batch.overflow_count:
            puts["overflow", ONLY] = max(0, self.overflow_count - batch.overflow_count)
        deletes: list[Place] = [("alert", key) for key in batch.members]
        if end.slot is not None:
            deletes.append(("restart", "at"))
            cleared, suspicions = self._cleared()
            puts.update(cleared)
            deletes += suspicions
        deletes += [("batch", ONLY), ("refused", ONLY), *no_more_silent, *forgotten, *no_more_runs]
        self._change(puts, deletes)
        self._settled(batch.members)

    def keep(self, batch: Batch, end: Try, *, due: float, perhaps_arrived: bool, hold: Hold | None = None) -> None:
        """The message is tried again as it is, not before ``due``."""
        kept = replace(
            batch, under_way=False, due=due, perhaps_arrived=batch.perhaps_arrived or perhaps_arrived
        ).to_record()
        self._change({**self._slots.ended(end), **held(hold), ("batch", ONLY): kept})

    def unfreeze(self, batch: Batch, end: Try | None = None, *, hold: Hold | None = None) -> None:
        """The message surely didn't arrive, and its alerts are merged anew with what else waits by then."""
        puts = {**self._slots.ended(end), **held(hold)}
        if batch.batch_apart:
            others = self._records.get("quarantine", batch.batch_apart, {"keys": []})["keys"]
            keys = list(dict.fromkeys([*batch.members, *others]))
            puts["quarantine", batch.batch_apart] = _pen(batch, keys, batch.created)
        self._change(puts, [("batch", ONLY)])

    def hold_back(self, batch: Batch, end: Try, refused: Iterable[str], *, now: float, hold: Hold | None) -> None:
        """The robot takes nothing: all that it refused waits together, and whatever else there is is tried before it.

        :param refused: keys of alerts that were refused for the same reason; those that became dead letters by that
            wait again, and those whose own words were given up have them again.
        :param hold: until when this robot stays silent; ``None`` if it was another one.
        """
        refused = sorted({*refused, *batch.members})
        dead = {key: record for key in refused if (record := self._records.get("dead", key)) is not None}
        puts = {**self._slots.ended(end), **held(hold)}
        for key in refused:
            written = dead[key]["alert"] if key in dead else self._records.get("alert", key)
            if written is not None:
                puts["alert", key] = _with_own_words(written)
                self._read.pop(key, None)
        quarantine = self.quarantine
        # At the end those that were tried just now: each time others of them are tried.
        keys = dict.fromkeys(key for batch_apart in quarantine for key in batch_apart.keys if key not in batch.members)
        keys = {**keys, **dict.fromkeys(dead), **dict.fromkeys(batch.members)}
        puts["quarantine", _HELD_BACK] = QuarantinedBatch(_HELD_BACK, tuple(keys), names_only=False).to_record(now)
        deletes: list[Place] = [
            ("batch", ONLY),
            *(("quarantine", batch_apart.name) for batch_apart in quarantine),
            *(("dead", key) for key in dead),
        ]
        self._change(puts, deletes)

    def split(self, batch: Batch, problem: str, end: Try | None = None, *, now: float) -> tuple[DeadLetter, ...]:
        """The message was refused for what it says: halve it until the culprit is alone, and say only its name.

        Where one message after the other is refused it isn't one culprit, and halving on would take hours: then only
        the names of all of them are said. What is refused even so becomes dead letters, which are given back.
        """
        refusals = self._records.get("refused", default=0) + 1
        puts, deletes = self._out_of_quarantine(batch)
        puts.update({**self._slots.ended(end), ("refused", ONLY): refusals})
        deletes.append(("batch", ONLY))
        members, unreported, half = batch.members, self._unreported(batch), len(batch.members) // 2
        most = _REFUSALS_OF_PROVEN_ONES if batch.proven else _REFUSALS_OF_ONE_ALERT
        general = refusals >= most * (2 if batch.names_only else 1)
        alike = (
            [
                batch_apart
                for batch_apart in self.quarantine
                if batch_apart.names_only == batch.names_only and batch_apart.name != batch.batch_apart
            ]
            if general
            else []
        )
        everyone = [*members, *(key for batch_apart in alike for key in batch_apart.keys)]
        if unreported:
            # The name of a dead letter may be what was refused, and would be in every message from now on.
            puts.update({("dead", key): {**self._records.get("dead", key), "said": True} for key in unreported})
            puts["quarantine", f"{batch.uuid}.0"] = _pen(batch, members, now)
            everyone = []
        elif half and not general:
            puts["quarantine", f"{batch.uuid}.1"] = _pen(batch, members[:half], now)
            puts["quarantine", f"{batch.uuid}.2"] = _pen(batch, members[half:], now)
            everyone = []
        else:
            deletes += [("quarantine", batch_apart.name) for batch_apart in alike]
        if everyone and not batch.names_only:
            others = self._records.get("quarantine", _NAMES_ONLY, {"keys": [], "proven": True})
            proven = batch.proven and others.get("proven", False)
            names = replace(batch, names_only=True, may_repeat="", proven=proven)
            puts["quarantine", _NAMES_ONLY] = _pen(names, [*others["keys"], *everyone], now)
        dead_lettered = {
            key: _dead_record(self._records.get("alert", key), problem, now) for key in everyone if batch.names_only
        }
        puts.update({("dead", key): record for key, record in dead_lettered.items()})
        self._change(puts, [*deletes, *(("alert", key) for key in dead_lettered)])
        self._settled(list(dead_lettered))
        return tuple(self._dead_letter(key, record) for key, record in dead_lettered.items())

    def give_up_own_words(self, batch: Batch, problem: str, end: Try | None = None, *, now: float) -> bool:
        """Say the built-in alert, with the problem, instead of a notifier's own message that was refused alone.

        ``False`` if it wasn't that which was refused.
        """
        alerts = self.alerts(batch.members)
        if (
            batch.names_only
            or len(batch.members) != 1
            or self._unreported(batch)
            or not alerts
            or alerts[0].message is None
        ):
            return False
        (alert,) = alerts
        self._read[alert.key] = built_in = alert.without_own_words(problem)
        puts, deletes = self._out_of_quarantine(batch)
        puts.update(self._slots.ended(end))
        puts["refused", ONLY] = self._records.get("refused", default=0) + 1
        puts["alert", alert.key] = built_in.to_json()
        puts["quarantine", f"{batch.uuid}.0"] = _pen(batch, [alert.key], now)
        self._change(puts, [("batch", ONLY), *deletes])
        return True

    def settle_silently(self, alerts: Iterable[Alert]) -> None:
        """These need no words any more."""
        keys = [each.key for each in alerts]
        self._change({}, [("alert", key) for key in keys])
        self._settled(keys)

    # ------------------------------------------------------------------------------------------------ dead letters

    @property
    def dead(self) -> tuple[DeadLetter, ...]:
        """All dead letters, oldest first."""
        letters = (self._dead_letter(key, record) for key, record in self._records.of("dead").items())
        return tuple(sorted(letters, key=lambda each: (each.at, each.key)))

    @property
    def unreported_dead_letters(self) -> tuple[DeadLetter, ...]:
        """Those that no message has named yet."""
        return tuple(each for each in self.dead if not self._records.get("dead", each.key)["said"])

    def requeue(self, key: str) -> bool:
        """Let a dead letter wait among the others again; says whether there is one of this key."""
        record = self._records.get("dead", key)
        if record is None:
            return False
        self._change({("alert", key): record["alert"]}, [("dead", key)])
        return True

    def drop(self, key: str) -> bool:
        """Forget a dead letter; says whether there was one of this key."""
        known = self._records.get("dead", key) is not None
        if known:
            self._change({}, [("dead", key)])
        return known

    # ------------------------------------------------------------------------------------------------ inside

    def _change(
        self,
        puts: Mapping[Place, Any],
        deletes: Iterable[Place] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> bool:
        durable = self._records.change(puts, deletes, keys, forget)
        if durable and self._uncleared:
            self._clear_away(list(self._uncleared))
        return durable

    def _clear_away(self, tickets: Sequence[str]) -> None:
        for start in range(0, max(len(tickets), 1), _CLEARED_AT_ONCE):
            some = tickets[start : start + _CLEARED_AT_ONCE]
            try:
                self._book.remove_arrivals(some)
            except LeadershipLostError:
                raise
            except OutboxError as problem:
                # They stand in the book, which knows them when they come again.
                _log.warning("Alerts that were taken in can't be removed from their mailboxes: %s", problem)
                return
            for ticket in some:
                self._uncleared.pop(ticket, None)

    def _settled(self, keys: Sequence[str]) -> None:
        """What is told needn't lie in a mailbox, even where the book can't be written."""
        done = set(keys)
        tickets = [ticket for ticket, key in self._uncleared.items() if key in done]
        if tickets:
            self._clear_away(tickets)

    def _take(self, arrivals: Sequence[tuple[str, Alert]], overflow_count: int, now: float) -> None:
        try:
            known = self._book.known([name for _, alert in arrivals for name in asked(alert)])
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self._records.problem = problem
            known = set()
        # What left for another receiver was never sent here: another mailbox may still speak of the same event.
        left = (each for _, each in arrivals if self._records.get("moved", each.key) is not None)
        known = known.difference(name for each in left for name in remembered(each))
        taken = Arrivals(known, is_waiting=self._records.of("alert").__contains__, unsent=self._unsent)
        for ticket, arrival in arrivals:
            alert = taken.take(arrival)
            self._uncleared[ticket] = arrival.key if alert is None else alert.key
            # The book may have this very one from a leader that died before it emptied the mailbox.
            if alert is None and self._records.get("alert", arrival.key) != arrival.to_json():
                log_repetition(_log, arrival)
        new, ended = taken.news, taken.ended
        over = self._records.of(ENDED)
        puts, deletes = noted((each for each in new.values() if each.resolved), over, now)
        new = {**new, **{end.key: end for each in new.values() if (end := end_of(each, over)) is not None}}
        if not self._policy.send_resolved:
            new = {key: alert for key, alert in new.items() if not alert.resolved}
        puts.update({("alert", key): alert.to_json() for key, alert in new.items()})
        if overflow_count:
            puts["overflow", ONLY] = self.overflow_count + overflow_count
        self._read.update(new)
        muting = self._policy.repeat_interval_seconds > 0
        waiting = {each.key: each for each in (*self._alerts(self._free()), *new.values())} if muting else {}
        count_puts, counted = self._repeats.only_counted(waiting.values(), now)
        deletes += [("alert", key) for key in counted]
        deletes += [("moved", key) for key in new if self._records.get("moved", key) is not None]
        for place in deletes:
            puts.pop(place, None)
        # What failed, recovered and fails again is news, also where nothing tells one run from the next.
        self._change({**puts, **count_puts}, deletes, taken.names_to_remember(), ended)
        if overflow_count and not arrivals and not self.problem:
            # Only to reset the count; with arrivals that was done.
            self._clear_away([])

    def _out_of_quarantine(self, batch: Batch) -> tuple[dict[Place, Any], list[Place]]:
        """What is to be changed so that the pen of a message holds only what isn't in the message."""
        if not batch.batch_apart:
            return {}, []
        batch_apart: dict[str, Any] = self._records.get("quarantine", batch.batch_apart, {"keys": []})
        members = set(batch.members)
        keys = [key for key in batch_apart["keys"] if key not in members]
        return (
            ({("quarantine", batch.batch_apart): {**batch_apart, "keys": keys}}, [])
            if keys
            else ({}, [("quarantine", batch.batch_apart)])
        )

    def _cleared(self) -> tuple[dict[Place, Any], list[Place]]:
        """What is to be changed because a message arrived: now it is what was refused that is to blame."""
        if self._records.get("refusals") is None:
            return {}, []
        hold = self._records.get("hold")
        over: list[Place] = [("hold", ONLY)] if hold and hold["kind"] in PROBED else []
        quarantine = {
            ("quarantine", name): {**batch_apart, "proven": True}
            for name, batch_apart in self._records.of("quarantine").items()
        }
        return quarantine, [("refusals", ONLY), *over]

    def _unsent(self) -> list[Alert]:
        """All alerts in the book, and those that were refused."""
        waiting = self._alerts(list(self._records.of("alert")))
        return [*waiting, *(letter.alert for letter in self.dead if letter.alert)]

    def _notified_tasks(self, alert: Alert) -> set[TaskKey]:
        record = self._records.get("run", _run_record(alert), {})
        return {(task_id, map_index) for task_id, map_index in record.get("tasks", ())}

    def _runs_told(self, alerts: Iterable[Alert], now: float) -> tuple[dict[Place, Any], list[Place]]:
        """The failed tasks of each run that were told by now, and the runs that can be forgotten."""
        told: dict[str, set[TaskKey]] = {}
        for each in alerts:
            if each.run_id and each.task_id and (each.event == "task_failed" or each.resolved):
                tasks, task = (
                    told.setdefault(_run_record(each), self._notified_tasks(each)),
                    (each.task_id, each.map_index),
                )
                if each.resolved:
                    tasks.discard(task)
                else:
                    tasks.add(task)
        puts: dict[Place, Any] = {
            ("run", run): {
                "tasks": [list(task) for task in list(tasks)[:_MOST_TASKS_REMEMBERED]],
                "at": now,
            }
            for run, tasks in told.items()
            if tasks
        }
        old = [key for key, run in self._records.of("run").items() if run["at"] < now - _RUNS_REMEMBERED_SECONDS]
        gone = [("run", key) for key in (*old, *told)]
        return puts, [place for place in gone if place not in puts]

    def _free(self) -> list[str]:
        """Keys of the waiting alerts that are neither in the batch nor in a pen."""
        record = self._records.get("batch")
        bound = {
            *(record["members"] if record else ()),
            *(key for batch_apart in self.quarantine for key in batch_apart.keys),
        }
        return [key for key in self._records.of("alert") if key not in bound]

    def _alerts(self, keys: Iterable[str]) -> tuple[Alert, ...]:
        found = []
        for key in keys:
            if key not in self._read:
                try:
                    self._read[key] = Alert.from_json(self._records.get("alert", key))
                except ValueError:
                    _log.error("The alert %s in the book can't be read; it is kept among the dead letters.", key)
                    record = _dead_record(self._records.get("alert", key), "unreadable", 0.0)
                    self._change({("dead", key): record}, [("alert", key)])
                    continue
            found.append(self._read[key])
        return tuple(sorted(found, key=age_of))

    @property
    def _interval(self) -> float:
        interval: float = self._records.get("pace", default=self._policy.group_interval_seconds)
        return interval

    def _unreported(self, batch: Batch) -> list[str]:
        return [key for key in batch.dead if self._records.get("dead", key) is not None]

    def _dead_letter(self, key: str, record: Mapping[str, Any]) -> DeadLetter:
        try:
            alert = Alert.from_json(record["alert"])
        except ValueError:
            alert = None
        return DeadLetter(key, alert, record["problem"], record["at"])


def _with_own_words(alert: str) -> str:
    try:
        return Alert.from_json(alert).with_own_words().to_json()
    except ValueError:
        return alert


def _run_record(alert: Alert) -> str:
    return json.dumps(attempt_of(alert))


def _pen(batch: Batch, keys: Sequence[str], now: float) -> dict[str, Any]:
    """The record of a pen with alerts of a message that was refused."""
    return QuarantinedBatch("", tuple(keys), batch.names_only, batch.proven, batch.may_repeat).to_record(now)


def _dead_record(alert: str, problem: str, now: float) -> dict[str, Any]:
    return {"alert": alert, "problem": problem, "at": now, "said": False}
