"""A callback: from the context that Airflow passes to an alert that is sent, or pending in a store.

The steps, in their order: read the context, write the alert into a store, drain its receiver or leave that to the
process which already does. All of it happens within the time that :mod:`~.callback_limits` grants.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import is_airflow_3, redact
from airflow_provider_dingpush.connection_ids import shown_connection_id
from airflow_provider_dingpush.errors import (
    AlertsWaitingError,
    ContentError,
    DingTalkError,
    OutboxError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.pipeline import callback_limits
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.callback_context import facts_of, success_in
from airflow_provider_dingpush.pipeline.callback_limits import (
    Process,
    budget_of,
    failed_tasks_limit,
    process_of,
    reading_limit,
    require_time,
)
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
# Limits, in seconds, for asking whether a success resolves anything, and for moving pending alerts out of files.
_LOOK_UP_SECONDS = _MOVING_SECONDS = 1.0
# The share of the time that is reserved for recording the result.
_NOTING_SHARE = 1 / 16


def notify(given: GivenArguments, context: Mapping[str, Any], *, in_triggerer: bool, raise_on_failure: bool) -> None:
    """Do everything that a notifier does when Airflow calls it; errors are logged.

    :param given: the notifier's arguments, as the DAG file gives them.
    :param in_triggerer: no second thread may be used, because only this one can ask the triggerer for connections.
    :param raise_on_failure: also raise errors.
    :raises DingTalkError: only with ``raise_on_failure``.
    """
    about = f"connection {shown_connection_id(given.dingtalk_conn_id)}"
    try:
        resolves_nothing, lost = _resolves_nothing(given, context)
        if resolves_nothing:
            return
        facts = facts_of(context)._replace(recipients=given.recipients)
        if facts.event.is_warning and not facts.dbt_results:
            _log.info("No warning is reported: the callback named no test that has one.")
            return
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
            candidates = stores(deadline, lost=lost)
            _Callback(facts, arguments, mailbox, candidates, deadline, call_within, raise_on_failure).run()
    except Exception as error:
        status = "was not sent"
        if isinstance(error, AlertsWaitingError):
            status = "waits to be sent"
        elif isinstance(error, UnknownOutcomeError):
            status = "may not have arrived"
        # Only texts that are known to hold no secrets are logged, and no traceback, which would show others.
        _log.error("%s %s (%s). %s", NOTIFICATION_LOG_LINE, status, about, described(error))
        if raise_on_failure:
            raise


def _call_here(function: Callable[[], Any], _seconds: float) -> Any:
    return function()


def _call_within(function: Callable[[], Any], seconds: float) -> Any:
    # Loaded only when needed: most callbacks send nothing.
    from airflow_provider_dingpush.pipeline.look_ups import look_up_within

    return look_up_within(function, seconds)


def _resolves_nothing(given: GivenArguments, context: Mapping[str, Any]) -> tuple[bool, str | None]:
    """Whether this is a success that resolves no incident, found out without loading other modules.

    Also why the outbox can't be used, so that it isn't tried a second time.
    """
    if not given.is_plain:
        return False, None
    try:
        success = success_in(context)
    except Exception:  # noqa: BLE001 - a context may hold anything, and anything but a plain success is reported
        return False, None
    if success is None or _recovery.is_about(success):
        return False, None
    from airflow_provider_dingpush.pipeline.outboxes import has_no_open_incident

    if has_no_open_incident():
        return True, None
    from airflow_provider_dingpush.alerts.alert import Mailbox, incident_of
    from airflow_provider_dingpush.pipeline.stores import stores

    incident = incident_of(Mailbox(given.dingtalk_conn_id), *success)
    candidates = stores(Deadline.after(_LOOK_UP_SECONDS))
    try:
        return not any(store.outbox.has_open_incident(incident) for store in candidates), None
    except OutboxError:
        return False, candidates[0].lost


def _read(
    given: GivenArguments,
    context: Mapping[str, Any],
    facts: RunFacts,
    seconds_left: Callable[[], float],
    call_within: CallWithin,
) -> tuple[RunFacts, RenderedArguments]:
    """All facts, with those that Airflow has to be asked for, and the notifier's arguments rendered with them."""
    from airflow_provider_dingpush.pipeline.notifier_arguments import read_arguments

    if facts.event.ends_with_recovery and not facts.event.is_deadline:
        from airflow_provider_dingpush.pipeline.failure_details import with_details

        limit = reading_limit(seconds_left())
        if facts.event.is_run_failure:
            limit = failed_tasks_limit(seconds_left(), callback_limits.seconds_since_start())
        facts = with_details(facts, context, Deadline.after(limit))
    rendered_by = Deadline.after(reading_limit(seconds_left()))

    def limited(render: Callable[[], Any]) -> Any:
        # The context of Airflow 2 belongs to a database session of this thread.
        return call_within(render, rendered_by.seconds_left()) if is_airflow_3() else render()

    return facts, read_arguments(given, context, facts, limit=limited)


class _Callback(NamedTuple):
    """One call of one notifier, whose context was read.

    :param candidates: the stores, best first.
    :param deadline: of all steps, also if a store hangs.
    """

    facts: RunFacts
    arguments: RenderedArguments
    mailbox: Mailbox
    candidates: Sequence[Store]
    deadline: Deadline
    call_within: CallWithin
    raise_on_failure: bool

    def run(self) -> None:
        """Store the alert, and send the pending alerts of its receiver."""
        from airflow_provider_dingpush.pipeline.stores import resolves_incident, store_alert

        alert = None
        try:
            alert = self._alert(self.arguments)
            if alert.resolved:
                alert = _recovery.timed(alert)
                if not _recovery.includes(alert) and not resolves_incident(alert, self.candidates):
                    return
            # From here on neither a failing secrets backend nor a killed process can lose the alert.
            store = store_alert(alert, self.candidates)
            _recovery.note(alert)
        except (OutboxError, ContentError) as problem:
            # An image that can't be stored, or full disks: sending the alert at once is better than losing it.
            self._send_unstored(alert, redact(str(problem)))
            return
        self._move_pending_alerts(store)
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
            rule=arguments.rule,
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
        send_unstored(unstored, self.candidates, self.deadline, self.call_within)

    def _move_pending_alerts(self, store: Store) -> None:
        """Move pending alerts from the other stores of this host to the store of this alert."""
        from airflow_provider_dingpush.pipeline.stores import requeue_copies

        if store is not self.candidates[0]:
            requeue_copies(store)
            return
        if others := [each for each in self.candidates[1:] if _may_hold_alerts(each)]:
            from airflow_provider_dingpush.pipeline.store_moves import move_alerts

            move_alerts(store, others, self.deadline.sub(_MOVING_SECONDS))

    def _role(self, store: Store) -> tuple[LeaderRole, Deadline]:
        """The role in which to lead, and the deadline."""
        from airflow_provider_dingpush.delivery.drain_result import LeaderRole
        from airflow_provider_dingpush.pipeline.outboxes import has_host_local_outbox

        if process_of(self.facts) is not Process.DAG_PROCESSOR:
            return LeaderRole.CALLBACK, self.deadline
        if store.is_substitute or has_host_local_outbox():
            # No other host sends from an outbox of this one.
            return LeaderRole.CALLBACK, self.deadline.sub(callback_limits.CALLBACK_SECONDS)
        return LeaderRole.DAG_PROCESSOR, self.deadline

    def _serve(self, alert: Alert, store: Store, role: LeaderRole, deadline: Deadline) -> None:
        """Send pending alerts, or leave that to the process that leads; the alert is stored either way.

        :raises AlertsWaitingError: if it could not be sent; with ``raise_on_failure`` also if it is only to be sent
            later.
        """
        candidates = self.candidates
        try:
            result = self._drain(store, role, deadline, urgent=alert.urgency is Urgency.P1)
            if store.lost is not None and not (result and result.messages):
                raise OutboxError(store.lost)
        except OutboxError as trouble:
            from airflow_provider_dingpush.pipeline.stores import store_copy, store_elsewhere

            other = store_elsewhere(alert, store, candidates, trouble)
            if other is not None:
                self._serve(alert, other, role, deadline)
                return
            if store is candidates[0]:
                store_copy(alert, candidates[1:])
            raise AlertsWaitingError(redact(str(trouble))) from None
        except DingTalkError as trouble:
            raise AlertsWaitingError(redact(str(trouble))) from None
        if result is None:
            _log.info(
                "Another process sends for connection %r; the alert is stored and goes with its next notification.",
                self.mailbox.conn_id,
            )
            return
        self._report(result, store)

    def _drain(self, store: Store, role: LeaderRole, deadline: Deadline, *, urgent: bool) -> DrainResult | None:
        """The result of sending the pending alerts of a store; ``None`` if another process leads.

        :param urgent: whether a pause that DingTalk didn't ask for is ignored.
        :raises OutboxError: if the store can't be used.
        :raises DingTalkError: if no time is left, or the connection can't be looked up or is wrong.
        """
        from airflow_provider_dingpush.pipeline.dispatching import serve
        from airflow_provider_dingpush.pipeline.stores import known_pause, note_known_pause

        require_time(deadline)
        is_first = store is self.candidates[0]
        pause = None if is_first else known_pause(self.mailbox, self.candidates)
        if pause is not None:
            from airflow_provider_dingpush.delivery.drain_result import DrainResult

            return DrainResult.of_pause(store.outbox.pending_in(self.mailbox), pause.reason, pause.until)

        def find(wanted: Mailbox) -> Receiver:
            from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

            receiver: Receiver = self.call_within(lambda: receiver_of_mailbox(wanted), require_time(deadline))
            return receiver

        def carry_over_others(receiver_id: str, book: LedgerBook) -> None:
            from airflow_provider_dingpush.pipeline.store_moves import carry_over

            for other in self.candidates[1:]:
                carry_over(other, receiver_id, book)

        result = serve(
            store.outbox,
            self.mailbox,
            deadline.sub((1 - _NOTING_SHARE) * max(0.0, deadline.seconds_left())),
            role,
            find=find,
            share=store.share,
            carry_over=carry_over_others if is_first else None,
            urgent=urgent,
        )
        if is_first and result is not None and result.left:
            note_known_pause(self.mailbox, self.candidates)
        return result

    def _report(self, result: DrainResult, store: Store) -> None:
        from airflow_provider_dingpush.delivery.reasons import Reason
        from airflow_provider_dingpush.pipeline.dispatching import report_pending

        if result.reason is Reason.WITHHELD and not result.messages:
            _log.info("The alert is stored and not sent now: %s.", result.in_words("en"))
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


def _may_hold_alerts(store: Store) -> bool:
    """Whether something was ever put into this store; ``True`` if that is unknown, which is logged later."""
    with suppress(OutboxError):
        return not store.is_empty
    return True
