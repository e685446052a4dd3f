"""E-mails that Airflow sends, in DingTalk: a backend for ``[email] email_backend``.

Its name there is ``airflow_provider_dingpush.email_backend.send_email``. Airflow calls it for ``email_on_failure`` and
``email_on_retry``, and for ``airflow.utils.email.send_email()``. The first two arrive as the alert that a notifier
sends; any other e-mail arrives as a message with its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["HTML_CONTENT_TEMPLATE", "SUBJECT_TEMPLATE", "send_email"]

_TEMPLATES = Path(__file__).with_name("email_templates")
HTML_CONTENT_TEMPLATE = str(_TEMPLATES / "html_content.jinja2")
"""The file for ``[email] html_content_template``."""
SUBJECT_TEMPLATE = str(_TEMPLATES / "subject.jinja2")
"""The file for ``[email] subject_template``."""


def send_email(  # noqa: PLR0917 - Airflow's signature
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    dryrun: bool = False,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Send an e-mail to DingTalk, and with ``[dingpush] also_email`` as an e-mail, too.

    An e-mail about a failed task becomes an alert: written down before it is sent, merged in a storm, and dropped if a
    notifier has reported the same failure. Any other one is sent at once, as Markdown.

    :param to: addresses; who is mentioned for them is in the connection's ``mentions``.
    :param subject: the title.
    :param html_content: the text, as HTML.
    :param files: paths of attachments: sent through an app, and only named in a robot's group.
    :param dryrun: send nothing.
    :param cc: more addresses.
    :param bcc: more addresses, which a robot's group doesn't see.
    :param mime_subtype: of the e-mail only.
    :param mime_charset: of the e-mail only.
    :param conn_id: a DingTalk connection; any other one, such as ``smtp_default``, is that of the e-mail. By default
        ``[dingpush] alert_conn_id``, or else ``dingtalk_default``.
    :param custom_headers: of the e-mail only.
    :param kwargs: of the e-mail only, such as ``from_email``.
    :raises DingTalkError: if a message can't be sent. An alert raises nothing: it is logged, and tried again later.
    """
    from airflow_provider_dingpush.pipeline.email_delivery import deliver
    from airflow_provider_dingpush.pipeline.emails import Email

    email = Email(to, subject, html_content, tuple(files or ()), cc, bcc, conn_id)
    more = {"mime_subtype": mime_subtype, "mime_charset": mime_charset, "custom_headers": custom_headers, **kwargs}
    deliver(email, dryrun=dryrun, **more)
