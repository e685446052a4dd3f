"""Where an e-mail of Airflow goes: to DingTalk, and by SMTP as well if ``[dingpush] also_email`` is set."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import airflow_option, send_by_smtp
from airflow_provider_dingpush.pipeline.redaction import described

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.emails import Email

_log = logging.getLogger(__name__)
_YES = {"true", "t", "1", "yes", "on"}


def deliver(email: Email, *, dryrun: bool = False, **of_smtp: Any) -> None:
    """Send an e-mail to DingTalk, and by SMTP if that is wanted; a failure of one doesn't prevent the other.

    :param dryrun: send nothing.
    :param of_smtp: further arguments of Airflow's own backend.
    :raises DingTalkError: if a message can't be sent to DingTalk.
    :raises Exception: of Airflow's own backend. Neither is raised for an alert: the process goes on with its work.
    """
    from airflow_provider_dingpush.pipeline.email_alerts import send_as_alert

    if dryrun:
        _log.info("Nothing is sent to DingTalk for the e-mail %r: it is a dry run.", email.subject)
    is_alert, problem = False, None
    try:
        is_alert = not dryrun and send_as_alert(email)
        if not is_alert and not dryrun:
            from airflow_provider_dingpush.pipeline.email_messages import send_as_message

            send_as_message(email)
    except Exception as error:  # noqa: BLE001 - the e-mail itself is still to be sent
        problem = error
    try:
        if also_email():
            _send_by_smtp(email, dryrun=dryrun, **of_smtp)
    except Exception as error:  # noqa: BLE001 - any error of an SMTP library
        _log.error("The e-mail %r was not sent by SMTP (%s).", email.subject, described(error))
        problem = problem or error
    if problem is not None and not is_alert:
        raise problem


def also_email() -> bool:
    """Whether e-mails are sent by SMTP as well."""
    return (airflow_option("dingpush", "also_email") or "").lower() in _YES


def _send_by_smtp(email: Email, **more: Any) -> None:
    from airflow_provider_dingpush.pipeline.email_receivers import own_connection

    conn_id = None if own_connection(email.conn_id) else email.conn_id
    send_by_smtp(
        email.to,
        email.subject,
        email.html,
        files=list(email.files),
        cc=email.cc,
        bcc=email.bcc,
        conn_id=conn_id,
        **more,
    )
