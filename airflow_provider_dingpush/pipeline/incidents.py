"""The open incidents of an outbox, and their claims: who takes care of one, so that it escalates no further.

What is open stands in notes that each failure's alert writes and its recovery removes. A claim is a note as well, and
ends with the incident that it is about: after a recovery the next failure is claimed by nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.mailboxes import Mailbox, short_id
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.oncall.claims import Claim, ClaimedBy, is_meant
from airflow_provider_dingpush.pipeline.escalation_notes import progress_in
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.digest_notes import ClaimNote
    from airflow_provider_dingpush.alerts.open_failure import OpenFailure
    from airflow_provider_dingpush.oncall.escalation import Progress
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.outbox import Outbox

CLAIMS = "claims"
"""The family of the notes of claims."""
MOST_INCIDENTS = 20_000
"""The most that are read; an outbox keeps about 10,000."""

_CLAIM_SECONDS = 90 * 86_400.0
_MOST_CHARACTERS = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Incident:
    """An open incident.

    :param id: of 24 hexadecimal digits.
    :param failure: what is noted about it.
    :param claim: who takes care of it; ``None`` if nobody does.
    :param progress: how far it has escalated; ``None`` if no step was begun.
    """

    id: str
    failure: OpenFailure
    claim: Claim | None = None
    progress: Progress | None = None

    @property
    def short_id(self) -> str:
        """The id as alerts and lists show it."""
        return short_id(self.id)

    @property
    def mailbox(self) -> Mailbox:
        """Where its alerts go."""
        return Mailbox(self.failure.conn_id, self.failure.target)

    @property
    def order(self) -> tuple[str, float, str]:
        """Sort key: the most urgent first, and the oldest of them."""
        return self.failure.urgency.value, self.failure.since, self.id


def incidents_in(outbox: Outbox) -> list[Incident]:
    """All open incidents, the most urgent first.

    :raises OutboxError: if they can't be read.
    """
    failures = outbox.open_failures(MOST_INCIDENTS)
    claims = claims_in(outbox) if failures else {}
    progress = progress_in(outbox) if failures else {}
    found = []
    for incident, failure in failures.items():
        if failure is None:
            _log.info("Nothing is known about the open incident %s: another version has noted it.", incident)
            continue
        claim, escalated = claims.get(incident), progress.get(incident)
        found.append(
            Incident(
                incident,
                failure,
                claim if claim and claim.covers(failure.since) else None,
                escalated if escalated and escalated.began >= failure.since else None,
            )
        )
    return sorted(found, key=lambda each: each.order)


def claims_in(outbox: Outbox) -> dict[str, Claim]:
    """All claims, also of incidents that have recovered.

    :raises OutboxError: if they can't be read.
    """
    found = {}
    for incident, note in outbox.store.notes(CLAIMS, MOST_INCIDENTS).items():
        try:
            found[incident] = Claim.from_bytes(note.value)
        except ValueError as problem:
            _log.error("The claim of incident %s can't be read, and is none: %s", incident, problem)
    return found


def current_claim(outbox: Outbox, incident: str) -> Claim | None:
    """The claim of an incident as it is now; ``None`` if it has none, or isn't open any more.

    :raises OutboxError: if it can't be read.
    """
    note, failure = outbox.store.note(CLAIMS, incident), outbox.open_failure(incident)
    try:
        claim = None if note is None else Claim.from_bytes(note.value)
    except ValueError:
        return None
    return claim if claim is not None and failure is not None and claim.covers(failure.since) else None


def claim(
    outbox: Outbox, incident: Incident, by: str, at: float, *, note: str = "", how: ClaimedBy = ClaimedBy.COMMAND
) -> Claim:
    """Claim an open incident, durably; a later claim replaces an earlier one.

    :param by: who takes care of it.
    :param at: now, in seconds since 1970.
    :param note: what that person says about it.
    :raises OutboxError: if it can't be kept.
    """
    from airflow_provider_dingpush.pipeline.redaction import redact_text

    def text(words: str) -> str:
        return redact_text(" ".join(words.split()))[:_MOST_CHARACTERS]

    # Clocks of machines differ a little; a claim is never older than what it is about.
    claimed = Claim(
        text(by) or "?",
        max(at, incident.failure.since),
        text(note),
        how,
        incident.failure.name,
        incident.mailbox.name,
        incident.failure.since,
    )
    outbox.store.set_notes([Note(CLAIMS, incident.id, claimed.to_bytes(), _CLAIM_SECONDS, durable=True)])
    return claimed


def unclaim(outbox: Outbox, incident: Incident) -> None:
    """Nobody takes care of an incident any more: its escalation goes on from where it was.

    :raises OutboxError: if the claim can't be removed.
    """
    outbox.store.remove_notes([(CLAIMS, incident.id)])


def claim_notes(outbox: Outbox, receiver_id: str) -> Callable[[], tuple[ClaimNote, ...]]:
    """Who takes care of what among a receiver's open incidents, for its next message; asked anew each time."""
    from airflow_provider_dingpush.alerts.digest_notes import ClaimNote

    def notes() -> tuple[ClaimNote, ...]:
        try:
            claims = claims_in(outbox)
            boxes = {each.name for each in outbox.mailboxes_of(receiver_id)} if claims else set()
            open_ones = {
                incident: failure
                for incident, each in claims.items()
                if each.mailbox in boxes and (failure := outbox.open_failure(incident)) is not None
            }
        except OutboxError as problem:
            _log.info("Claims can't be read, so no message says who takes care of what: %s", problem)
            return ()
        return tuple(
            ClaimNote(incident, failure.name, claims[incident].by, claims[incident].at, claims[incident].note)
            for incident, failure in open_ones.items()
            if claims[incident].covers(failure.since)
        )

    return notes


def meant_by(word: str, incidents: Iterable[Incident]) -> list[Incident]:
    """The incidents that a word of a command means: by the beginning of their id, or by DAG and task."""
    wanted = word.strip()
    return [
        each
        for each in incidents
        if wanted and is_meant(wanted, each.id, each.failure.dag_id, each.failure.task_id, each.failure.map_index)
    ]


def leading(incidents: Sequence[Incident]) -> list[Incident]:
    """The incidents without those of a run of which a failed task is one itself: one line, one call for one failure."""
    tasks = {
        (each.mailbox, each.failure.dag_id, each.failure.run_id)
        for each in incidents
        if each.failure.task_id is not None
    }
    return [
        each
        for each in incidents
        if each.failure.task_id is not None or (each.mailbox, each.failure.dag_id, each.failure.run_id) not in tasks
    ]


def siblings_of(incident: Incident, incidents: Iterable[Incident]) -> list[Incident]:
    """The same failure, also where others are notified of it: whoever takes care of it does so for all of them."""
    subject = _subject(incident.failure)
    return [each for each in incidents if each.id == incident.id or (subject[0] and subject == _subject(each.failure))]


def _subject(failure: OpenFailure) -> tuple[str, str | None, int | None]:
    return failure.dag_id, failure.task_id, failure.map_index


def outboxes_of(stores: Sequence[Store]) -> list[Outbox]:
    """The outboxes of a machine that may have incidents: the one that is configured, and its substitutes in use.

    :raises OutboxError: if a substitute can't be read.
    """
    first, *others = stores
    return [first.outbox, *(each.outbox for each in others if not each.is_empty)]


def of_all(outboxes: Sequence[Outbox]) -> dict[str, tuple[Outbox, Incident]]:
    """The open incidents of several outboxes, by id; what two of them know is the one of the first.

    A claim counts in whichever outbox it is.

    :raises OutboxError: if one of them can't be read.
    """
    found: dict[str, tuple[Outbox, Incident]] = {}
    claims: dict[str, Claim] = {}
    for outbox in outboxes:
        claims.update({incident: each for incident, each in claims_in(outbox).items() if incident not in claims})
        for each in incidents_in(outbox):
            found.setdefault(each.id, (outbox, each))
    return {incident: (outbox, _claimed(each, claims)) for incident, (outbox, each) in found.items()}


def _claimed(incident: Incident, claims: Mapping[str, Claim]) -> Incident:
    claimed = claims.get(incident.id)
    if incident.claim is not None or claimed is None or not claimed.covers(incident.failure.since):
        return incident
    return replace(incident, claim=claimed)
