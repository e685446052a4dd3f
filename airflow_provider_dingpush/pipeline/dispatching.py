"""Who sends what waits: one process leads a receiver and sends for all, everybody else leaves at once.

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
"""Brings into a receiver's book what was noted about it elsewhere."""

_log = logging.getLogger(__name__)
# Nobody needs to read how to set up a flusher if one ran since then; and it is relied on if it just ran.
_FLUSHER_SEEN_SECONDS, _FLUSHER_RUNS_SECONDS = 300.0, 180.0
# A leader wants a successor in its last second only.
_SUCCESSOR_WAIT_SECONDS, _SUCCESSOR_POLL_SECONDS = 1.5, 0.01
# Of a mailbox's new receiver, to fetch what waits for the former one: as long as one that leads it takes to leave.
_FETCH_SECONDS, _FETCH_POLL_SECONDS = 3.0, 0.25


class _Terms(NamedTuple):
    """On which terms a process leads.

    :param deadline: when to be back.
    :param role: as what it leads.
    :param find: looks a connection up.
    :param flusher_runs: whether a flusher will send what is left.
    :param share: of a receiver's rate limit, what may be sent from this outbox.
    :param carry_over: brings in what other outboxes know.
    :param formers: mailboxes that got another receiver, and the one whose book may still hold alerts of them.
    """

    deadline: Deadline
    role: LeaderRole
    find: Find
    flusher_runs: Callable[[], bool]
    share: float
    carry_over: CarryOver | None
    formers: list[tuple[Mailbox, str]]


def serve(
    outbox: Outbox,
    mailbox: Mailbox,
    deadline: Deadline,
    role: LeaderRole,
    *,
    find: Find | None = None,
    share: float = 1.0,
    carry_over: CarryOver | None = None,
) -> DrainResult | None:
    """Send what waits for the mailbox's receiver, unless another process does: then ``None``, at once.

    While DingTalk throttles the receiver, or a storm goes on and a flusher runs, nobody leads but the flusher.

    :param deadline: when to be back.
    :param role: as what this process leads.
    :param find: looks the connection up.
    :param share: of the receiver's rate limit, what may be sent from this outbox.
    :param carry_over: brings in what other outboxes know.
    :raises DingTalkError: if the connection can't be looked up or is wrong; what waits stays where it is.
    :raises OutboxError: if the outbox can't be used.
    """
    known = outbox.receiver_of(mailbox)
    pause = None if known is None else outbox.pause_of(known)
    if pause is not None:
        return DrainResult.of_pause(outbox.pending_in(mailbox), pause.reason, pause.until)
    # What stands in for an outbox is emptied by whoever is on this machine.
    terms = _Terms(
        deadline, role, find or _find, lambda: share >= 1 and _flusher_runs(outbox), share, carry_over, formers=[]
    )
    return _serve(outbox, mailbox, known, terms)


def flush(
    outbox: Outbox,
    deadline: Deadline,
    role: LeaderRole = LeaderRole.FLUSHER,
    *,
    share: float = 1.0,
    carry_over: CarryOver | None = None,
) -> Iterator[tuple[Mailbox, DrainResult | str | None]]:
    """Send whatever waits for any receiver; gives the result for each, or what went wrong.

    Whatever is wrong with one connection, the others are served. Alerts that wait in the book of a receiver that their
    connection had before are fetched from there.

    :param deadline: when to be back.
    :param role: a flusher leaves most of a storm to the next flush, a person nothing.
    :param share: of each receiver's rate limit, what may be sent from this outbox.
    :param carry_over: brings in what other outboxes know.
    """
    from airflow_provider_dingpush.pipeline import look_ups, pending
    from airflow_provider_dingpush.pipeline.redaction import described

    flusher_runs = role.rules.relies_on_flusher and _flusher_runs(outbox)
    with _logged("It can't be noted that a flusher ran"):
        outbox.note_flush(time.time())
    connections = look_ups.LookUps(deadline)
    terms = _Terms(deadline, role, connections.sender, lambda: flusher_runs, share, carry_over, formers=[])
    served: dict[str, list[tuple[Mailbox, list[str]]]] = {}
    problems: dict[Mailbox, str] = {}
    for mailbox, holders in pending.holders_of_alerts(outbox).items():
        try:
            receiver_id = connections.sender(mailbox).receiver_id
            if outbox.receiver_of(mailbox) != receiver_id:
                outbox.assign(mailbox, receiver_id)
            served.setdefault(receiver_id, []).append((mailbox, holders))
        except Exception as problem:  # noqa: BLE001 - it must not stop the others
            problems[mailbox] = described(problem)
    for number, (receiver_id, mailboxes) in enumerate(served.items()):
        # One that can't be reached is tried again until its time is over.
        its_own = deadline.sub(deadline.seconds_left() / (len(served) - number))
        formers = [(mailbox, holder) for mailbox, holders in mailboxes for holder in holders]
        first, _ = mailboxes[0]
        try:
            yield first, _serve(outbox, first, receiver_id, terms._replace(deadline=its_own, formers=formers))
        except Exception as problem:  # noqa: BLE001 - it must not stop the others
            yield first, described(problem)
    for mailbox, problem_text in problems.items():
        # Another connection of the same receiver may have taken its alerts along.
        if pending.alerts_of(outbox, mailbox):
            yield mailbox, problem_text


def _find(mailbox: Mailbox) -> Receiver:
    from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

    return receiver_of_mailbox(mailbox)


def _serve(outbox: Outbox, mailbox: Mailbox, known: str | None, terms: _Terms) -> DrainResult | None:
    """Lead, as often as somebody relied on it.

    :param known: the receiver that the mailbox belongs to, as far as anybody knows.
    """
    fetch_deadline, succeeds = terms.deadline.sub(_FETCH_SECONDS), terms.role.rules.succeeds
    while True:
        if succeeds and known is not None and _successor_slot_taken(outbox, known, terms.deadline) is False:
            return None
        result, known = _serve_once(outbox, mailbox, known, terms)
        if result is None:
            # Nobody else knows what a mailbox of this receiver left with its former one.
            fetches = any(former != known for _, former in terms.formers)
            if not fetches or fetch_deadline.seconds_left() <= 0:
                return None
            time.sleep(_FETCH_POLL_SECONDS)
        elif not result.handed_over and not _is_more_to_send(outbox, known, result, terms.deadline):
            # If it was handed over to one that has given up meanwhile, it is still up to us.
            return result


def _is_more_to_send(outbox: Outbox, receiver_id: str, result: DrainResult, deadline: Deadline) -> bool:
    """Whether somebody put an alert and left because this process led, after it had looked for the last time."""
    if result.left or deadline.seconds_left() <= 0:
        return False
    return not set(outbox.mailboxes_of(receiver_id)).isdisjoint(outbox.pending_mailboxes())


def _successor_slot_taken(outbox: Outbox, receiver_id: str, deadline: Deadline) -> bool | None:
    """Wait until the leader leaves, if it wants somebody to: it may rely on this process to lead next.

    ``False`` if it relies on another one, ``None`` if it wants nobody.

    :param deadline: when to be back; half of the time is left for leading.
    """
    with outbox.successor_slot(receiver_id) as chosen:
        wait = deadline.sub(min(_SUCCESSOR_WAIT_SECONDS, deadline.seconds_left() / 2))
        while chosen and outbox.wants_successor(receiver_id) and wait.seconds_left() > 0:
            time.sleep(_SUCCESSOR_POLL_SECONDS)
        return chosen


def _serve_once(outbox: Outbox, mailbox: Mailbox, known: str | None, terms: _Terms) -> tuple[DrainResult | None, str]:
    if known is not None:
        with outbox.leadership(known) as book:
            if book is None:
                return None, known
            sender = terms.find(mailbox)
            if sender.receiver_id == known:
                return _drain(outbox, book, sender, terms), known
        # Somebody gave the connection another receiver.
        terms.formers.append((mailbox, known))
    with outbox.resolving(mailbox) as first:
        if not first:
            return None, known or ""
        sender = terms.find(mailbox)
        outbox.assign(mailbox, sender.receiver_id)
    with outbox.leadership(sender.receiver_id) as book:
        return _drain(outbox, book, sender, terms) if book else None, sender.receiver_id


def _drain(outbox: Outbox, book: LedgerBook, sender: Receiver, terms: _Terms) -> DrainResult:
    from airflow_provider_dingpush.delivery.drain import Drain
    from airflow_provider_dingpush.pipeline.composing import composer_for, local_zone

    _fetch(outbox, sender.receiver_id, book, terms.formers)
    if terms.carry_over is not None:
        terms.carry_over(sender.receiver_id, book)
    settings = sender.hook.settings
    composer = composer_for(sender, settings)
    return Drain(
        book,
        sender,
        shared(settings.delivery, terms.share),
        composer,
        deadline=terms.deadline,
        role=terms.role,
        handover=terms.role.rules.handover(flusher_runs=terms.flusher_runs()),
        language_of=composer.language_of,
        zone=local_zone(),
        fallbacks=_fallbacks(outbox, sender, terms),
    ).run()


def _fetch(outbox: Outbox, receiver_id: str, book: LedgerBook, formers: list[tuple[Mailbox, str]]) -> None:
    """Take over what mailboxes of this receiver left in the books of former ones, where nobody else leads these."""
    from airflow_provider_dingpush.delivery.transfer import move, take_back

    for mailbox, former in list(formers):
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
        formers.remove((mailbox, former))
        if moved:
            _log.info("%d alert(s) of connection %r were moved to its new receiver.", moved, mailbox.conn_id)


def shared(policy: DeliveryPolicy, share: float) -> DeliveryPolicy:
    """The options of a receiver of whose rate limit others use a part that isn't known here.

    :param share: what may be used here; 1 is all of it.
    """
    if share >= 1:
        return policy
    return replace(policy, rate_limit_per_minute=max(1, int(policy.rate_limit_per_minute * share)))


def _fallbacks(outbox: Outbox, sender: Receiver, terms: _Terms) -> Sequence[Fallback]:
    """The other robots of the same group. One that can't be looked up is no reason not to use this one."""
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.fallbacks import Fallback
    from airflow_provider_dingpush.pipeline.composing import composer_for

    found = []
    for conn_id in sender.hook.settings.fallback_conn_ids:
        try:
            other = terms.find(Mailbox(conn_id))
        except DingTalkError as problem:
            _log.warning("The fallback connection %r can't be used: %s", conn_id, problem)
            continue
        # People and language are those of the connection that the alerts are for.
        compose = composer_for(other, sender.hook.settings)
        policy = shared(other.hook.settings.delivery, terms.share)
        found.append(Fallback(other, policy, _leading(outbox, other.receiver_id), compose))
    return found


def _leading(outbox: Outbox, receiver_id: str) -> Callable[[], AbstractContextManager[LedgerBook | None]]:
    return lambda: outbox.leadership(receiver_id)


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log what goes wrong with something that nothing depends on."""
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - nothing depends on it
        from airflow_provider_dingpush.pipeline.redaction import described

        _log.warning("%s: %s", what, described(problem))


def report_pending(outbox: Outbox, result: DrainResult) -> None:
    """Log what still waits, and how to have it sent if no flusher ran lately."""
    # What is only counted for a while is sent when its interval ends; nobody has to be warned of that.
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
    """Whether a flusher will come by here."""
    # Of several machines, each is visited now and then at most.
    return not has_host_local_outbox() and _flusher_ran_within(outbox, _FLUSHER_RUNS_SECONDS)


def _flusher_ran_within(outbox: Outbox, seconds: float) -> bool:
    """Whether a flusher ran so lately, in seconds."""
    with _logged("It can't be read when a flusher last ran"):
        ran_at = outbox.last_flush()
        return ran_at is not None and abs(time.time() - ran_at) < seconds
    return False
