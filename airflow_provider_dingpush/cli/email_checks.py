"""Checks of this package as Airflow's e-mail backend: ``[email] email_backend``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow_provider_dingpush.airflow_compat import (
    airflow_option,
    has_own_plugin,
    ignores_email_backend,
    is_airflow_3,
)
from airflow_provider_dingpush.cli.findings import Check, Finding, Severity, found
from airflow_provider_dingpush.cli.known_connections import exists
from airflow_provider_dingpush.cli.option_sources import OptionSources
from airflow_provider_dingpush.email_backend import HTML_CONTENT_TEMPLATE, SUBJECT_TEMPLATE
from airflow_provider_dingpush.pipeline.email_receivers import default_connection, own_connection

BACKEND = "airflow_provider_dingpush.email_backend.send_email"
"""The value of ``[email] email_backend``."""
_PACKAGE = "dingpush"
_MACRO = "macros.dingpush.email_alert("


def _is_on() -> bool:
    return airflow_option("email", "email_backend") == BACKEND


def _backend(sources: OptionSources) -> Iterator[Finding]:
    backend, where = airflow_option("email", "email_backend"), sources.places.get(("email", "email_backend"))
    if not backend or _PACKAGE not in backend:
        return
    if not _is_on():
        yield found("email_backend", Severity.ERROR, "email_backend_unknown", set_in=where, name=backend, right=BACKEND)
    elif ignores_email_backend():
        yield found("email_backend", Severity.ERROR, "email_backend_ignored", set_in=where)
    elif is_airflow_3():
        yield found("email_backend", Severity.OK, "email_backend_on_3")
    else:
        yield found("email_backend", Severity.OK, "email_backend_on")


def _template(sources: OptionSources) -> Iterator[Finding]:
    if not _is_on():
        return
    name = "html_content_template"
    path, where = airflow_option("email", name), sources.places.get(("email", name))
    files = {"path": path, "html": HTML_CONTENT_TEMPLATE, "subject": SUBJECT_TEMPLATE}
    if path is None:
        yield found("email_template", Severity.OK, "email_template_missing", **files)
        return
    try:
        has_macro = _MACRO in Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        yield found("email_template", Severity.WARNING, "email_template_unreadable", set_in=where, **files)
        return
    if not has_macro:
        yield found("email_template", Severity.OK, "email_template_foreign", set_in=where, **files)
    elif not has_own_plugin(_PACKAGE):
        yield found("email_template", Severity.WARNING, "email_plugin_missing", set_in=where, **files)
    else:
        yield found("email_template", Severity.OK, "email_template_ok", **files)


def _receiver(_: OptionSources) -> Iterator[Finding]:
    if not _is_on():
        return
    conn_id = own_connection(airflow_option("email", "email_conn_id")) or default_connection()
    if exists(conn_id):
        yield found("email_receiver", Severity.OK, "email_receiver_ok", conn_id=conn_id)
    else:
        yield found("email_receiver", Severity.ERROR, "email_receiver_missing", conn_id=conn_id)


EMAIL_CHECKS = (
    Check("email_backend", _backend),
    Check("email_template", _template),
    Check("email_receiver", _receiver),
)
"""In the order in which they are shown; each looks at where options are set. Without the backend nothing is found."""
