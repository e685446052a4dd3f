"""How many messages each receiver would have had under other rules: the recorded week, sent again to nobody.

Who gets an event is decided by the rules of the file, and in how many messages by the delivery itself: a real
:class:`~airflow_provider_dingpush.delivery.drain.Drain` for each leader there was, with a simulated clock, a book in
memory and a channel that only counts.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from math import ceil, inf
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, mailbox_of
from airflow_provider_dingpush.delivery.drain import Drain
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.delivery.history import recorded_week
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.pipeline.callback_limits import CALLBACK_SECONDS, DAG_PROCESSOR_SECONDS
from airflow_provider_dingpush.pipeline.gates import labels_of_event
from airflow_provider_dingpush.pipeline.routes import BY_DEFAULT, effects_of, goes_to_alert_conn_id
from airflow_provider_dingpush.pipeline.rules_replay_book import CountingChannel, ReplayBook, compose
from airflow_provider_dingpush.rules.labels import EVENTS, Labels
from airflow_provider_dingpush.rules.rule_set import Rule
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.delivery.history_events import RecordedEvent
    from airflow_provider_dingpush.pipeline.receivers import Receiver
    from airflow_provider_dingpush.rules.rule_set import RuleSet
    from airflow_provider_dingpush.storage.outbox import Outbox

HeldUntil = Callable[[Rule, Labels, datetime], "datetime | None"]
"""Until when an alert of a rule waits; ``None`` if it doesn't."""

# What each leader has, in seconds; the flush DAG runs every minute.
_LEADER_SECONDS = {
    LeaderRole.CALLBACK: CALLBACK_SECONDS,
    LeaderRole.DAG_PROCESSOR: DAG_PROCESSOR_SECONDS,
    LeaderRole.FLUSHER: 50.0,
    LeaderRole.PERSON: 50.0,
}
_FLUSHERS = LeaderRole.FLUSHER, LeaderRole.PERSON
_FLUSH_INTERVAL_SECONDS = 60.0
_MOST_FLUSHES = 1_000_000


@dataclass(frozen=True)
class Recorded:
    """What all books together have recorded.

    :param events: alerts that were taken in, the oldest first; those of one event in several books follow each other.
    :param sent_at: receiver id -> when each of its messages was sent, in seconds since 1970.
    :param conn_ids: receiver id -> the connections that lead to it.
    :param since: since when that is complete, in seconds since 1970; ``None`` if nothing was ever recorded.
    :param flushed_at: when a flusher last ran, in seconds since 1970; ``None`` if none ever did.
    """

    events: tuple[RecordedEvent, ...] = ()
    sent_at: Mapping[str, Sequence[float]] = field(default_factory=dict)
    conn_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since: float | None = None
    flushed_at: float | None = None


@dataclass(frozen=True)
class Replayed:
    """One receiver in a replay.

    :param conn_ids: the connections that lead to it.
    :param receiver_id: its id; ``None`` if its connection can't be used.
    :param had: how many messages it had.
    :param would_have: how many it would have had; ``None`` if its connection can't be used.
    :param pending: alerts that would still be pending.
    :param problem: why its connection can't be used.
    """

    conn_ids: tuple[str, ...]
    receiver_id: str | None
    had: int
    would_have: int | None
    pending: int = 0
    problem: DingTalkError | None = None


def muted_until(rule: Rule, labels: Labels, moment: datetime) -> datetime | None:
    """Until when the time intervals of a rule have an alert wait."""
    return rule.muted_until(rule.urgency_of(labels), moment)


def recorded_in(outboxes: Iterable[Outbox]) -> Recorded:
    """Read the books of all outboxes, also while other processes lead.

    :raises OutboxError: if one can't be read.
    """
    events: list[RecordedEvent] = []
    sent_at: defaultdict[str, list[float]] = defaultdict(list)
    conn_ids: defaultdict[str, dict[str, None]] = defaultdict(dict)
    began, dropped, flushed = [], [0.0], []
    for outbox in outboxes:
        flushed.append(outbox.last_flush())
        for receiver_id in outbox.receivers():
            week = recorded_week(outbox.records_of(receiver_id))
            events += week.events
            sent_at[receiver_id] += [each.at for each in week.messages]
            conn_ids[receiver_id].update(dict.fromkeys(each.conn_id for each in outbox.mailboxes_of(receiver_id)))
            conn_ids[receiver_id].update(dict.fromkeys(each.alert.mailbox.conn_id for each in week.events))
            began += [week.began_at] if week.began_at is not None else []
            dropped.append(week.dropped_until)
    return Recorded(
        tuple(sorted(events, key=lambda each: (each.alert.at, each.taken_at))),
        sent_at,
        {receiver_id: tuple(sorted(every)) for receiver_id, every in conn_ids.items()},
        # The book of a receiver that came later lacks nothing; but any of them may have dropped lines.
        max(min(began), *dropped) if began else None,
        max((each for each in flushed if each is not None), default=None),
    )


@dataclass(frozen=True)
class Replay:
    """Sends the recorded week again under the rules of a file.

    :param rules: of the file.
    :param alert_conn_id: gets failures that no rule is about; ``None`` if nobody does.
    :param find: looks up the receiver of a mailbox; raises ``DingTalkError``.
    :param zone: of time intervals and of the day of ``max_messages_per_day``.
    :param held_until: until when an alert of a rule waits.
    """

    rules: RuleSet
    alert_conn_id: str | None
    find: Callable[[Mailbox], Receiver]
    zone: tzinfo
    held_until: HeldUntil = muted_until

    def run(self, recorded: Recorded, *, since: float, now: float) -> list[Replayed]:
        """What each receiver had and would have had; the one with most messages first.

        :param since: messages are counted since then, in seconds since 1970.
        :param now: where the replay ends, in seconds since 1970.
        """
        receivers: dict[str, Receiver] = {}
        arrivals: defaultdict[str, list[_Arrival]] = defaultdict(list)
        unusable: dict[str, DingTalkError] = {}
        flushes = _Flushes.of(recorded)
        for arrival in _arrivals(recorded.events, flushes, self):
            mailbox = arrival.alert.mailbox
            try:
                receiver = self.find(mailbox)
            except DingTalkError as problem:
                unusable.setdefault(mailbox.conn_id, problem)
                continue
            receivers.setdefault(receiver.receiver_id, receiver)
            arrivals[receiver.receiver_id].append(arrival)
        rows = []
        # A receiver without messages has operators' messages only.
        for receiver_id in {**{each: None for each, sent_at in recorded.sent_at.items() if sent_at}, **receivers}:
            had = sum(since <= each <= now for each in recorded.sent_at.get(receiver_id, ()))
            sent, pending = 0, 0
            if receiver_id in receivers:
                simulation = _Simulation(receivers[receiver_id], arrivals[receiver_id], flushes, self.zone)
                pending = simulation.run(until=now)
                sent = sum(since <= each <= now for each in simulation.channel.sent_at)
            names = {*recorded.conn_ids.get(receiver_id, ()), *_conn_ids(arrivals[receiver_id])}
            rows.append(Replayed(tuple(sorted(names)), receiver_id, had, sent, pending))
        rows += [Replayed((conn_id,), None, 0, None, 0, problem) for conn_id, problem in unusable.items()]
        return sorted(rows, key=lambda each: (-max(each.had, each.would_have or 0), each.conn_ids))


@dataclass(frozen=True)
class _Arrival:
    """An alert that a receiver would have got.

    :param at: when it is written, in seconds since 1970.
    :param led_at: when a process leads that can send it.
    :param role: of that process.
    """

    at: float
    led_at: float
    role: LeaderRole
    alert: Alert


@dataclass(frozen=True)
class _Flushes:
    """When flushers ran: a flusher leads all receivers, so it would have led any other one as well.

    :param moments: at which one took alerts in, in seconds since 1970, in order.
    :param last: when one ran; ``None`` if none ever did.
    """

    moments: Sequence[float]
    last: float | None

    @classmethod
    def of(cls, recorded: Recorded) -> _Flushes:
        """All that are known."""
        moments = sorted({each.taken_at for each in recorded.events if _role(each) in _FLUSHERS})
        return cls(moments, moments[-1] if moments else recorded.flushed_at)

    def after(self, event: RecordedEvent) -> float:
        """When the first one ran after an event, in seconds since 1970."""
        place = bisect_left(self.moments, event.alert.at)
        return min(event.taken_at, self.moments[place]) if place < len(self.moments) else event.taken_at

    def next(self, moment: float, wanted: float) -> float | None:
        """The next one after a moment that isn't before another; one runs every minute. ``None`` if none ever ran."""
        if self.last is None:
            return None
        minutes = ceil((max(moment, wanted) - self.last) / _FLUSH_INTERVAL_SECONDS)
        at = self.last + minutes * _FLUSH_INTERVAL_SECONDS
        return at if at > moment else at + _FLUSH_INTERVAL_SECONDS


def _arrivals(events: Sequence[RecordedEvent], flushes: _Flushes, replay: Replay) -> Iterator[_Arrival]:
    """Each alert that the rules, or a notifier of a DAG, would have written."""
    by_occurrence: defaultdict[str, list[RecordedEvent]] = defaultdict(list)
    for each in events:
        by_occurrence[each.alert.occurrence].append(each)
    opened: set[str] = set()
    for same in by_occurrence.values():
        had = {each.alert.mailbox for each in same}
        # A notifier of the DAG goes on as before; it wins over a rule for the same mailbox.
        written = {each.alert.mailbox: _arrival(each, each.alert, flushes) for each in same if _own(each)}
        first = same[0]
        for mailbox, rule in _routes(first.alert, replay):
            taken = next((each for each in same if each.alert.mailbox == mailbox), first)
            effects = effects_of(rule) if rule else BY_DEFAULT
            alert = replace(first.alert, mailbox=mailbox, message=None, rule=effects.to_dict())
            written.setdefault(mailbox, _held(_arrival(taken, alert, flushes), rule, replay))
        for arrival in written.values():
            if _is_reported(arrival.alert, opened, arrival.alert.mailbox in had):
                yield arrival


def _own(event: RecordedEvent) -> bool:
    """Whether a notifier of the DAG wrote it, or something else that no rule decides about, such as a baseline."""
    of_baseline = event.alert.event.is_about_baseline
    return not event.alert.rule or of_baseline or event.alert.event not in EVENTS


def _routes(alert: Alert, replay: Replay) -> Iterator[tuple[Mailbox, Rule | None]]:
    """Mailboxes, and the rule for each; ``None`` for that of ``alert_conn_id``."""
    if alert.event not in EVENTS or alert.event.is_about_baseline:
        return
    applying = replay.rules.applying_to(labels_of_event(alert))
    for rule in applying:
        if rule.receiver:
            yield mailbox_of(rule.receiver, rule.to), rule
    if not applying and replay.alert_conn_id and goes_to_alert_conn_id(alert.event):
        yield mailbox_of(replay.alert_conn_id, None), None


def _arrival(event: RecordedEvent, alert: Alert, flushes: _Flushes) -> _Arrival:
    """An alert of an event: a callback leads at once, a flusher when it runs the next time."""
    role, at = _role(event), min(event.alert.at, event.taken_at)
    return _Arrival(at, flushes.after(event) if role in _FLUSHERS else at, role, alert)


def _held(arrival: _Arrival, rule: Rule | None, replay: Replay) -> _Arrival:
    """The same, after it has waited."""
    if rule is None:
        return arrival
    until = replay.held_until(rule, labels_of_event(arrival.alert), datetime.fromtimestamp(arrival.at, replay.zone))
    at = arrival.at if until is None else _timestamp(until)
    return arrival if at <= arrival.at else replace(arrival, at=at, led_at=at, role=LeaderRole.FLUSHER)


def _timestamp(moment: datetime) -> float:
    try:
        return moment.timestamp()
    except OverflowError:  # the end of time
        return inf


def _is_reported(alert: Alert, opened: set[str], was_there: bool) -> bool:
    """Whether an alert is written: a recovery only where a failure was reported before."""
    if alert.opens_incident:
        opened.add(alert.incident)
    if not alert.resolved:
        return True
    is_open = alert.incident in opened
    opened.discard(alert.incident)
    # The failure may be older than what is recorded.
    return is_open or was_there


def _role(event: RecordedEvent) -> LeaderRole:
    try:
        return LeaderRole(event.leader)
    except ValueError:
        return LeaderRole.FLUSHER


def _conn_ids(arrivals: Iterable[_Arrival]) -> set[str]:
    return {each.alert.mailbox.conn_id for each in arrivals}


class _Simulation:
    """The leaders of one receiver, one after the other.

    :param receiver: the real one, of which nothing is used but its settings.
    :param arrivals: its alerts.
    :param flushes: when a flusher runs.
    :param zone: of the receiver's day.
    """

    def __init__(self, receiver: Receiver, arrivals: Iterable[_Arrival], flushes: _Flushes, zone: tzinfo) -> None:
        ordered = sorted(arrivals, key=lambda each: (-each.at, -each.alert.at, each.alert.key))
        # Several at one moment are one leader's.
        self._leads = sorted({each.led_at: each.role for each in ordered}.items(), reverse=True)
        self._policy = receiver.hook.settings.delivery
        self._flushes = flushes
        self._zone = zone
        self._book = ReplayBook(0.0, [(each.at, each.alert) for each in ordered])
        self.channel = CountingChannel(
            self._book, receiver.receiver_id, receiver.conn_id, receiver.timeout_seconds, receiver.text_bytes
        )

    def run(self, *, until: float) -> int:
        """Lead whenever an alert arrives, and with each flush while some are pending; returns how many are left."""
        left = 0
        flush_at: float | None = None
        for _ in range(_MOST_FLUSHES):
            at, role = self._leads[-1] if self._leads else (inf, LeaderRole.FLUSHER)
            if flush_at is not None and flush_at < at:
                at, role = flush_at, LeaderRole.FLUSHER
            elif self._leads:
                self._leads.pop()
            if at > until:
                break
            self._book.advance_to(at)
            if not left and not self._book.mail:
                continue  # the leader before took it in
            result = self._drain(role)
            left = result.left
            flush_at = self._flushes.next(self._book.clock, result.again_at or 0.0) if left else None
        # The others wait for the end of a time interval.
        return left + len(self._book.mail) + len(self._book.later)

    def _drain(self, role: LeaderRole) -> DrainResult:
        return Drain(
            self._book,
            self.channel,
            self._policy,
            compose,
            deadline=Deadline.after(_LEADER_SECONDS[role], self._book.now),
            role=role,
            handover=role.rules.handover(flusher_runs=self._flushes.last is not None),
            zone=self._zone,
            sleep=self._book.sleep,
            chance=lambda: 0.5,
            log=_SILENT,
        ).run()


_SILENT = logging.Logger("dingpush.replay", logging.CRITICAL + 1)  # noqa: LOG001 - nobody may configure it
