"""Sending a report through a connection, as one message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.hooks import hook_of
from airflow_provider_dingpush.pipeline.composing import default_language
from airflow_provider_dingpush.pipeline.redaction import redact_text
from airflow_provider_dingpush.pipeline.report_text import open_message, report_message

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.kinds import Markdown
    from airflow_provider_dingpush.pipeline.report import Report
    from airflow_provider_dingpush.receipts import Receipt


def send_report(report: Report, conn_id: str, *, to: Any = None, language: str | None = None) -> Receipt:
    """Send the whole report.

    :param to: the target, if it is an app's connection; by default its group.
    :param language: ``zh`` or ``en``; by default that of the connection.
    :raises DingTalkError: of the class for the problem.
    """
    return _send(report_message, report, conn_id, to, language)


def send_open(report: Report, conn_id: str, *, to: Any = None, language: str | None = None) -> Receipt:
    """Send what is still open; parameters and errors as for :func:`send_report`."""
    return _send(open_message, report, conn_id, to, language)


def _send(message_of: Callable[..., Markdown], report: Report, conn_id: str, to: Any, language: str | None) -> Receipt:
    hook = hook_of(conn_id)
    most = hook.channel(to).text_bytes
    spoken = language or hook.settings.language or default_language()
    message = message_of(report, spoken, at_most_bytes=most)
    return hook.send(replace(message, text=redact_text(message.text)), to=to)
