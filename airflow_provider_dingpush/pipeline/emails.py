"""An e-mail that Airflow sends: to DingTalk, and by SMTP as well if ``[dingpush] also_email`` is set."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from airflow_provider_dingpush.airflow_compat import airflow_option, send_by_smtp
from airflow_provider_dingpush.pipeline.redaction import described

_log = logging.getLogger(__name__)
_BETWEEN_ADDRESSES = re.compile(r"[,;，；\n]")
_YES = {"true", "t", "1", "yes", "on"}

Addresses = str | Iterable[str] | None


@dataclass(frozen=True)
class Email:
    """What a backend is called with.

    :param to: addresses, also several in one str.
    :param subject: of the e-mail.
    :param html: its text.
    :param files: paths of its attachments.
    :param cc: more addresses.
    :param bcc: more addresses, which others must not see.
    :param conn_id: of the SMTP server, or a connection of ours.
    """

    to: Addresses
    subject: str
    html: str
    files: Sequence[str] = ()
    cc: Addresses = None
    bcc: Addresses = None
    conn_id: str | None = None

    def __post_init__(self) -> None:
        # An iterator could be read only once.
        for name in ("to", "cc", "bcc"):
            given = getattr(self, name)
            object.__setattr__(self, name, given if given is None or isinstance(given, str) else tuple(given))
        object.__setattr__(self, "subject", str(self.subject or ""))
        object.__setattr__(self, "html", str(self.html or ""))

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody's address that others may see, in lower case."""
        return addresses_in(self.to, self.cc)

    @property
    def hidden_recipients(self) -> tuple[str, ...]:
        """The addresses that others must not see, in lower case."""
        return addresses_in(self.bcc)


def addresses_in(*given: Addresses) -> tuple[str, ...]:
    """Each address once, in lower case, without the name of its owner."""
    texts = [text for each in given if each for text in ([each] if isinstance(each, str) else each)]
    found = (parseaddr(part)[1].strip().lower() for text in texts for part in _BETWEEN_ADDRESSES.split(str(text)))
    return tuple(dict.fromkeys(address for address in found if address))


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
