"""The notifier: a callback that says in DingTalk what happened to a task or a DAG run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from math import inf
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import (
    BaseNotifier,
    airflow_option,
    default_timezone,
    failed_task_ids,
    is_airflow_3,
    notifier_takes_context,
    redact,
    run_in_thread,
)
from airflow_provider_dingpush.connection_ids import shown_connection_id
from airflow_provider_dingpush.errors import (
    AlertsWaitingError,
    ContentError,
    DingTalkError,
    UnavailableError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.log_lines import NOTICE_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.look_ups import look_up_within
from airflow_provider_dingpush.pipeline.notifier_arguments import is_plain_id, read_arguments
from airflow_provider_dingpush.pipeline.recent_recovery import RecentRecovery
from airflow_provider_dingpush.pipeline.redaction import described, redact_text
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.airflow_compat import Context
    from airflow_provider_dingpush.alerts import RunFacts
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.connections import AppSettings, RobotSettings
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.pipeline.dispatching import AnySender
    from airflow_provider_dingpush.pipeline.notifier_arguments import Arguments
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.contract import LedgerBook
    from airflow_provider_dingpush.targets import Target

__all__ = ["DingTalkNotifier"]

CALLBACK_SECONDS = 8.0
"""What all notifiers of one task callback may take together, in seconds.

Airflow 3 kills a task's process about 20 seconds after its task ended, callbacks included, and may then run the task
again.
"""
DAG_PROCESSOR_SECONDS = 40.0
"""What all notifiers of one DAG-processor process may take together, in seconds.

It runs the DAG-level callbacks of one file one after the other and is killed after 50 seconds, reading the file
included. Its first look-up of a connection can take ten.
"""
DEADLINE_SECONDS = 60.0
"""What the notifiers of one missed deadline may take, in seconds: nobody kills the triggerer for it."""

_log = logging.getLogger(__name__)
_budget = CallbackBudget(ticks=time.monotonic)
_recovery = RecentRecovery(ticks=time.monotonic)
_USUAL_OVERTIME = 20.0
# Of what Airflow grants its DAG processor for one file, this much is for notifiers.
_SHARE_OF_DAG_PROCESSOR = 0.8
# Before the alert is safe: of reading a DAG file that took half of its 50 seconds, enough must be left.
_MOST_QUESTION_SECONDS = 10.0
# One of these is in the context of any callback; an SLA of Airflow 2 has five arguments instead.
_IN_EVERY_CONTEXT, _SLA_ARGUMENTS = ("dag", "dag_run", "ti", "task_instance"), 5
# A send that gets less time than this can only end in a message of unknown fate.
_LEAST_SECONDS = 0.2
# A success that most probably ends nothing isn't worth more; and what waits in files moves within so many seconds.
_LOOK_UP_SECONDS = _MOVING_SECONDS = 1.0
# The share of the time that is left to write down what came of it.
_NOTING_SHARE = 1 / 16


class DingTalkNotifier(BaseNotifier):
    """Says in DingTalk what happened: which task of which run failed, why, and where the log is.

    For ``on_failure_callback`` and the other callbacks of tasks and DAGs, for ``default_args``, and for deadlines. It
    never fails the task it speaks about, nor holds it up: all notifiers of one task callback share 8 seconds, and what
    goes wrong is logged.

    Each alert is written down before it is sent. The first one goes out at once; of many that come together one process
    makes digests, and the others leave. As ``on_success_callback`` it tells when a failure is over, and is silent
    otherwise, unless it has a message of its own.

    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``, or of type ``dingtalk_app`` with ``to``.
    :param message: what is said instead of the built-in alert: a str, a dict of DingTalk's shape, a message, or the
        path of a template file; Jinja in it sees the context and, as ``facts``, the
        :class:`~airflow_provider_dingpush.alerts.RunFacts`. If it can't be rendered, the built-in alert is sent.
    :param at: who is mentioned, beside the owners that the connection's ``mentions`` knows (those of failures only).
    :param to: who gets it from an app: ``Group``, ``Users``, ``WorkNotification`` or a plain form of them; by
        default the connection's group. A custom robot takes none.
    :param language: ``zh`` or ``en``; by default what the connection says, or else ``[dingpush] language``.
    :param raise_on_failure: raise what goes wrong instead of only logging it: an
        :class:`~airflow_provider_dingpush.errors.AlertsWaitingError` if the alert is safe but could not be sent yet.
    """

    template_fields: Sequence[str] = ("message", "at", "to", "dingtalk_conn_id")

    def __init__(
        self,
        *called_with: Any,
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        message: Message | str | Mapping[str, Any] | None = None,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        language: str | None = None,
        raise_on_failure: bool = False,
        **kwargs: Any,
    ) -> None:
        self.dingtalk_conn_id = dingtalk_conn_id
        self.message = message
        self.at = at
        self.to = to
        self.language = None if language is None else _checked_language(language)
        self.raise_on_failure = raise_on_failure
        # A deadline passes its context here, if the constructor takes any **kwargs.
        unknown = sorted(set(kwargs) - ({"context"} if notifier_takes_context() else set()))
        if unknown:
            raise TypeError(f"DingTalkNotifier() got unexpected arguments {unknown}")
        super().__init__(**kwargs)
        if called_with:
            # ``on_failure_callback=DingTalkNotifier``, without brackets: Airflow calls the class as it does a notifier.
            _refuse_settings_without_names(called_with)
            self(*called_with)

    def __call__(self, *args: Any) -> None:
        """Send the notice for a context, which Airflow passes alone (Airflow 2 passes five arguments for an SLA)."""
        self.notify(args[0] if len(args) == 1 else _sla_context(*args))

    def __await__(self) -> Generator[Any, None, None]:
        """Send the notice for the context that the constructor was given, without blocking the event loop."""
        return self.async_notify(self.context).__await__()

    async def async_notify(self, context: Context) -> None:
        """Send the notice from an event loop: the work is done in a thread."""
        # No second thread for the connection: only from this one can the triggerer be asked.
        await run_in_thread(lambda: self._notify(context, look_up=lambda find, _: find()))

    def notify(self, context: Context) -> None:
        """Send the notice. Nothing is kept on the notifier, so one can be used many times and from many threads.

        :raises DingTalkError: only with ``raise_on_failure=True``.
        """
        self._notify(context, look_up=look_up_within)

    def _notify(self, context: Mapping[str, Any], look_up: _LookUp) -> None:
        about = f"connection {shown_connection_id(self.dingtalk_conn_id)}"
        try:
            ends_nothing, trouble = self._ends_nothing(context)
            if ends_nothing:
                return
            facts = _facts(context)
            about = f"{_subject(facts)}, {about}"
            budget_key, seconds = _budget_key(facts)
            with _budget.share(budget_key, seconds) as seconds_left:
                self._send(context, facts, seconds_left, look_up, trouble)
        except Exception as error:
            status = "was not sent"
            if isinstance(error, AlertsWaitingError):
                status = "waits to be sent"
            elif isinstance(error, UnknownOutcomeError):
                status = "may not have arrived"
            # Only what is known to hold no secrets is printed whole, and no traceback, which would show the rest.
            _log.error("%s %s (%s). %s", NOTICE_LOG_LINE, status, about, described(error))
            if self.raise_on_failure:
                raise

    def _send(
        self,
        context: Mapping[str, Any],
        facts: RunFacts,
        seconds_left: Callable[[], float],
        look_up: _LookUp,
        trouble: str | None,
    ) -> None:
        """Put the alert where it is safe, and send what waits there.

        :param seconds_left: for all that is done, whatever the storage does.
        :param trouble: why the outbox needn't be asked any more.
        """
        from airflow_provider_dingpush.alerts import Event
        from airflow_provider_dingpush.errors import OutboxError
        from airflow_provider_dingpush.pipeline.alert_sizes import bounded
        from airflow_provider_dingpush.pipeline.composing import alert_of, mailbox_of
        from airflow_provider_dingpush.pipeline.outboxes import has_host_local_outbox
        from airflow_provider_dingpush.pipeline.store_moves import move_alerts
        from airflow_provider_dingpush.pipeline.stores import ends_a_failure, keep, stores, take_up_copies

        if facts.event is Event.DAG_FAILED:
            facts = _facts(
                context, failed_tasks=failed_task_ids(context, min(seconds_left() / 2, _MOST_QUESTION_SECONDS))
            )
        rendered_by = Deadline.after(min(seconds_left() / 2, _MOST_QUESTION_SECONDS))

        def limit(render: Callable[[], Any]) -> Any:
            # The context of Airflow 2 belongs to a database session of this thread.
            return look_up(render, rendered_by.seconds_left()) if is_airflow_3() else render()

        own = read_arguments(
            context,
            facts,
            dingtalk_conn_id=self.dingtalk_conn_id,
            message=self.message,
            at=self.at,
            to=self.to,
            limit=limit,
        )
        mailbox = mailbox_of(own.conn_id, own.target)
        deadline, alert = Deadline.after(seconds_left()), None
        among = stores(deadline, lost=trouble)
        try:
            alert = bounded(
                alert_of(
                    facts,
                    mailbox,
                    at=time.time(),
                    message=own.message,
                    mentions=own.mentions,
                    language=self.language,
                    problems=own.problems,
                )
            )
            if alert.resolved:
                alert = _recovery.timed(alert)
                if not _recovery.includes(alert) and not ends_a_failure(alert, among):
                    return
            # Now it is safe. From here on nothing can lose it: not a connection that can't be looked up, and no kill.
            store = keep(alert, among)
            _recovery.note(alert)
        except (OutboxError, ContentError) as problem:
            # A picture that can't be written down, or disks that take nothing: better said alone than not at all.
            what = redact(str(problem))
            _log.warning("The alert is sent without the outbox: %s", what)
            if alert is not None:
                _recovery.note(alert)
            self._send_directly(_Unkept(facts, mailbox, own, alert, what), among, deadline, look_up)
            return
        if store is among[0]:
            move_alerts(store, among[1:], deadline.sub(_MOVING_SECONDS))
        else:
            take_up_copies(store)
        patient = not _in_dag_processor(facts)
        if not patient and (store.stands_in or has_host_local_outbox()):
            # Nobody else would send it from here.
            patient, deadline = True, deadline.sub(CALLBACK_SECONDS)
        self._serve(alert, store, among, deadline, look_up, patient=patient)

    def _serve(
        self,
        alert: Alert,
        store: Store,
        among: Sequence[Store],
        deadline: Deadline,
        look_up: _LookUp,
        *,
        patient: bool,
    ) -> None:
        """Send what waits, or leave it to the process that does; the alert is safe either way."""
        from airflow_provider_dingpush.errors import OutboxError
        from airflow_provider_dingpush.pipeline.dispatching import report_pending

        mailbox = alert.mailbox
        try:
            drained = _drained(mailbox, store, among, deadline, look_up, patient=patient)
            if store.lost is not None and not (drained and drained.messages):
                raise OutboxError(store.lost)
        except OutboxError as trouble:
            from airflow_provider_dingpush.pipeline.stores import keep_a_copy, keep_elsewhere

            other = keep_elsewhere(alert, store, among, trouble)
            if other is not None:
                self._serve(alert, other, among, deadline, look_up, patient=patient)
                return
            if store is among[0]:
                keep_a_copy(alert, among[1:])
            raise AlertsWaitingError(redact(str(trouble))) from None
        except DingTalkError as trouble:
            raise AlertsWaitingError(redact(str(trouble))) from None
        if drained is None:
            _log.info(
                "Another process sends for connection %r; the alert is safe and goes with its next message.",
                mailbox.conn_id,
            )
            return
        if drained.messages:
            _log.info(
                "%s: %d alert(s) in %d message(s) through connection %r.",
                SENT_LOG_LINE,
                drained.alerts,
                drained.messages,
                mailbox.conn_id,
            )
        with suppress(OutboxError):  # it only says who sends the rest
            report_pending(store.outbox, drained)
        if drained.left and (drained.problem or self.raise_on_failure):
            raise AlertsWaitingError(drained.problem or drained.reason)

    def _send_directly(self, unkept: _Unkept, among: Sequence[Store], deadline: Deadline, look_up: _LookUp) -> None:
        """Send what no store takes, if the robot may say something now; otherwise try once more to keep it."""
        from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
        from airflow_provider_dingpush.messages.plain_forms import redacted
        from airflow_provider_dingpush.pipeline.composing import default_language, message_about
        from airflow_provider_dingpush.pipeline.direct_sends import room_now
        from airflow_provider_dingpush.pipeline.senders import sender_for

        own = unkept.own
        try:
            sender = look_up(lambda: sender_for(unkept.mailbox), _require_time(deadline.seconds_left()))
            settings = sender.hook.settings
            language = self.language or settings.language or default_language()
            at = At.union([own.mentions, _owners(unkept.facts, settings)])
            message = own.message and redacted(own.message, redact)

            def send(message: Message | None, problems: Mapping[str, str]) -> None:
                whole = message_about(unkept.facts, message, problems, sender=sender, language=language)
                plan = AttemptPlan(budget_seconds=min(_require_time(deadline.seconds_left()), CALLBACK_SECONDS))
                sender.hook.send_alert(whole, at, sender.target, language=language, plan=plan, is_redacted=True)

            with room_now(sender, unkept.mailbox, among, deadline):
                try:
                    send(message, own.problems)
                except ContentError as refused:
                    if message is None:
                        raise
                    send(None, {**own.problems, "message": redact(str(refused))})
        except DingTalkError as problem:
            self._keep_after_all(unkept, among, problem)

    def _keep_after_all(self, unkept: _Unkept, among: Sequence[Store], problem: DingTalkError) -> None:
        """What could neither be kept nor sent may be kept by now, or without what can't be written down.

        :raises AlertsWaitingError: if it is.
        :raises DingTalkError: what kept it from being sent, if it isn't.
        """
        from airflow_provider_dingpush.errors import OutboxError
        from airflow_provider_dingpush.pipeline.composing import alert_of
        from airflow_provider_dingpush.pipeline.stores import keep

        alert = unkept.alert or alert_of(
            unkept.facts,
            unkept.mailbox,
            at=time.time(),
            message=None,
            mentions=unkept.own.mentions,
            language=self.language,
            problems={**unkept.own.problems, "message": unkept.problem},
        )
        try:
            keep(alert, among)
        except OutboxError:
            raise problem from None
        raise AlertsWaitingError(str(problem)) from None

    def _ends_nothing(self, context: Mapping[str, Any]) -> tuple[bool, str | None]:
        """Whether this is a success after which nobody waits for news, told without looking at anything else.

        Also why the outbox couldn't say, so that it isn't asked a second time.
        """
        if self.message is not None or not is_plain_id(self.dingtalk_conn_id) or self.to is not None:
            return False, None
        try:
            success = _success_in(context)
        except Exception:  # noqa: BLE001 - a context may hold anything, and what isn't plainly a success is told
            return False, None
        if success is None or _recovery.is_about(success):
            return False, None
        from airflow_provider_dingpush.pipeline.outboxes import nothing_failed

        if nothing_failed():
            return True, None
        from airflow_provider_dingpush.alerts.alert import Mailbox, incident_of
        from airflow_provider_dingpush.errors import OutboxError
        from airflow_provider_dingpush.pipeline.stores import stores

        incident = incident_of(Mailbox(self.dingtalk_conn_id), *success)
        among = stores(Deadline.after(_LOOK_UP_SECONDS))
        try:
            return not any(store.outbox.has_open_incident(incident) for store in among), None
        except OutboxError:
            return False, among[0].lost


@dataclass(frozen=True)
class _Unkept:
    """What no store takes.

    :param facts: what happened.
    :param mailbox: where it would wait.
    :param own: the notifier's arguments.
    :param alert: all of it, if it can be written down.
    :param problem: why no store takes it.
    """

    facts: RunFacts
    mailbox: Mailbox
    own: Arguments
    alert: Alert | None
    problem: str


def _drained(
    mailbox: Mailbox, store: Store, among: Sequence[Store], deadline: Deadline, look_up: _LookUp, *, patient: bool
) -> DrainResult | None:
    """What came of sending what waits in a store.

    :raises OutboxError: if the store can't be used.
    :raises DingTalkError: if no time is left, or the connection can't be looked up or is wrong.
    """
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.pipeline.dispatching import serve
    from airflow_provider_dingpush.pipeline.senders import sender_for
    from airflow_provider_dingpush.pipeline.store_moves import carry_over
    from airflow_provider_dingpush.pipeline.stores import known_pause, note_known_pause

    _require_time(deadline.seconds_left())
    is_first = store is among[0]
    pause = None if is_first else known_pause(mailbox, among)
    if pause is not None:
        return DrainResult(0, 0, store.outbox.pending_in(mailbox), pause.reason, pause.until)

    def find(wanted: Mailbox) -> AnySender:
        sender: AnySender = look_up(lambda: sender_for(wanted), _require_time(deadline.seconds_left()))
        return sender

    def bring_in(robot: str, book: LedgerBook) -> None:
        for other in among[1:]:
            carry_over(other, robot, book)

    drained = serve(
        store.outbox,
        mailbox,
        until=deadline.at - _NOTING_SHARE * max(0.0, deadline.seconds_left()),
        patient=patient,
        find=find,
        share=store.share,
        carry_over=bring_in if is_first else None,
    )
    if is_first and drained is not None and drained.left:
        note_known_pause(mailbox, among)
    return drained


_LookUp = Callable[[Callable[[], Any], float], Any]


def _sla_context(dag: Any, *arguments: Any) -> Any:
    """The context for an ``sla_miss_callback`` of Airflow 2, which is called with five arguments: a missed deadline."""
    names = ("task_list", "blocking_task_list", "slas", "blocking_tis")
    return {"dag": dag, **dict(zip(names, arguments, strict=False)), "deadline": {}}


def _success_in(context: Mapping[str, Any]) -> tuple[str, str | None, int | None] | None:
    """DAG, task and map index of a success; ``None`` if it is none, or not plainly one."""
    ti, reason = context.get("ti"), context.get("reason")
    if reason is not None:
        is_success = isinstance(reason, str) and reason == "success"
        return (str(_attribute(context.get("dag"), "dag_id") or ""), None, None) if is_success else None
    state = _attribute(ti, "state")
    state, dag_id, task_id = _attribute(state, "value") or state, _attribute(ti, "dag_id"), _attribute(ti, "task_id")
    if not (isinstance(state, str) and state == "success" and isinstance(dag_id, str) and isinstance(task_id, str)):
        return None
    index = _attribute(ti, "map_index")
    return dag_id, task_id, index if isinstance(index, int) and index >= 0 else None


def _in_dag_processor(facts: RunFacts) -> bool:
    from airflow_provider_dingpush.alerts import Event

    # An SLA of Airflow 2 has no moment of its own, and no triggerer.
    in_triggerer = facts.event is Event.DEADLINE_MISSED and facts.deadline_at is not None
    return not in_triggerer and (facts.task_id is None or facts.killed_from_outside)


def _facts(context: Mapping[str, Any], failed_tasks: Sequence[tuple[str, int]] | None = None) -> RunFacts:
    from airflow_provider_dingpush.alerts import AirflowSite, read_run_facts
    from airflow_provider_dingpush.pipeline.composing import link_form

    section = "api" if is_airflow_3() else "webserver"
    site = AirflowSite(
        base_url=airflow_option("dingpush", "base_url") or airflow_option(section, "base_url"),
        layout="pages" if is_airflow_3() else "grid",
        environment=airflow_option("dingpush", "environment") or airflow_option(section, "instance_name"),
        timezone=airflow_option("dingpush", "timezone") or default_timezone(),
        links=link_form(),
    )
    return read_run_facts(
        context, site=site, redact=redact_text, failed_tasks=failed_tasks, now=lambda: datetime.now(timezone.utc)
    )


def _subject(facts: RunFacts) -> str:
    """What a notice is about, for the log of a process that sends many."""
    return " ".join(name for name in (facts.event.value, facts.dag_id, facts.run_id, facts.task_id) if name)


def _budget_key(facts: RunFacts) -> tuple[Hashable, float]:
    """What shares one time budget, and the seconds in it."""
    from airflow_provider_dingpush.alerts import Event

    if _in_dag_processor(facts):
        return "DAG processor", min(DAG_PROCESSOR_SECONDS, _most_of_the_file_timeout())
    if facts.event is Event.DEADLINE_MISSED:
        return (facts.dag_id, facts.run_id, facts.deadline_at), DEADLINE_SECONDS
    one_try = (facts.dag_id, facts.run_id, facts.task_id, facts.map_index, facts.try_number, facts.event)
    return one_try, min(CALLBACK_SECONDS, _half_of_airflows_patience())


def _half_of_airflows_patience() -> float:
    """Half of what Airflow 3 grants a task's process after the task, in seconds; it may be set lower than usual."""
    try:
        return max(_LEAST_SECONDS, float(airflow_option("core", "task_success_overtime") or _USUAL_OVERTIME) / 2)
    except ValueError:
        return _USUAL_OVERTIME / 2


def _most_of_the_file_timeout() -> float:
    """Most of what Airflow grants its DAG processor for one file, in seconds; it may be set lower than usual."""
    granted = airflow_option("dag_processor" if is_airflow_3() else "core", "dag_file_processor_timeout")
    try:
        return max(_LEAST_SECONDS, float(granted or inf) * _SHARE_OF_DAG_PROCESSOR)
    except ValueError:
        return DAG_PROCESSOR_SECONDS


def _require_time(seconds: float) -> float:
    """The seconds, if something can be done with them."""
    if seconds < _LEAST_SECONDS:
        raise UnavailableError(
            "The time that all notifiers of one callback share is used up.",
            "Look for a slow network, a slow secrets backend, or too many notifiers in one callback.",
        )
    return seconds


def _owners(facts: RunFacts, settings: RobotSettings | AppSettings) -> At | None:
    """The owners of what failed and those who are asked, as the robot's ``mentions`` knows them. An app can't."""
    from airflow_provider_dingpush.alerts import Event
    from airflow_provider_dingpush.connections import RobotSettings

    if not isinstance(settings, RobotSettings):
        return None
    people: tuple[str, ...] = ()
    if facts.event in (Event.TASK_FAILED, Event.DAG_FAILED, Event.DEADLINE_MISSED):
        people = facts.owners
    elif facts.event is Event.ANSWER_NEEDED:
        people = (*facts.assigned_users, *facts.assigned_user_ids)
    return At.union(settings.mentions.get(each) for each in people)


def _attribute(source: object, name: str) -> Any:
    """An attribute of an object of any class; ``None`` if it has none, or raises when it is asked."""
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - a context may hold anything
        return None


def _refuse_settings_without_names(called_with: tuple[Any, ...]) -> None:
    """Tell what Airflow calls a callback with from a setting without its name, for which nothing may be sent."""
    first = called_with[0]
    is_context = hasattr(type(first), "keys") and any(name in first for name in _IN_EVERY_CONTEXT)
    if not is_context and len(called_with) != _SLA_ARGUMENTS:
        raise TypeError(
            "DingTalkNotifier() takes arguments by name only: "
            'write DingTalkNotifier(dingtalk_conn_id="…", message="…").'
        )


def _checked_language(language: str) -> str:
    from airflow_provider_dingpush.connection_fields import read_language

    try:
        return read_language(language)
    except ValueError as rule:
        raise ValueError(f"DingTalkNotifier(language={language!r}): it {rule}.") from None
