"""From the mailboxes into the book: alerts are recorded in the book, then removed from their mailboxes.

A failure that arrives after its recovery was sent is recorded as recovered, so that no group sees it as open: it may
have waited in another store while the next try succeeded.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from airflow_provider_dingpush.alerts.alert import Alert, log_repetition
from airflow_provider_dingpush.delivery.history import History
from airflow_provider_dingpush.delivery.merging import attempt_of
from airflow_provider_dingpush.delivery.open_incidents import OpenIncidents
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.queue import Queue
from airflow_provider_dingpush.delivery.record_kinds import (
    ALERT,
    MOVED,
    OVERFLOW,
    RECOVERED,
    TOTALS,
    Recovered,
    Totals,
)
from airflow_provider_dingpush.delivery.records import Changes, Records, RecordTable
from airflow_provider_dingpush.delivery.repeats import Repeats
from airflow_provider_dingpush.delivery.repetitions import Arrivals, lookup_names, remembered_names, subject_of
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.contract import LedgerBook

MOST_WAITING = 10_000
"""Alerts beyond this number stay in their mailboxes, which are bounded."""

_AT_ONCE = 1_000
# On a busy disk removing a file takes milliseconds, and a callback waits two seconds for its outbox.
_REMOVED_AT_ONCE = 250
_log = logging.getLogger(__name__)


class Mailboxes:
    """A receiver's mailboxes, and which of their alerts were taken in but not removed yet.

    :param book: lists and removes them.
    """

    def __init__(self, book: LedgerBook) -> None:
        self._book = book
        self._taken: dict[str, str] = {}

    def arrivals(self) -> list[tuple[str, Alert]]:
        """Up to a thousand alerts that weren't taken in yet, each with its ticket.

        :raises OutboxError: if the mailboxes can't be read.
        """
        arrivals = self._book.arrivals(_AT_ONCE + len(self._taken))
        return [(ticket, alert) for ticket, alert in arrivals if ticket not in self._taken]

    def overflow_count(self) -> int:
        """How many alerts were only counted because a mailbox was full."""
        return self._book.overflow_count()

    def taken(self, ticket: str, key: str) -> None:
        """Note that an arrival is about to be recorded in the book under this key."""
        self._taken[ticket] = key

    def clear(self) -> None:
        """Remove what was taken in, now that the book has it."""
        if self._taken:
            self._remove(list(self._taken))

    def clear_sent(self, keys: Iterable[str]) -> None:
        """Remove what was sent, even where the book can't be written."""
        done = set(keys)
        tickets = [ticket for ticket, key in self._taken.items() if key in done]
        if tickets:
            self._remove(tickets)

    def reset_overflow(self) -> None:
        """Reset the overflow count, now that the book has it."""
        self._remove([])

    def _remove(self, tickets: Sequence[str]) -> None:
        for start in range(0, max(len(tickets), 1), _REMOVED_AT_ONCE):
            some = tickets[start : start + _REMOVED_AT_ONCE]
            try:
                self._book.remove_arrivals(some)
            except LeadershipLostError:
                raise
            except OutboxError as problem:
                # The book has them and recognises them when they are listed again.
                _log.warning("Alerts that were taken in can't be removed from their mailboxes: %s", problem)
                return
            for ticket in some:
                self._taken.pop(ticket, None)


class Intake:
    """Takes alerts into a book.

    :param book: remembers which alerts it had.
    :param records: of the book.
    :param mailboxes: where alerts arrive.
    :param queue: the pending alerts in the book.
    :param repeats: which of them are only counted.
    :param policy: the receiver's delivery options.
    :param history: records what is taken in.
    """

    def __init__(
        self,
        book: LedgerBook,
        records: Records,
        mailboxes: Mailboxes,
        *,
        queue: Queue,
        repeats: Repeats,
        policy: DeliveryPolicy,
        history: History,
    ) -> None:
        self._book = book
        self._records = records
        self._mailboxes = mailboxes
        self._queue = queue
        self._repeats = repeats
        self._policy = policy
        self._history = history

    def take_in(self, now: float) -> None:
        """Move alerts from the mailboxes into the book. Those that the book remembers are only removed."""
        try:
            while self._queue.waiting < MOST_WAITING:
                arrivals = self._mailboxes.arrivals()
                overflow_count = 0 if self._records.problem else self._mailboxes.overflow_count()
                if not arrivals and not overflow_count:
                    return
                self._take(arrivals, overflow_count, now)
                if len(arrivals) < _AT_ONCE:
                    return
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self._records.problem = self._records.problem or problem

    def _take(self, arrivals: Sequence[tuple[str, Alert]], overflow_count: int, now: float) -> None:
        taken = Arrivals(self._known(arrivals), is_waiting=self._queue.is_in_book, unsent=self._queue.unsent)
        for ticket, arrival in arrivals:
            alert = taken.take(arrival)
            self._mailboxes.taken(ticket, arrival.key if alert is None else alert.key)
            # The book may have this very alert from a leader that died before it emptied the mailbox.
            if alert is None and self._records.table.get(ALERT, arrival.key) != arrival.to_json():
                log_repetition(_log, arrival)
        changes = Changes()
        OpenIncidents(self._records.table).close(taken.new.values(), changes)
        new = self._with_known_ends(taken.new, now, changes)
        self._history.note_arrivals(list({**taken.new, **new}.values()), now, changes)
        for key, alert in new.items():
            changes.put(ALERT, alert.to_json(), key)
            if self._records.table.get(MOVED, key) is not None:
                changes.delete(MOVED, key)
        if overflow_count:
            changes.put(OVERFLOW, self._queue.overflow_count + overflow_count)
        self._queue.remember(new)
        counted: list[str] = []
        if self._repeats.may_count:
            waiting = {each.key: each for each in (*self._queue.free(), *new.values())}
            counted = self._repeats.count(waiting.values(), now, changes)
            for key in counted:
                changes.delete(ALERT, key)
        if new or counted:
            totals = self._records.table.get(TOTALS) or Totals()
            written, repeats = totals.written + len(new), totals.counted + len(counted)
            changes.put(TOTALS, replace(totals, written=written, counted=repeats))
        # What failed, recovered and fails again is new, also where one run looks like the next.
        changes.keys, changes.forget = taken.names_to_remember(), taken.ended
        self._records.change(changes)
        if overflow_count and not arrivals and not self._records.problem:
            self._mailboxes.reset_overflow()

    def _known(self, arrivals: Sequence[tuple[str, Alert]]) -> set[str]:
        """Which of the arrivals' names the book remembers."""
        try:
            known = self._book.known([name for _, alert in arrivals for name in lookup_names(alert)])
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self._records.problem = problem
            return set()
        # What moved to another receiver was never sent here: another mailbox may still have an alert of the same event.
        moved = (each for _, each in arrivals if self._records.table.get(MOVED, each.key) is not None)
        return known.difference(name for each in moved for name in remembered_names(each))

    def _with_known_ends(self, new_ones: dict[str, Alert], now: float, changes: Changes) -> dict[str, Alert]:
        """The new alerts; a failure whose recovery was sent before it arrived is recorded as recovered."""
        recovered = self._records.table.of(RECOVERED)
        ends = {end.key: end for each in new_ones.values() if (end := end_of(each, recovered)) is not None}
        note_recoveries((each for each in new_ones.values() if each.resolved), self._records.table, now, changes)
        every = {**new_ones, **ends}
        if self._policy.send_resolved:
            return every
        # A withheld failure that is over isn't shown as if it went on.
        withheld = {each.incident for each in self._queue.withheld()}
        return {key: each for key, each in every.items() if not each.resolved or each.incident in withheld}


_REMEMBERED_SECONDS = 3600.0
_MOST_REMEMBERED = 2_000


def note_recoveries(recoveries: Iterable[Alert], table: RecordTable, now: float, changes: Changes) -> None:
    """Remember the latest recoveries for an hour.

    :param now: in seconds since 1970.
    """
    new = {
        subject_of(each): Recovered(each.at, json.dumps(attempt_of(each)), each.try_number, now)
        for each in recoveries
        if each.run_id and each.try_number and each.task_id
    }
    if not new:
        return
    before = table.of(RECOVERED)
    oldest_first = sorted((each.taken_at, subject) for subject, each in before.items() if subject not in new)
    surplus = len(oldest_first) + len(new) - _MOST_REMEMBERED
    for number, (taken_at, subject) in enumerate(oldest_first):
        if number < surplus or taken_at < now - _REMEMBERED_SECONDS:
            changes.delete(RECOVERED, subject)
    for subject, recovered in new.items():
        changes.put(RECOVERED, recovered, subject)


def end_of(alert: Alert, recovered: Mapping[str, Recovered]) -> Alert | None:
    """The recovery that ended a failure before it arrived; ``None`` if none is known.

    The failure must also be an earlier try of the same run: the clocks of two machines may differ.

    :param recovered: the records of this kind.
    """
    end = recovered.get(subject_of(alert)) if alert.opens_incident else None
    if end is None or not alert.run_id or not alert.try_number:
        return None
    if json.dumps(attempt_of(alert)) != end.run or alert.try_number >= end.try_number or alert.at > end.at:
        return None
    return replace(
        alert,
        key=f"{alert.key}.over",
        occurrence=f"{alert.key}.over",
        event=Event.TASK_SUCCEEDED,
        at=end.at,
        try_number=end.try_number,
        resolved=True,
        summary="",
        message=None,
        also=(),
        mentions=None,
        problems={},
    )
