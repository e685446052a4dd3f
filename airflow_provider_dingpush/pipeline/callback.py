"""A callback: from the context that Airflow passes to an alert that is sent, or is safe in a store until it is.

The steps, in their order: read the context, write the alert into a store, drain its receiver or leave that to the
process which already does. All of it happens within the time that :mod:`~.callback_limits` grants.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import failed_task_ids, is_airflow_3, redact
from airflow_provider_dingpush.connection_ids import shown_connection_id
from airflow_provider_dingpush.errors import (
    AlertsWaitingError,
    ContentError,
    DingTalkError,
    OutboxError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.pipeline import callback_limits
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.callback_context import facts_of, success_in
from airflow_provider_dingpush.pipeline.callback_limits import Process, budget_of, process_of, require_time
from airflow_provider_dingpush.pipeline.recent_recovery import RecentRecovery
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.delivery.drain_result import DrainResult, LeaderRole
    from airflow_provider_dingpush.pipeline.notifier_arguments import GivenArguments, RenderedArguments
    from airflow_provider_dingpush.pipeline.receivers import Receiver
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.contract import LedgerBook

CallWithin = Callable[[Callable[[], Any], float], Any]
"""Calls a function, and waits for it so many seconds at most."""

_log = logging.getLogger(__name__)
_budget = CallbackBudget(ticks=time.monotonic)
_recovery = RecentRecovery(ticks=time.monotonic)
# Before the alert is safe: of reading a DAG file that took half of its 50 seconds, enough must be left.
_READING_SECONDS = 10.0
# A success that most probably resolves nothing isn't worth more; and what waits in files moves within so many seconds.
_LOOK_UP_SECONDS = _MOVING_SECONDS = 1.0
# The share of the time that is left to write down the result.
_NOTING_SHARE = 1 / 16


def notify(given: GivenArguments, context: Mapping[str, Any], *, in_triggerer: bool, raise_on_failure: bool) -> None:
    """Do all that a notifier does when Airflow calls it; what goes wrong is logged.

    :param given: the notifier's arguments, as the DAG file gives them.
    :param in_triggerer: no second thread may be used, because only this one can ask the triggerer for connections.
    :param raise_on_failure: also raise what goes wrong.
    :raises DingTalkError: only with ``raise_on_failure``.
    """
    about = f"connection {shown_connection_id(given.dingtalk_conn_id)}"
    try:
        resolves_nothing, lost = _resolves_nothing(given, context)
        if resolves_nothing:
            return
        facts = facts_of(context)
        # A process may send many alerts.
        subject = " ".join(name for name in (facts.event.value, facts.dag_id, facts.run_id, facts.task_id) if name)
        about = f"{subject}, {about}"
        budget_key, seconds = budget_of(facts)
        with _budget.share(budget_key, seconds) as seconds_left:
            from airflow_provider_dingpush.alerts.alert import mailbox_of
            from airflow_provider_dingpush.pipeline.stores import stores

            call_within: CallWithin = _call_here if in_triggerer else _call_within
            facts, arguments = _read(given, context, facts, seconds_left, call_within)
            mailbox = mailbox_of(arguments.conn_id, arguments.target)
            deadline = Deadline.after(seconds_left())
            among = stores(deadline, lost=lost)
            _Callback(facts, arguments, mailbox, among, deadline, call_within, raise_on_failure).run()
    except Exception as error:
        status = "was not sent"
        if isinstance(error, AlertsWaitingError):
            status = "waits to be sent"
        elif isinstance(error, UnknownOutcomeError):
            status = "may not have arrived"
        # Only what is known to hold no secrets is printed whole, and no traceback, which would show the rest.
        _log.error("%s %s (%s). %s", NOTIFICATION_LOG_LINE, status, about, described(error))
        if raise_on_failure:
            raise


def _call_here(function: Callable[[], Any], _seconds: float) -> Any:
    return function()


def _call_within(function: Callable[[], Any], seconds: float) -> Any:
    # Loaded by whoever needs it: most callbacks send nothing.
    from airflow_provider_dingpush.pipeline.look_ups import look_up_within

    return look_up_within(function, seconds)


def _resolves_nothing(given: GivenArguments, context: Mapping[str, Any]) -> tuple[bool, str | None]:
    """Whether this is a success that resolves no incident, found out without loading anything else.

    Also why the outbox can't be used, so that it isn't tried a second time.
    """
    if not given.is_plain:
        return False, None
    try:
        success = success_in(context)
    except Exception:  # noqa: BLE001 - a context may hold anything, and what isn't plainly a success is reported
        return False, None
    if success is None or _recovery.is_about(success):
        return False, None
    from airflow_provider_dingpush.pipeline.outboxes import nothing_failed

    if nothing_failed():
        return True, None
    from airflow_provider_dingpush.alerts.alert import Mailbox, incident_of
    from airflow_provider_dingpush.pipeline.stores import stores

    incident = incident_of(Mailbox(given.dingtalk_conn_id), *success)
    among = stores(Deadline.after(_LOOK_UP_SECONDS))
    try:
        return not any(store.outbox.has_open_incident(incident) for store in among), None
    except OutboxError:
        return False, among[0].lost


def _read(
    given: GivenArguments,
    context: Mapping[str, Any],
    facts: RunFacts,
    seconds_left: Callable[[], float],
    call_within: CallWithin,
) -> tuple[RunFacts, RenderedArguments]:
    """All facts, which of a failed run only Airflow can complete, and the notifier's arguments rendered with them."""
    from airflow_provider_dingpush.pipeline.notifier_arguments import read_arguments

    if facts.event.is_run_failure:
        facts = facts_of(context, failed_task_ids(context, min(seconds_left() / 2, _READING_SECONDS)))
    rendered_by = Deadline.after(min(seconds_left() / 2, _READING_SECONDS))

    def limit(render: Callable[[], Any]) -> Any:
        # The context of Airflow 2 belongs to a database session of this thread.
        return call_within(render, rendered_by.seconds_left()) if is_airflow_3() else render()

    return facts, read_arguments(given, context, facts, limit=limit)


class _Callback(NamedTuple):
    """One call of one notifier, whose context was read.

    :param among: the stores, best first.
    :param deadline: of all that is done, whatever the stores do.
    """

    facts: RunFacts
    arguments: RenderedArguments
    mailbox: Mailbox
    among: Sequence[Store]
    deadline: Deadline
    call_within: CallWithin
    raise_on_failure: bool

    def run(self) -> None:
        """Put the alert where it is safe, and send what waits there."""
        from airflow_provider_dingpush.pipeline.stores import ends_a_failure, keep

        alert = None
        try:
            alert = self._alert(self.arguments)
            if alert.resolved:
                alert = _recovery.timed(alert)
                if not _recovery.includes(alert) and not ends_a_failure(alert, self.among):
                    return
            # Now it is safe. From here on nothing can lose it: not a connection that can't be looked up, and no kill.
            store = keep(alert, self.among)
            _recovery.note(alert)
        except (OutboxError, ContentError) as problem:
            # A picture that can't be written down, or disks that take nothing: better sent alone than not at all.
            self._send_unstored(alert, redact(str(problem)))
            return
        self._move_what_waits(store)
        self._serve(alert, store, *self._role(store))

    def _alert(self, arguments: RenderedArguments) -> Alert:
        from airflow_provider_dingpush.alerts.run_alert import alert_of
        from airflow_provider_dingpush.pipeline.alert_sizes import bounded
        from airflow_provider_dingpush.pipeline.composing import plain_form

        alert = alert_of(
            self.facts,
            self.mailbox,
            at=time.time(),
            message=plain_form(arguments.message),
            mentions=arguments.mentions,
            language=arguments.language,
            problems=arguments.problems,
        )
        return bounded(alert)

    def _send_unstored(self, alert: Alert | None, problem: str) -> None:
        from airflow_provider_dingpush.pipeline.unstored_alerts import UnstoredAlert, send_unstored

        _log.warning("The alert is sent without the outbox: %s", problem)
        own = self.arguments
        if alert is None:
            alert = self._alert(own._replace(message=None, problems={**own.problems, "message": problem}))
        else:
            _recovery.note(alert)
        unstored = UnstoredAlert(self.facts, alert, own.message, own.problems)
        send_unstored(unstored, self.among, self.deadline, self.call_within)

    def _move_what_waits(self, store: Store) -> None:
        """Bring what waits elsewhere on this host to where the alert is."""
        from airflow_provider_dingpush.pipeline.stores import take_up_copies

        if store is not self.among[0]:
            take_up_copies(store)
            return
        if others := [each for each in self.among[1:] if _holds_something(each)]:
            from airflow_provider_dingpush.pipeline.store_moves import move_alerts

            move_alerts(store, others, self.deadline.sub(_MOVING_SECONDS))

    def _role(self, store: Store) -> tuple[LeaderRole, Deadline]:
        """As what to lead, and until when."""
        from airflow_provider_dingpush.delivery.drain_result import LeaderRole
        from airflow_provider_dingpush.pipeline.outboxes import has_host_local_outbox

        if process_of(self.facts) is not Process.DAG_PROCESSOR:
            return LeaderRole.CALLBACK, self.deadline
        if store.stands_in or has_host_local_outbox():
            # From an outbox of this host nobody else would send it.
            return LeaderRole.CALLBACK, self.deadline.sub(callback_limits.CALLBACK_SECONDS)
        return LeaderRole.DAG_PROCESSOR, self.deadline

    def _serve(self, alert: Alert, store: Store, role: LeaderRole, deadline: Deadline) -> None:
        """Send what waits, or leave it to the process that does; the alert is safe either way.

        :raises AlertsWaitingError: if it could not be sent; with ``raise_on_failure`` also if it only waits its turn.
        """
        among = self.among
        try:
            result = self._drain(store, role, deadline)
            if store.lost is not None and not (result and result.messages):
                raise OutboxError(store.lost)
        except OutboxError as trouble:
            from airflow_provider_dingpush.pipeline.stores import keep_a_copy, keep_elsewhere

            other = keep_elsewhere(alert, store, among, trouble)
            if other is not None:
                self._serve(alert, other, role, deadline)
                return
            if store is among[0]:
                keep_a_copy(alert, among[1:])
            raise AlertsWaitingError(redact(str(trouble))) from None
        except DingTalkError as trouble:
            raise AlertsWaitingError(redact(str(trouble))) from None
        if result is None:
            _log.info(
                "Another process sends for connection %r; the alert is safe and goes with its next message.",
                self.mailbox.conn_id,
            )
            return
        self._report(result, store)

    def _drain(self, store: Store, role: LeaderRole, deadline: Deadline) -> DrainResult | None:
        """The result of sending what waits in a store; ``None`` if another process does that.

        :raises OutboxError: if the store can't be used.
        :raises DingTalkError: if no time is left, or the connection can't be looked up or is wrong.
        """
        from airflow_provider_dingpush.pipeline.dispatching import serve
        from airflow_provider_dingpush.pipeline.stores import known_pause, note_known_pause

        require_time(deadline)
        is_first = store is self.among[0]
        pause = None if is_first else known_pause(self.mailbox, self.among)
        if pause is not None:
            from airflow_provider_dingpush.delivery.drain_result import DrainResult

            return DrainResult.of_pause(store.outbox.pending_in(self.mailbox), pause.reason, pause.until)

        def find(wanted: Mailbox) -> Receiver:
            from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

            sender: Receiver = self.call_within(lambda: receiver_of_mailbox(wanted), require_time(deadline))
            return sender

        def bring_in(receiver_id: str, book: LedgerBook) -> None:
            from airflow_provider_dingpush.pipeline.store_moves import carry_over

            for other in self.among[1:]:
                carry_over(other, receiver_id, book)

        result = serve(
            store.outbox,
            self.mailbox,
            deadline.sub((1 - _NOTING_SHARE) * max(0.0, deadline.seconds_left())),
            role,
            find=find,
            share=store.share,
            carry_over=bring_in if is_first else None,
        )
        if is_first and result is not None and result.left:
            note_known_pause(self.mailbox, self.among)
        return result

    def _report(self, result: DrainResult, store: Store) -> None:
        from airflow_provider_dingpush.pipeline.dispatching import report_pending

        if result.messages:
            _log.info(
                "%s: %d alert(s) in %d message(s) through connection %r.",
                SENT_LOG_LINE,
                result.alerts,
                result.messages,
                self.mailbox.conn_id,
            )
        with suppress(OutboxError):  # it only logs who sends the rest
            report_pending(store.outbox, result)
        if result.left and (result.problem or self.raise_on_failure):
            raise AlertsWaitingError(result.problem or result.in_words("en"))


def _holds_something(store: Store) -> bool:
    """Whether something was ever put into this store; ``True`` if that can't be found out, which is logged later."""
    with suppress(OutboxError):
        return not store.is_empty
    return True
