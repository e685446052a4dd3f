"""The outbox: all operations on the pending alerts of a store, the same for every store.

Families of notes in a store::

    receivers    <mailbox>   the receiver whose leader empties it, with connection id and target
    open         <incident>  an open failure, see ``alerts/open_failure``; expires 90 days after it happened
    claims, escalations, calls
                             see ``pipeline/incidents`` and ``pipeline/escalation_notes``
    triggered    <run>       the run whose task triggered it, which it may follow from; expires after seven days
    pauses       <receiver>  until when no process needs to lead, and why
    successors   <receiver>  its leader asks for another process to lead next
    flushes      last        when a flusher last ran
    broken_files, import_reports, rules_file, rules_receivers
                             see ``pipeline/import_errors``, ``import_error_check``, ``rules_file_alerts`` and
                             ``rules_file_check``
    markers, failed_by_hand, failed_runs, failed_markers
                             see ``pipeline/task_markers``, ``run_net`` and ``killed_tasks``
    silences     <id>        what a person muted; see :mod:`~airflow_provider_dingpush.pipeline.silences`
    markers, failed_markers, failed_runs
                             tasks that run, and that failed; see ``pipeline/task_markers``, ``killed_tasks`` and
                             ``run_net``
    baseline_runs, baseline_tasks, baseline_dags, baseline_history, baselines
                             runs of DAGs that baselines wait for, and what was said; see ``pipeline/baseline_events``
    watch        <component> since when a component of Airflow is unhealthy; see ``pipeline/airflow_health_incidents``
    recovered, copies        see :mod:`~airflow_provider_dingpush.storage.kept_aside`

Locks: ``leader`` and ``successor`` of a receiver, ``resolving`` of a mailbox. A book belongs to a receiver, a box to a
mailbox; its label is the connection id and the target.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import inf
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, log_repetition
from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.contract import (
    Bound,
    Change,
    LeadPause,
    Listing,
    Lock,
    PutResult,
    RecordId,
    Records,
    Store,
)
from airflow_provider_dingpush.storage.notes import OPEN, Note
from airflow_provider_dingpush.storage.triggered_runs import with_triggering_run
from airflow_provider_dingpush.timeouts import END_OF_TIME

INCIDENT_SECONDS = 90 * 86_400.0
"""How long a failure is open at most, in seconds: its end after three months isn't reported."""
MOST_INCIDENTS = 10_000
"""How many failures are open at most; beyond that the oldest ones are forgotten."""
LONGEST_PAUSE_SECONDS = 900.0
"""A pause that seems to last longer, in seconds, was noted before the clock was set back."""

_OLDEST_OPENING_SECONDS = 7 * 86_400.0
_SUCCESSION_SECONDS = 10.0  # a leader looks for a successor as long as its callback lasts
_LEADER, _SUCCESSOR, _RESOLVING = "leader", "successor", "resolving"
_RECEIVERS, _PAUSES, _SUCCESSORS, _FLUSHES = "receivers", "pauses", "successors", "flushes"
_MOST_NOTES = 1_000_000

_log = logging.getLogger(__name__)


class Outbox:
    """The pending alerts of one store.

    :param store: keeps them.
    :param lease_seconds: how long a leader that does nothing stays leader, in seconds.
    :param most_alerts: how many alerts a mailbox keeps before further ones are only counted.
    :param most_bytes: how many bytes of alerts, likewise.
    :param most_incidents: how many failures are open before those that happened longest ago are forgotten; it may be a
        few hundred more for a while.
    """

    def __init__(
        self,
        store: Store,
        *,
        lease_seconds: float = 12.0,
        most_alerts: int = 10_000,
        most_bytes: int = 50_000_000,
        most_incidents: int = MOST_INCIDENTS,
    ) -> None:
        self.store = store
        self._lease_seconds = lease_seconds
        self._bound = Bound(most_alerts, most_bytes)
        self.most_incidents = most_incidents

    def put(self, alert: Alert) -> None:
        """Keep an alert; it is safe when this returns. A second one of the same key changes nothing and is logged.

        Opens the alert's incident, or closes it if the alert is resolved.
        """
        alert = with_triggering_run(self.store, alert)
        body = alert.to_json().encode("utf-8", "surrogatepass")  # file names may contain surrogates
        # After a crash between note and alert, a recovery is sent without its failure; in the other order a failure
        # would never be resolved.
        notes = [self._opening_of(alert)] if alert.opens_incident else ()
        box = alert.mailbox.name
        result = self.store.put(box, _label_of(alert.mailbox), alert.key, body, bound=self._bound, notes=notes)
        if result is PutResult.REPEATED:
            log_repetition(_log, alert)
            return
        # The alert is safe: what is noted about its incident is no reason to put it into another outbox as well.
        with suppress(OutboxError):
            if alert.resolved:
                self.store.remove_notes([(OPEN, alert.incident)])
            elif alert.opens_incident:
                self._note_again(alert)

    # incidents

    def open_incidents(self, incidents: Mapping[str, float], noted: Mapping[str, bytes] | None = None) -> None:
        """Open incidents of failures put into another outbox, each with its time in seconds since 1970.

        :param noted: incident -> what was noted about it there.
        """
        noted = noted or {}
        self.store.set_notes(
            self._opening(incident, at, noted.get(incident, b"")) for incident, at in incidents.items()
        )

    def has_open_incident(self, incident: str, *, before: float = inf) -> bool:
        """Whether an incident is open; cheap, because every success calls it.

        :param before: only if the failure last happened no later than this, in seconds since 1970.
        """
        found = self.store.note(OPEN, incident)
        return found is not None and found.until - INCIDENT_SECONDS <= before + 1e-3  # stores round

    def opened_incidents(self, at_most: int) -> dict[str, float]:
        """Open incidents, and when their failure last happened, in seconds since 1970."""
        return {name: each.until - INCIDENT_SECONDS for name, each in self.store.notes(OPEN, at_most).items()}

    def open_failures(self, at_most: int) -> dict[str, OpenFailure | None]:
        """Open incidents, and what is noted about each; ``None`` if that can't be read."""
        return {name: _failure_in(each.value) for name, each in self.store.notes(OPEN, at_most).items()}

    def open_failure(self, incident: str) -> OpenFailure | None:
        """What is noted about one open incident; ``None`` if it isn't open, or that can't be read."""
        found = self.store.note(OPEN, incident)
        return None if found is None else _failure_in(found.value)

    def forget_incidents(self, incidents: Iterable[str]) -> None:
        """Forget open incidents, because another outbox has them."""
        self.store.remove_notes((OPEN, each) for each in incidents)

    def _opening_of(self, alert: Alert) -> Note:
        """What opens the alert's incident, or only keeps it open longer."""
        return self._opening(alert.incident, _opened_at(alert, time.time()), OpenFailure.of(alert).to_bytes())

    def _note_again(self, alert: Alert) -> None:
        """Note the latest failure of an incident that was open before."""
        found = self.store.note(OPEN, alert.incident)
        if found is None:
            return
        noted = OpenFailure.of(alert, _failure_in(found.value)).to_bytes()
        if noted != found.value:
            self.store.set_notes([Note(OPEN, alert.incident, noted, INCIDENT_SECONDS, found.until)])

    def _opening(self, incident: str, at: float, noted: bytes = b"") -> Note:
        until = at + INCIDENT_SECONDS
        return Note(OPEN, incident, noted, INCIDENT_SECONDS, until, newest=self.most_incidents, extends=True)

    # mailboxes

    def receiver_of(self, mailbox: Mailbox) -> str | None:
        """The receiver of a mailbox when it was last looked up, or ``None``."""
        found = self.store.note(_RECEIVERS, mailbox.name)
        owner = None if found is None else _owner_in(mailbox.name, found.value)
        return None if owner is None else owner[0]

    def assign(self, mailbox: Mailbox, receiver_id: str) -> None:
        """Assign a mailbox to a receiver, whose leader then empties it."""
        value = json.dumps([receiver_id, mailbox.conn_id, mailbox.target]).encode()
        self.store.set_notes([Note(_RECEIVERS, mailbox.name, value)])

    @contextmanager
    def resolving(self, mailbox: Mailbox) -> Iterator[bool]:
        """Be the only process that looks up the mailbox's connection; ``False`` if another one does. Without waiting.

        When it ends, check once more for new alerts.
        """
        with _held(self.store.lock(_RESOLVING, mailbox.name, self._lease_seconds)) as lock:
            yield lock is not None

    def pending_mailboxes(self) -> Sequence[Mailbox]:
        """The mailboxes with alerts that no leader has taken in yet."""
        found = [self._mailbox(box, label) for box, label in sorted(self.store.labels().items())]
        return [mailbox for mailbox in found if mailbox is not None]

    def mailboxes_of(self, receiver_id: str) -> Sequence[Mailbox]:
        """The mailboxes that belong to a receiver."""
        return [Mailbox(*where) for _, (owner, *where) in _owners(self.store) if owner == receiver_id]

    def pending_in(self, mailbox: Mailbox) -> int:
        """How many alerts of a mailbox no leader has taken in yet."""
        return self.store.count(mailbox.name)

    def mail_of(self, mailbox: Mailbox, at_most: int) -> list[tuple[str, Alert]]:
        """The oldest alerts of a mailbox that no leader has taken in, each with what :meth:`remove` takes."""
        return [
            (each.id, alert)
            for each in self.store.mail([mailbox.name], at_most).mail
            if isinstance(alert := _alert_in(each.body), Alert)  # a leader sets the others aside
        ]

    def remove(self, mailbox: Mailbox, mail_id: str) -> None:
        """Remove an alert that is safe elsewhere."""
        self.store.remove({mailbox.name: [mail_id]}, {})

    def _mailbox(self, box: str, label: bytes | None) -> Mailbox | None:
        """The mailbox of a box: from its label, or from its alerts if a crash has emptied the label."""
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            about = json.loads(label or b"")
            return Mailbox.read([about["conn_id"], about["target"]])
        for each in self.store.mail([box], 1).mail:
            alert = _alert_in(each.body)
            if isinstance(alert, Alert):
                return alert.mailbox
        _log.error("The connection of mailbox %s is unknown: neither its label nor its alerts can be read.", box)
        return None

    # leading

    @contextmanager
    def leadership(self, receiver_id: str) -> Iterator[Book | None]:
        """Lead a receiver without waiting; ``None`` if another process does.

        The end of a process ends its leadership, at once or after the lease.
        """
        with _held(self.store.lock(_LEADER, receiver_id, self._lease_seconds, opens_book=True)) as lock:
            if lock is None:
                yield None
                return
            records = self.store.records(receiver_id, lock)
            try:
                yield Book(self.store, receiver_id, lock, records)
            finally:
                records.close()

    def wants_successor(self, receiver_id: str) -> bool:
        """Whether the receiver has a leader that asks for another process to lead next."""
        wanted = self.store.note(_SUCCESSORS, receiver_id) is not None
        return wanted and self.store.is_locked(_LEADER, receiver_id)

    @contextmanager
    def successor_slot(self, receiver_id: str) -> Iterator[bool | None]:
        """Be the process that leads next; ``False`` if another one is, ``None`` if no successor is wanted.

        Never waits. The successor must try to lead afterwards: the leader and others may have left because of it.
        """
        if self.store.note(_SUCCESSORS, receiver_id) is None:
            yield None
            return
        with _held(self.store.lock(_SUCCESSOR, receiver_id, _SUCCESSION_SECONDS)) as lock:
            yield lock is not None

    def pause_of(self, receiver_id: str) -> LeadPause | None:
        """The receiver's pause, if its last leader noted one that lasts; called by every callback."""
        found = self.store.note(_PAUSES, receiver_id)
        with suppress(ValueError):
            if found is not None and found.seconds_left <= LONGEST_PAUSE_SECONDS:
                return LeadPause.from_bytes(found.value)
        return None

    def note_pause_of(self, mailbox: Mailbox, receiver_id: str, pause: LeadPause) -> None:
        """Note a receiver's pause that its leader noted in another outbox."""
        self.assign(mailbox, receiver_id)
        self.store.set_notes([_noted(receiver_id, pause)])

    # for people and flushers

    def receivers(self) -> Sequence[str]:
        """Every receiver that has a book."""
        return self.store.books()

    def records_of(self, receiver_id: str) -> dict[RecordId, Any]:
        """The records of a receiver's book, for people: read without leading, also while another process leads."""
        return self.store.read(receiver_id)

    def note_flush(self, at: float) -> None:
        """Note when a flusher ran, in seconds since 1970."""
        self.store.set_notes([Note(_FLUSHES, "last", repr(at).encode())])

    def last_flush(self) -> float | None:
        """When a flusher last ran, in seconds since 1970."""
        found = self.store.note(_FLUSHES, "last")
        try:
            moment = -1.0 if found is None else float(found.value)
        except ValueError:
            return None
        return moment if 0 <= moment < END_OF_TIME else None


class Book:
    """The :class:`~airflow_provider_dingpush.storage.contract.LedgerBook` of a receiver.

    :param store: has the mailboxes and the notes.
    :param receiver_id: of the receiver.
    :param lock: makes this process the leader.
    :param records: of the book.
    """

    def __init__(self, store: Store, receiver_id: str, lock: Lock, records: Records) -> None:
        self._store = store
        self._receiver_id = receiver_id
        self._lock = lock
        self._records = records
        # The last listing of the mailboxes; and the marks to acknowledge when alerts are removed.
        self._listing: Listing | None = None
        self._marks: Mapping[str, int] = {}

    def now(self) -> float:
        with self._leading():
            return self._store.now()

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        with self._leading():
            damaged: set[str] = set()
            while True:
                # If all listed ones are damaged, the ones after them are listed, even if these can't be set aside.
                listing = self._listed(at_most + len(damaged))
                found = [(f"{each.box}/{each.id}", each) for each in listing.mail]
                fresh = [(ticket, each, _alert_in(each.body)) for ticket, each in found if ticket not in damaged]
                for ticket, each, alert in fresh:
                    if not isinstance(alert, Alert):
                        damaged.add(ticket)
                        aside = self._store.set_aside(each.box, each.id)
                        _log.error("An alert can't be read (%s): it is set aside in %s.", alert, aside)
                alerts = [(ticket, alert) for ticket, _, alert in fresh if isinstance(alert, Alert)]
                if alerts or not fresh:
                    return alerts[:at_most]

    def overflow_count(self) -> int:
        with self._leading():
            # Most often the mailboxes were listed a moment ago.
            listing, self._listing = self._listing or self._listed(0), None
            self._marks = listing.marks
            return sum(listing.refused.values())

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        ids: dict[str, list[str]] = {}
        for ticket in tickets:
            box, _, mail_id = ticket.partition("/")
            ids.setdefault(box, []).append(mail_id)
        with self._leading():
            self._store.remove(ids, self._marks)
        self._marks, self._listing = {}, None

    def load(self) -> dict[RecordId, Any]:
        with self._leading():
            return self._records.load()

    def write(
        self,
        puts: Mapping[RecordId, Any],
        deletes: Iterable[RecordId] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        prefixes = [each for each in forget if each]
        with self._leading():
            self._records.write(Change(puts, list(deletes), list(keys), forget_prefixes=prefixes))

    def known(self, keys: Sequence[str]) -> set[str]:
        with self._leading():
            return self._records.known(keys)

    def newest_keys(self, at_most: int) -> list[str]:
        """The keys that were remembered last."""
        with self._leading():
            return self._records.newest_keys(at_most)

    def forget_keys(self, keys: Sequence[str]) -> None:
        """Forget these keys, because their alerts aren't sent yet."""
        with self._leading():
            self._records.write(Change(forget=keys))

    def drop(self) -> None:
        """Delete the book, because another outbox has all of it. The last step of a leader."""
        with self._leading():
            self._records.drop()

    def note_pause(self, pause: LeadPause | None) -> None:
        with self._leading():
            self._lock.keep(0.0)  # so that it lasts until the note is set
            if pause is None:
                self._store.remove_notes([(_PAUSES, self._receiver_id)])
            else:
                self._store.set_notes([_noted(self._receiver_id, pause)])

    def ask_for_successor(self, wanted: bool) -> None:
        with self._leading():
            if wanted:
                self._store.set_notes([Note(_SUCCESSORS, self._receiver_id, seconds=_SUCCESSION_SECONDS)])
            else:
                self._store.remove_notes([(_SUCCESSORS, self._receiver_id)])

    def has_successor(self) -> bool:
        with self._leading():
            return self._store.is_locked(_SUCCESSOR, self._receiver_id)

    def keep(self, seconds: float) -> None:
        with self._leading():
            self._lock.keep(seconds)

    @contextmanager
    def _leading(self) -> Iterator[None]:
        """One step of the leader; checks the lock before it, and again if the store fails."""
        self._lock.check()
        try:
            yield
        except OutboxError:
            self._lock.check()
            raise

    def _listed(self, at_most: int) -> Listing:
        boxes = [box for box, (owner, *_) in _owners(self._store) if owner == self._receiver_id]
        self._listing = self._store.mail(boxes, at_most)
        return self._listing


@contextmanager
def _held(lock: Lock | None) -> Iterator[Lock | None]:
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()


def _noted(receiver_id: str, pause: LeadPause) -> Note:
    return Note(_PAUSES, receiver_id, pause.to_bytes(), LONGEST_PAUSE_SECONDS, pause.until)


def _opened_at(alert: Alert, now: float) -> float:
    """When a failure that is put now happened, in seconds since 1970; impossible times are corrected."""
    return min(now, max(alert.at, now - _OLDEST_OPENING_SECONDS))


def _label_of(mailbox: Mailbox) -> bytes:
    return json.dumps({"conn_id": mailbox.conn_id, "target": mailbox.target}).encode()


def _owners(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Each box with a receiver: its receiver, connection id and target."""
    for box, note in sorted(store.notes(_RECEIVERS, _MOST_NOTES).items()):
        owner = _owner_in(box, note.value)
        if owner is not None:
            yield box, owner


def _owner_in(box: str, value: bytes) -> list[str] | None:
    with suppress(ValueError, TypeError, RecursionError):
        receiver_id, conn_id, target = json.loads(value)
        if isinstance(receiver_id, str) and Mailbox.read([conn_id, target]):
            return [receiver_id, conn_id, target]
    _log.error("The receiver noted for mailbox %s can't be read: it is looked up again.", box)
    return None


def _failure_in(value: bytes) -> OpenFailure | None:
    """What a note says about an open incident; ``None`` for what another version wrote."""
    with suppress(ValueError):
        return OpenFailure.from_bytes(value)
    return None


def _alert_in(body: bytes | None) -> Alert | Exception:
    """The alert of a body, or why it can't be read."""
    try:
        return Alert.from_json(body or b"")
    except ValueError as problem:
        return problem
