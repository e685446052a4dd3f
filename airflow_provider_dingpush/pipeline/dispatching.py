"""Who sends what waits: one process leads a robot and serves all, everybody else leaves at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.drain_result import DrainResult, Handover
from airflow_provider_dingpush.errors import DingTalkError, OutboxError, ThrottledError, UnknownOutcomeError
from airflow_provider_dingpush.pipeline.composing import Composer, local_zone
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.outboxes import has_host_local_outbox
from airflow_provider_dingpush.pipeline.pending import alerts_of, holders_of_alerts
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.senders import AppSender, RobotSender, sender_for
from airflow_provider_dingpush.storage.contract import LedgerBook
from airflow_provider_dingpush.storage.outbox import Outbox

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.dispatcher import Fallback
    from airflow_provider_dingpush.delivery.ledger import Ledger
    from airflow_provider_dingpush.delivery.policy import DeliveryPolicy

AnySender = RobotSender | AppSender
Find = Callable[["Mailbox"], AnySender]
CarryOver = Callable[[str, LedgerBook], None]
"""Brings into a robot's book what was noted about it elsewhere."""

_log = logging.getLogger(__name__)
# Nobody needs to be told how to set up a flusher if one was seen since then; and it is relied on if it was just seen.
_FLUSHER_SEEN_SECONDS, _FLUSHER_LIVES_SECONDS = 300.0, 180.0
# A leader may hold its lock for a callback's whole budget; an operator asks again so often.
_TURN_POLL_SECONDS, _LEADER_DONE_SECONDS = 0.25, 10.0
# A flush leads for a minute; one that leads for longer is stopped, or hangs on its disk.
_LONGEST_LEAD_SECONDS = 90.0
# A leader wants a successor in its last second only.
_SUCCESSOR_WAIT_SECONDS, _SUCCESSOR_POLL_SECONDS = 1.5, 0.01
_STILL_WAITING_SECONDS = 30.0
# Of a mailbox's new robot, to fetch what waits for the former one: as long as one that leads it takes to leave.
_FETCH_SECONDS = 3.0


def serve(
    outbox: Outbox,
    mailbox: Mailbox,
    *,
    until: float,
    patient: bool,
    find: Find = sender_for,
    share: float = 1.0,
    carry_over: CarryOver | None = None,
) -> DrainResult | None:
    """Send what waits for the mailbox's robot, unless another process does: then ``None``, at once.

    While the robot is shut out, or a storm goes on and a flusher lives, nobody leads but the flusher.

    :param until: when to be back, in seconds of ``time.monotonic``.
    :param patient: wait for company and for a free slot; otherwise send only what can be sent now.
    :param find: looks the connection up.
    :param share: of the robot's rate limit, what may be sent from this outbox.
    :param carry_over: brings in what other outboxes know.
    :raises DingTalkError: if the connection can't be looked up or is wrong; what waits stays where it is.
    :raises OutboxError: if the outbox can't be used.
    """
    known = outbox.receiver_of(mailbox)
    pause = None if known is None else outbox.pause_of(known)
    if pause is not None:
        return DrainResult(0, 0, outbox.pending_in(mailbox), pause.reason, pause.until)

    def handover() -> Handover:
        # What stands in for an outbox is emptied by whoever is on this machine.
        if share >= 1 and _flusher_lives(outbox):
            return Handover.FLUSHER
        return Handover.SUCCESSOR if patient else Handover.NOBODY

    options = _DrainOptions(until, patient, find, handover, may_succeed=patient, share=share, carry_over=carry_over)
    return _serve(outbox, mailbox, known, options)


@dataclass(frozen=True)
class _DrainOptions:
    """How a process leads.

    :param until: when to be back, in seconds of ``time.monotonic``.
    :param patient: wait for company and for a free slot.
    :param find: looks a connection up.
    :param relief: tells who could tell in a storm what it leaves.
    :param may_stand_by: whether it goes on in a leader's place.
    :param lift_hold: whether a misconfigured robot is tried again at once.
    :param share: of a robot's rate limit, what may be sent.
    :param carry_over: brings in what other outboxes know.
    :param left_behind: mailboxes that got another robot, and the one whose book may still hold alerts of them.
    """

    until: float
    patient: bool
    find: Find
    handover: Callable[[], Handover]
    may_succeed: bool = False
    lift_hold: bool = False
    share: float = 1.0
    carry_over: CarryOver | None = None
    left_behind: list[tuple[Mailbox, str]] = field(default_factory=list)


def _serve(outbox: Outbox, mailbox: Mailbox, known: str | None, options: _DrainOptions) -> DrainResult | None:
    """Lead, as often as somebody relied on it.

    :param known: the robot that the mailbox belongs to, as far as anybody knows.
    """
    began = time.monotonic()
    while True:
        if options.may_succeed and known is not None and _successor_slot_taken(outbox, known, options.until) is False:
            return None
        drained, receiver_id = _serve_once(outbox, mailbox, known, options)
        fetches = any(former != receiver_id for _, former in options.left_behind)
        if drained is None and fetches and time.monotonic() < min(began + _FETCH_SECONDS, options.until):
            # Nobody else knows what a mailbox of this robot left with its former one.
            known = receiver_id
            time.sleep(_TURN_POLL_SECONDS)
            continue
        if drained is None:
            return None
        if drained.handed_over:
            # To whom? If that one has given up meanwhile, it is still up to us.
            known = receiver_id
            continue
        # Somebody may have put an alert and left because this process led, after it had looked for the last time.
        mine = set(outbox.mailboxes_of(receiver_id))
        if drained.left or time.monotonic() >= options.until or not mine.intersection(outbox.pending_mailboxes()):
            return drained
        known = receiver_id


def _successor_slot_taken(outbox: Outbox, receiver_id: str, until: float) -> bool | None:
    """Wait until the leader leaves, if it wants somebody to: it may rely on this process to lead next.

    ``False`` if it relies on another one, ``None`` if it wants nobody.

    :param until: when to be back, in seconds of ``time.monotonic``; half of the time is left for leading.
    """
    with outbox.successor_slot(receiver_id) as chosen:
        end = min(time.monotonic() + _SUCCESSOR_WAIT_SECONDS, (time.monotonic() + until) / 2)
        while chosen and outbox.wants_successor(receiver_id) and time.monotonic() < end:
            time.sleep(_SUCCESSOR_POLL_SECONDS)
        return chosen


def _serve_once(
    outbox: Outbox, mailbox: Mailbox, known: str | None, options: _DrainOptions
) -> tuple[DrainResult | None, str]:
    if known is not None:
        with outbox.leadership(known) as book:
            if book is None:
                return None, known
            sender = options.find(mailbox)
            if sender.receiver_id == known:
                _fetch(outbox, known, book, options.left_behind)
                return _drain(outbox, book, sender, options), known
        # Somebody gave the connection another robot.
        options.left_behind.append((mailbox, known))
    with outbox.resolving(mailbox) as first:
        if not first:
            return None, known or ""
        sender = options.find(mailbox)
        outbox.assign(mailbox, sender.receiver_id)
    with outbox.leadership(sender.receiver_id) as book:
        if book is None:
            return None, sender.receiver_id
        _fetch(outbox, sender.receiver_id, book, options.left_behind)
        return _drain(outbox, book, sender, options), sender.receiver_id


def _fetch(outbox: Outbox, receiver_id: str, book: LedgerBook, left_behind: list[tuple[Mailbox, str]]) -> None:
    """Take over what mailboxes of this robot left in the books of their former ones, where nobody else leads these."""
    from airflow_provider_dingpush.delivery.transfer import move, take_back

    for mailbox, former in list(left_behind):
        try:
            if former == receiver_id:
                moved = take_back(book, mailbox)
            else:
                with outbox.leadership(former) as old:
                    if old is None:
                        continue
                    moved = move(old, book, mailbox, last=not outbox.mailboxes_of(former))
        except OutboxError as problem:
            _log.warning("What waits of connection %r can't go along to its new robot: %s", mailbox.conn_id, problem)
            continue
        left_behind.remove((mailbox, former))
        if moved:
            _log.info("%d alert(s) of connection %r go along to its new robot.", moved, mailbox.conn_id)


def _drain(outbox: Outbox, book: LedgerBook, sender: AnySender, options: _DrainOptions) -> DrainResult:
    from airflow_provider_dingpush.delivery.dispatcher import Dispatcher
    from airflow_provider_dingpush.delivery.ledger import Ledger

    composer, policy, zone = Composer(sender), shared(sender.hook.settings.delivery, options.share), local_zone()
    if options.carry_over is not None:
        options.carry_over(sender.receiver_id, book)
    if options.lift_hold:
        Ledger(book, policy, zone=zone).lift_hold()
    dispatcher = Dispatcher(
        book,
        sender,
        policy,
        composer,
        language_of=composer.language_of,
        zone=zone,
        fallbacks=_fallbacks(outbox, sender, options),
    )
    return dispatcher.drain(options.until, patient=options.patient, handover=options.handover())


def shared(policy: DeliveryPolicy, share: float) -> DeliveryPolicy:
    """The options of a robot of whose rate limit others use a part that isn't known here."""
    if share >= 1:
        return policy
    return replace(policy, rate_limit_per_minute=max(1, int(policy.rate_limit_per_minute * share)))


def _fallbacks(outbox: Outbox, sender: AnySender, options: _DrainOptions) -> Sequence[Fallback]:
    """The other robots of the same group. One that can't be looked up is no reason not to use this one."""
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.dispatcher import Fallback

    found = []
    for conn_id in sender.hook.settings.fallback_conn_ids:
        try:
            other = options.find(Mailbox(conn_id))
        except DingTalkError as problem:
            _log.warning("The fallback robot %r can't be used: %s", conn_id, problem)
            continue
        # Whose people and which language is told by the connection that the alerts are for.
        compose = Composer(other, sender.hook.settings)
        policy = shared(other.hook.settings.delivery, options.share)
        found.append(Fallback(other, policy, _leading(outbox, other.receiver_id), compose))
    return found


def _leading(outbox: Outbox, receiver_id: str) -> Callable[[], AbstractContextManager[LedgerBook | None]]:
    return lambda: outbox.leadership(receiver_id)


def flush(
    outbox: Outbox,
    *,
    until: float,
    all_now: bool = False,
    share: float = 1.0,
    carry_over: CarryOver | None = None,
) -> Iterator[tuple[Mailbox, DrainResult | str | None]]:
    """Send whatever waits for any robot; gives for each what came of it, or what went wrong.

    Whatever is wrong with one connection, the others are served. Alerts that wait in the book of a robot that their
    connection had before are fetched from there.

    :param until: when to be back, in seconds of ``time.monotonic``.
    :param all_now: leave nothing to the next flush that could be sent, and try a misconfigured robot again; otherwise
        the messages of a storm are few.
    :param share: of each robot's rate limit, what may be sent from this outbox.
    :param carry_over: brings in what other outboxes know.
    """
    handover = Handover.FLUSHER if not all_now and _flusher_lives(outbox) else Handover.NOBODY
    with _logged("It can't be noted that a flusher ran"):
        outbox.note_flush(time.time())
    look_ups = LookUps(until)
    options = _DrainOptions(
        until, True, look_ups.sender, lambda: handover, lift_hold=all_now, share=share, carry_over=carry_over
    )
    served: dict[str, list[Mailbox]] = {}
    left_behind: dict[str, list[tuple[Mailbox, str]]] = {}
    problems: dict[Mailbox, str] = {}
    for mailbox, holders in holders_of_alerts(outbox).items():
        try:
            receiver_id = look_ups.sender(mailbox).receiver_id
            if outbox.receiver_of(mailbox) != receiver_id:
                outbox.assign(mailbox, receiver_id)
            served.setdefault(receiver_id, []).append(mailbox)
            left_behind.setdefault(receiver_id, []).extend((mailbox, holder) for holder in holders)
        except Exception as problem:  # noqa: BLE001 - it must not stop the others
            problems[mailbox] = described(problem)
    for number, (receiver_id, mailboxes) in enumerate(served.items()):
        # One that can't be reached is tried again until its time is over.
        seconds = (until - time.monotonic()) / (len(served) - number)
        its_own = replace(options, until=time.monotonic() + seconds, left_behind=left_behind[receiver_id])
        try:
            yield mailboxes[0], _serve(outbox, mailboxes[0], receiver_id, its_own)
        except Exception as problem:  # noqa: BLE001 - it must not stop the others
            yield mailboxes[0], described(problem)
    for mailbox, what in problems.items():
        # Another connection of the same robot may have taken its alerts along.
        if alerts_of(outbox, mailbox):
            yield mailbox, what


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log what goes wrong with something that nothing depends on."""
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - nothing depends on it
        _log.warning("%s: %s", what, described(problem))


def report_pending(outbox: Outbox, drained: DrainResult) -> None:
    """Say what still waits, and what sends it if nobody has been seen who does."""
    # What is only counted for a while is told when its interval ends; nobody has to be warned of that.
    if not drained.left or (drained.again_at is None and not drained.problem):
        return
    if _seen_within(outbox, _FLUSHER_SEEN_SECONDS):
        _log.info("%d alert(s) are safe and go with a later message: %s.", drained.left, drained.reason)
        return
    _log.warning(
        "%d alert(s) wait for the robot (%s); the next callback sends them, if there is one. To be sure, put these two "
        "lines into a DAG file 为保证送达，请在任一 DAG 文件中加入这两行:\n"
        "from airflow_provider_dingpush.operators import create_flush_dag\n"
        "flush_dag = create_flush_dag()",
        drained.left,
        drained.reason,
    )


def _flusher_lives(outbox: Outbox) -> bool:
    """Whether a flusher will come by here."""
    # Of several machines, each has its turn now and then at most.
    return not has_host_local_outbox() and _seen_within(outbox, _FLUSHER_LIVES_SECONDS)


def _seen_within(outbox: Outbox, seconds: float) -> bool:
    """Whether a flusher ran so lately."""
    with _logged("It can't be read when a flusher last ran"):
        seen = outbox.last_flush()
        return seen is not None and abs(time.time() - seen) < seconds
    return False


def seconds_until_slot(outbox: Outbox, sender: AnySender, *, share: float = 1.0) -> float:
    """How long it takes, in seconds, until the robot may say something; 0 if it may now or nobody can tell.

    :param share: of the robot's rate limit, what may be sent from this outbox.
    """
    with _ledger(outbox, sender, share) as ledger:
        wait = 0.0 if ledger is None else max(0.0, ledger.free_at(now := ledger.now()) - now)
    return max(wait, _shut_out_for(outbox, sender, share))


def _shut_out_for(outbox: Outbox, sender: AnySender, share: float) -> float:
    """For how long, in seconds, a robot is shut out of which another outbox has noted that here."""
    pause = outbox.pause_of(sender.receiver_id) if share < 1 else None
    return max(0.0, pause.until - time.time()) if pause else 0.0


@contextmanager
def rate_limit_slot(
    outbox: Outbox, sender: AnySender, *, messages: int = 1, share: float = 1.0, until: float = inf
) -> Iterator[None]:
    """Wait for the robot's turn and hold it while a message is sent.

    Alerts and messages of operators share one minute of the robot. Where the outbox can't be used the message is sent
    all the same.

    :param messages: how many messages it may become.
    :param share: of the robot's rate limit, what may be sent from this outbox.
    :param until: until when it is waited for, in seconds of ``time.monotonic``; then the message is sent all the same.
    """
    slots: list[str] = []
    try:
        slots.extend(slot for _ in range(messages) if (slot := _slot(outbox, sender, share, until)) is not None)
    except OutboxError as problem:
        _log.warning("The robot's window can't be looked at, so this message doesn't wait for its turn: %s", problem)
    try:
        yield
    except DingTalkError as problem:
        _give_back(outbox, sender, slots, problem, share)
        raise
    _give_back(outbox, sender, slots, None, share)


def _slot(outbox: Outbox, sender: AnySender, share: float, until: float) -> str | None:
    said_at = seen_free_at = time.monotonic()
    while True:
        wait = max(_TURN_POLL_SECONDS, throttle := _shut_out_for(outbox, sender, share))
        with _ledger(outbox, sender, share) as ledger:
            if ledger is not None:
                seen_free_at = time.monotonic()
            if ledger is not None and not throttle:
                now = ledger.now()
                slot = ledger.take_slot(now, sender.timeout_seconds)
                if slot is not None:
                    return slot
                wait = max(wait, ledger.free_at(now) - now)
        if time.monotonic() + wait > until:
            return None
        if time.monotonic() - seen_free_at > _LONGEST_LEAD_SECONDS:
            _log.warning("Another process leads the robot and doesn't end, so this message doesn't wait for its turn.")
            return None
        if time.monotonic() - said_at > _STILL_WAITING_SECONDS or wait > _STILL_WAITING_SECONDS:
            _log.info("Waiting %.0f s for a turn of the robot of connection %r.", wait, sender.conn_id)
            said_at = time.monotonic()
        time.sleep(min(wait, _STILL_WAITING_SECONDS))


def _give_back(
    outbox: Outbox, sender: AnySender, slots: Sequence[str], problem: DingTalkError | None, share: float
) -> None:
    if not slots and not isinstance(problem, ThrottledError):
        return
    # Another process may lead. What went wrong is worth waiting for it; after a success the slot only counts longer.
    end = time.monotonic() + (0.0 if problem is None else _LEADER_DONE_SECONDS)
    try:
        while not _is_given_back(outbox, sender, slots, problem, share) and time.monotonic() < end:
            time.sleep(_TURN_POLL_SECONDS)
    except OutboxError as trouble:
        _log.warning("The end of a message can't be noted in the robot's window: %s", trouble)


def _is_given_back(
    outbox: Outbox, sender: AnySender, slots: Sequence[str], problem: DingTalkError | None, share: float
) -> bool:
    with _ledger(outbox, sender, share) as ledger:
        if ledger is None:
            return False
        now = ledger.now()
        for slot in slots:
            ledger.give_back(slot, now, sent=problem is None)
        # Whose outcome is unknown and who is asked to wait met the page of a gateway.
        asked = problem.retry_after_seconds if isinstance(problem, (ThrottledError, UnknownOutcomeError)) else None
        if asked or isinstance(problem, ThrottledError):
            ledger.throttle(now, asked or 600.0, str(problem))
        return True


@contextmanager
def _ledger(outbox: Outbox, sender: AnySender, share: float) -> Iterator[Ledger | None]:
    """The robot's ledger, if no other process leads."""
    from airflow_provider_dingpush.delivery.ledger import Ledger

    with outbox.leadership(sender.receiver_id) as book:
        if book is None:
            yield None
        else:
            yield Ledger(book, shared(sender.hook.settings.delivery, share), zone=local_zone())
