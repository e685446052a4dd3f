"""Which process sends pending alerts: one leads a receiver and sends for all, every other one returns at once.

A follower loads no more than this module: what only a leader needs is imported where it is used.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.delivery.drain_result import DrainResult, LeaderRole
from airflow_provider_dingpush.delivery.reasons import Reason, from_text
from airflow_provider_dingpush.errors import DingTalkError, OutboxError
from airflow_provider_dingpush.pipeline.outboxes import has_host_local_outbox
from airflow_provider_dingpush.storage.contract import LedgerBook
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.fallbacks import Fallback
    from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
    from airflow_provider_dingpush.pipeline.receivers import Receiver

Find = Callable[["Mailbox"], "Receiver"]
CarryOver = Callable[[str, LedgerBook], None]
"""Copies into a receiver's book what other stores have recorded about it."""

_log = logging.getLogger(__name__)
# If a flusher ran within the first, no advice to set one up is logged; within the second, it is relied on.
_FLUSHER_SEEN_SECONDS, _FLUSHER_RUNS_SECONDS = 300.0, 180.0
# A leader wants a successor in its last second only.
_SUCCESSOR_WAIT_SECONDS, _SUCCESSOR_POLL_SECONDS = 1.5, 0.01
# For moving pending alerts from a mailbox's former receiver: as long as a leader of that may take to end.
_FETCH_SECONDS, _FETCH_POLL_SECONDS = 3.0, 0.25


class _Lead(NamedTuple):
    """How a process leads.

    :param deadline: of the whole drain.
    :param role: of the leader.
    :param find: looks a connection up.
    :param flusher_runs: whether a flusher will send the rest.
    :param share: the part of a receiver's rate limit that this outbox may use.
    :param carry_over: copies in what other stores have recorded.
    :param moved_from: mailboxes whose receiver changed, each with one whose book may still hold their alerts.
    """

    deadline: Deadline
    role: LeaderRole
    find: Find
    flusher_runs: Callable[[], bool]
    share: float
    carry_over: CarryOver | None
    moved_from: list[tuple[Mailbox, str]]


def serve(
    outbox: Outbox,
    mailbox: Mailbox,
    deadline: Deadline,
    role: LeaderRole,
    *,
    find: Find | None = None,
    share: float = 1.0,
    carry_over: CarryOver | None = None,
    urgent: bool = False,
) -> DrainResult | None:
    """Send the pending alerts of the mailbox's receiver; ``None``, at once, if another process leads it.

    While DingTalk throttles the receiver, or a storm goes on and a flusher runs, only the flusher leads.

    :param deadline: of everything that is done.
    :param role: in which this process leads.
    :param find: looks the connection up.
    :param share: the part of the receiver's rate limit that this outbox may use.
    :param carry_over: copies in what other stores have recorded.
    :param urgent: whether the mailbox has an alert that waits for nothing but DingTalk.
    :raises DingTalkError: if the connection can't be looked up or is wrong; alerts stay pending.
    :raises OutboxError: if the outbox can't be used.
    """
    known = outbox.receiver_of(mailbox)
    pause = None if known is None else outbox.pause_of(known)
    if pause is not None and not (urgent and from_text(pause.reason)[0] is not Reason.THROTTLED):
        return DrainResult.of_pause(outbox.pending_in(mailbox), pause.reason, pause.until)
    # A flusher may run on another machine, so a substitute store never relies on it.
    lead = _Lead(
        deadline, role, find or _find, lambda: share >= 1 and _flusher_runs(outbox), share, carry_over, moved_from=[]
    )
    return _serve(outbox, mailbox, known, lead)


def flush(
    outbox: Outbox,
    deadline: Deadline,
    role: LeaderRole = LeaderRole.FLUSHER,
    *,
    share: float = 1.0,
    carry_over: CarryOver | None = None,
) -> Iterator[tuple[Mailbox, DrainResult | str | None]]:
    """Send the pending alerts of all receivers; yields the result for each, or the problem.

    A problem with one connection doesn't affect the others. Alerts in the book of a connection's former receiver are
    moved to its new one.

    :param deadline: of everything that is done.
    :param role: a flusher leaves most of a storm to the next flush, a person nothing.
    :param share: the part of each receiver's rate limit that this outbox may use.
    :param carry_over: copies in what other stores have recorded.
    """
    from airflow_provider_dingpush.pipeline import look_ups, pending
    from airflow_provider_dingpush.pipeline.redaction import described

    flusher_runs = role.rules.relies_on_flusher and _flusher_runs(outbox)
    with _logged("It can't be noted that a flusher ran"):
        outbox.note_flush(time.time())
    connections = look_ups.LookUps(deadline)
    lead = _Lead(deadline, role, connections.receiver, lambda: flusher_runs, share, carry_over, moved_from=[])
    served: dict[str, list[tuple[Mailbox, list[str]]]] = {}
    problems: dict[Mailbox, str] = {}
    for mailbox, holders in pending.holders_of_alerts(outbox).items():
        try:
            receiver_id = connections.receiver(mailbox).receiver_id
            if outbox.receiver_of(mailbox) != receiver_id:
                outbox.assign(mailbox, receiver_id)
            served.setdefault(receiver_id, []).append((mailbox, holders))
        except Exception as problem:  # noqa: BLE001 - it must not stop the others
            problems[mailbox] = described(problem)
    for number, (receiver_id, mailboxes) in enumerate(served.items()):
        # A receiver that can't be reached is tried again until its own time is over.
        its_own = deadline.sub(deadline.seconds_left() / (len(served) - number))
        moved_from = [(mailbox, holder) for mailbox, holders in mailboxes for holder in holders]
        first, _ = mailboxes[0]
        try:
            result = _serve(outbox, first, receiver_id, lead._replace(deadline=its_own, moved_from=moved_from))
            # Where all alerts are withheld and stay so, there is nothing to report.
            if result is None or result.reason is not Reason.WITHHELD or result.alerts or result.left:
                yield first, result
        except Exception as problem:  # noqa: BLE001 - it must not stop the others
            yield first, described(problem)
    for mailbox, problem_text in problems.items():
        # They may have been sent through another connection of the same receiver.
        if pending.alerts_of(outbox, mailbox):
            yield mailbox, problem_text


def _find(mailbox: Mailbox) -> Receiver:
    from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

    return receiver_of_mailbox(mailbox)


def _serve(outbox: Outbox, mailbox: Mailbox, known: str | None, lead: _Lead) -> DrainResult | None:
    """Lead, again if another process relied on this one meanwhile.

    :param known: the last known receiver of the mailbox.
    """
    fetch_deadline, succeeds = lead.deadline.sub(_FETCH_SECONDS), lead.role.rules.succeeds
    while True:
        if succeeds and known is not None and _successor_slot_taken(outbox, known, lead.deadline) is False:
            return None
        result, known = _serve_once(outbox, mailbox, known, lead)
        if result is None:
            # The other leader doesn't know of alerts in the book of a former receiver.
            fetches = any(former != known for _, former in lead.moved_from)
            if not fetches or fetch_deadline.seconds_left() <= 0:
                return None
            time.sleep(_FETCH_POLL_SECONDS)
        elif not result.handed_over and not _is_more_to_send(outbox, known, result, lead.deadline):
            # After a handover this loop checks that the successor leads, and otherwise goes on.
            return result


def _is_more_to_send(outbox: Outbox, receiver_id: str, result: DrainResult, deadline: Deadline) -> bool:
    """Whether a follower wrote an alert after this leader had looked for the last time."""
    if result.left or deadline.seconds_left() <= 0:
        return False
    return not set(outbox.mailboxes_of(receiver_id)).isdisjoint(outbox.pending_mailboxes())


def _successor_slot_taken(outbox: Outbox, receiver_id: str, deadline: Deadline) -> bool | None:
    """Wait until the leader ends, if it wants a successor: it may rely on this process to lead next.

    ``False`` if it relies on another one, ``None`` if it wants no successor.

    :param deadline: of everything that is done; half of the time is reserved for leading.
    """
    with outbox.successor_slot(receiver_id) as chosen:
        wait = deadline.sub(min(_SUCCESSOR_WAIT_SECONDS, deadline.seconds_left() / 2))
        while chosen and outbox.wants_successor(receiver_id) and wait.seconds_left() > 0:
            time.sleep(_SUCCESSOR_POLL_SECONDS)
        return chosen


def _serve_once(outbox: Outbox, mailbox: Mailbox, known: str | None, lead: _Lead) -> tuple[DrainResult | None, str]:
    if known is not None:
        with outbox.leadership(known) as book:
            if book is None:
                return None, known
            receiver = lead.find(mailbox)
            if receiver.receiver_id == known:
                return _drain(outbox, book, receiver, lead), known
        # The connection's receiver was changed.
        lead.moved_from.append((mailbox, known))
    with outbox.resolving(mailbox) as first:
        if not first:
            return None, known or ""
        receiver = lead.find(mailbox)
        outbox.assign(mailbox, receiver.receiver_id)
    with outbox.leadership(receiver.receiver_id) as book:
        return _drain(outbox, book, receiver, lead) if book else None, receiver.receiver_id


def _drain(outbox: Outbox, book: LedgerBook, receiver: Receiver, lead: _Lead) -> DrainResult:
    from airflow_provider_dingpush.delivery.drain import Drain
    from airflow_provider_dingpush.pipeline.claim_links import claim_link
    from airflow_provider_dingpush.pipeline.composing import composer_for, local_zone
    from airflow_provider_dingpush.pipeline.duty import KnownDuty
    from airflow_provider_dingpush.pipeline.gates import gate_of
    from airflow_provider_dingpush.pipeline.incidents import claim_notes
    from airflow_provider_dingpush.pipeline.receiver_limits import note_limits

    _fetch(outbox, receiver.receiver_id, book, lead.moved_from)
    if lead.carry_over is not None:
        lead.carry_over(receiver.receiver_id, book)
    settings = receiver.hook.settings
    if lead.role is not LeaderRole.CALLBACK:  # which has no time to spare
        note_limits(outbox, receiver.receiver_id, settings.delivery)
    composer = composer_for(receiver, settings, KnownDuty(), claim_notes(outbox, receiver.receiver_id), claim_link)
    return Drain(
        book,
        receiver,
        shared(settings.delivery, lead.share),
        composer,
        deadline=lead.deadline,
        role=lead.role,
        handover=lead.role.rules.handover(flusher_runs=lead.flusher_runs()),
        language_of=composer.language_of,
        zone=local_zone(),
        fallbacks=_fallbacks(outbox, receiver, lead),
        gate=gate_of(outbox),
    ).run()


def _fetch(outbox: Outbox, receiver_id: str, book: LedgerBook, moved_from: list[tuple[Mailbox, str]]) -> None:
    """Move alerts of this receiver's mailboxes out of the books of former receivers that no process leads."""
    from airflow_provider_dingpush.delivery.transfer import move, take_back

    for mailbox, former in list(moved_from):
        try:
            if former == receiver_id:
                moved = take_back(book, mailbox)
            else:
                with outbox.leadership(former) as old:
                    if old is None:
                        continue
                    moved = move(old, book, mailbox, last=not outbox.mailboxes_of(former))
        except OutboxError as problem:
            _log.warning(
                "Pending alerts of connection %r can't be moved to its new receiver: %s", mailbox.conn_id, problem
            )
            continue
        moved_from.remove((mailbox, former))
        if moved:
            _log.info("%d alert(s) of connection %r were moved to its new receiver.", moved, mailbox.conn_id)


def shared(policy: DeliveryPolicy, share: float) -> DeliveryPolicy:
    """The delivery options of a receiver whose rate limit is shared with other machines.

    :param share: the part that may be used here; 1 is all of it.
    """
    if share >= 1:
        return policy
    return replace(policy, rate_limit_per_minute=max(1, int(policy.rate_limit_per_minute * share)))


def _fallbacks(outbox: Outbox, receiver: Receiver, lead: _Lead) -> Sequence[Fallback]:
    """The other robots of the same group. One that can't be looked up is skipped with a warning."""
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.fallbacks import Fallback
    from airflow_provider_dingpush.pipeline.claim_links import claim_link
    from airflow_provider_dingpush.pipeline.composing import composer_for
    from airflow_provider_dingpush.pipeline.duty import KnownDuty
    from airflow_provider_dingpush.pipeline.incidents import claim_notes

    found = []
    for conn_id in receiver.hook.settings.fallback_conn_ids:
        try:
            other = lead.find(Mailbox(conn_id))
        except DingTalkError as problem:
            _log.warning("The fallback connection %r can't be used: %s", conn_id, problem)
            continue
        # People and language are those of the connection that the alerts are for.
        claims = claim_notes(outbox, receiver.receiver_id)
        compose = composer_for(other, receiver.hook.settings, KnownDuty(), claims, claim_link)
        policy = shared(other.hook.settings.delivery, lead.share)
        found.append(Fallback(other, policy, _leading(outbox, other.receiver_id), compose))
    return found


def _leading(outbox: Outbox, receiver_id: str) -> Callable[[], AbstractContextManager[LedgerBook | None]]:
    return lambda: outbox.leadership(receiver_id)


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log an error of a step that nothing depends on."""
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - nothing depends on it
        from airflow_provider_dingpush.pipeline.redaction import described

        _log.warning("%s: %s", what, described(problem))


def report_pending(outbox: Outbox, result: DrainResult) -> None:
    """Log pending alerts, and how to have them sent if no flusher ran lately."""
    # Alerts that are only collected until an interval ends need no warning.
    if not result.left or (result.again_at is None and not result.problem):
        return
    if _flusher_ran_within(outbox, _FLUSHER_SEEN_SECONDS):
        _log.info("%d pending alert(s) go with a later notification: %s.", result.left, result.in_words("en"))
        return
    _log.warning(
        "%d alert(s) are pending (%s); the next callback sends them, if there is one. To be sure, put these two "
        "lines into a DAG file 为保证送达，请在任一 DAG 文件中加入这两行:\n"
        "from airflow_provider_dingpush.operators import create_flush_dag\n"
        "flush_dag = create_flush_dag()",
        result.left,
        result.in_words("en"),
    )


def _flusher_runs(outbox: Outbox) -> bool:
    """Whether a flusher runs for this outbox."""
    # With an outbox on each machine, a flusher reaches only the one that it happens to run on.
    return not has_host_local_outbox() and _flusher_ran_within(outbox, _FLUSHER_RUNS_SECONDS)


def _flusher_ran_within(outbox: Outbox, seconds: float) -> bool:
    """Whether a flusher ran so lately, in seconds."""
    with _logged("It can't be read when a flusher last ran"):
        ran_at = outbox.last_flush()
        return ran_at is not None and abs(time.time() - ran_at) < seconds
    return False
