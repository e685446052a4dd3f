"""An e-mail of Airflow about a failed task, as the alert that a notifier would send of the same failure."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import failure_of_email, is_scheduler_loop
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE
from airflow_provider_dingpush.pipeline.redaction import described

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.pipeline.emails import Email
    from airflow_provider_dingpush.pipeline.routes import Route

_log = logging.getLogger(__name__)


def send_as_alert(email: Email) -> bool:
    """Write the alert and send it, if the e-mail is Airflow's about a failed task; whether it is.

    Never raises: Airflow may have saved the state of the task already, or is about to.
    """
    context = _failure_in(email)
    if context is None:
        return False
    try:
        return _send(context, email)
    except Exception as error:  # noqa: BLE001 - see above
        _log.error("%s was not sent (an e-mail about a failed task). %s", NOTIFICATION_LOG_LINE, described(error))
        return True


def _failure_in(email: Email) -> Mapping[str, Any] | None:
    from airflow_provider_dingpush.alerts.email_reading import failure_in
    from airflow_provider_dingpush.pipeline.email_marks import failure_context, marked_failure

    try:
        marked = marked_failure(email.html)
        if marked is not None:
            return marked
        # Without our template; its text is the last that is left, for an Airflow that calls in another way.
        failure = failure_of_email()
        return failure_in(email.subject, email.html) if failure is None else failure_context(*failure)
    except Exception as error:  # noqa: BLE001 - then it is sent as a message
        _log.info("Which task the e-mail %r is about can't be read (%s).", email.subject, described(error))
        return None


def _send(context: Mapping[str, Any], email: Email) -> bool:
    from airflow_provider_dingpush.pipeline.callback import notify
    from airflow_provider_dingpush.pipeline.callback_context import facts_of

    facts = facts_of(context)._replace(recipients=email.recipients)
    if not facts.event.ends_with_recovery:
        return False
    for route in _routes(facts, email):
        if is_scheduler_loop():
            _write(route, facts)
        else:
            arguments = route.arguments._replace(recipients=email.recipients)
            notify(arguments, context, in_triggerer=False, raise_on_failure=False)
    return True


def _routes(facts: RunFacts, email: Email) -> tuple[Route, ...]:
    from airflow_provider_dingpush.pipeline.email_receivers import addressed, own_connection
    from airflow_provider_dingpush.pipeline.routes import Route, routes_of

    if is_scheduler_loop():
        # No connection may be looked up within its transaction.
        return routes_of(facts, is_asked_for=True)
    own = own_connection(email.conn_id)
    routes = (Route(own),) if own else routes_of(facts, is_asked_for=True)
    if not routes:
        _log.info("The rules file sends this to nobody: %s, %s.", facts.event, facts.dag_id)
    return tuple(addressed(each, email.recipients) for each in routes)


def _write(route: Route, facts: RunFacts) -> None:
    """Only write the alert: the scheduler of Airflow before 3.1 sends e-mails itself, within its transaction."""
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    write_alert(route.alert(facts, at=time.time()))
