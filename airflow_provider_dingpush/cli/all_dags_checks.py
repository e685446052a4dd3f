"""Checks of the alerts for all DAGs: ``[dingpush] alert_conn_id`` and ``rules_file``."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from airflow_provider_dingpush.airflow_compat import airflow_option, has_own_plugin
from airflow_provider_dingpush.airflow_database import import_errors
from airflow_provider_dingpush.cli.findings import Check, Finding, Severity, found, found_problem
from airflow_provider_dingpush.cli.known_connections import exists
from airflow_provider_dingpush.cli.known_dags import DATABASE_SECONDS, KnownDags
from airflow_provider_dingpush.cli.option_sources import SECTION, OptionSources
from airflow_provider_dingpush.errors import OutboxError, RulesFileError
from airflow_provider_dingpush.pipeline.found_markers import Markers
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.plugin import OPTIONS, POLICY
from airflow_provider_dingpush.timeouts import call_within

_PLUGIN = "dingpush"
# How dagbag.py of Airflow 2.10 to 3.4 refuses a task, with the ids of task and DAG (read 2026-11-27).
_REFUSED = "end_from_trigger=True with listeners"
_IDS = re.compile(r"to use listeners\.',\s*'([^']+)',\s*'([^']+)'")
_MOST_NAMES = 10
# Airflow imports airflow_local_settings when it starts, whatever it calls the functions there.
_POLICY_MODULE = "airflow_provider_dingpush.cluster_policy"
_OLD_SECONDS = 86_400.0


def are_on() -> bool:
    """Whether alerts for all DAGs are configured."""
    return any(airflow_option(SECTION, each) for each in OPTIONS)


def _all_dags(sources: OptionSources) -> Iterator[Finding]:
    where = next(filter(None, map(sources.where, OPTIONS)), None)
    if not are_on():
        yield found("all_dags", Severity.SKIPPED, "all_dags_off")
    elif (attach := airflow_option(SECTION, "attach")) not in (None, POLICY):
        yield found("all_dags", Severity.ERROR, "attach_unknown", set_in=sources.where("attach"), value=attach)
    elif attach == POLICY:
        is_there = _POLICY_MODULE in sys.modules
        severity, code = (Severity.OK, "policy_on") if is_there else (Severity.ERROR, "policy_missing")
        yield found("all_dags", severity, code, set_in=sources.where("attach"))
    elif has_own_plugin(_PLUGIN):
        yield found("all_dags", Severity.OK, "all_dags_on", set_in=where)
    else:
        yield found("all_dags", Severity.ERROR, "plugin_missing", set_in=where)


def _rules_file(sources: OptionSources) -> Iterator[Finding]:
    file = airflow_option(SECTION, "rules_file")
    if file is None:
        return
    where = sources.where("rules_file")
    try:
        rules = rules_in(Path(file).expanduser())
    except RulesFileError as mistake:
        yield found_problem("rules_file", Severity.ERROR, "rules_file_invalid", mistake, set_in=where)
    else:
        yield found("rules_file", Severity.OK, "rules_file_ok", set_in=where, file=file, rules=len(rules.rules))


def receivers(sources: OptionSources) -> Mapping[str, str | None]:
    """The connections that alerts of all DAGs are sent to, and where each is named."""
    named: dict[str, str | None] = {}
    file, conn_id = airflow_option(SECTION, "rules_file"), airflow_option(SECTION, "alert_conn_id")
    if conn_id is not None:
        named[conn_id] = sources.where("alert_conn_id")
    if file is not None:
        with suppress(RulesFileError):  # found by another check
            for rule in rules_in(Path(file).expanduser()).rules:
                if rule.receiver:
                    named.setdefault(rule.receiver, f"{file}:{rule.line}")
    return named


def _receivers(sources: OptionSources) -> Iterator[Finding]:
    named = receivers(sources)
    missing = [each for each in named if not exists(each)]
    for each in missing:
        yield found("receivers", Severity.ERROR, "receiver_missing", set_in=named[each], conn_id=each)
    if named and not missing:
        yield found("receivers", Severity.OK, "receivers_ok", conn_ids=", ".join(named))


def _end_from_trigger(_: OptionSources) -> Iterator[Finding]:
    if not are_on() or airflow_option(SECTION, "attach") == POLICY:  # no listeners then
        return
    known = KnownDags.read()
    if known.problem is not None:
        yield found("end_from_trigger", Severity.SKIPPED, "dags_unknown", problem=known.problem)
        return
    tasks = {f"{dag.dag_id}.{task_id}" for dag in known.dags for task_id in dag.ending_from_trigger}
    try:
        tasks |= set(call_within(DATABASE_SECONDS, lambda: list(_refused_tasks())))
    except Exception as problem:  # noqa: BLE001 - any error of the database is a finding
        yield found("end_from_trigger", Severity.SKIPPED, "dags_unknown", problem=described(problem))
    if tasks:
        names = sorted(tasks)
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        yield found("end_from_trigger", Severity.ERROR, "end_from_trigger_used", tasks=shown)
    else:
        yield found("end_from_trigger", Severity.OK, "end_from_trigger_unused")


def _refused_tasks() -> Iterator[str]:
    """The tasks because of which a DAG file can't be imported; the file, if they aren't named."""
    for file, text in import_errors():
        if _REFUSED in text:
            named = _IDS.search(text)
            yield f"{named[2]}.{named[1]}" if named else file


def _markers(_: OptionSources) -> Iterator[Finding]:
    """Markers of tasks without a process that no flush has looked at, or that Airflow still calls running."""
    if not are_on():
        return
    old: list[str] = []
    with suppress(OutboxError):  # found by another check
        for store in stores_for_commands(time.monotonic() + DATABASE_SECONDS):
            old += [
                f"{each.key.dag_id}.{each.key.task_id}"
                for each in Markers(store.folder, store.outbox.store).without_living_owner()
                if each.record and each.owner_is_dead and time.time() - each.written_at > _OLD_SECONDS
            ]
    if old:
        shown = ", ".join(sorted(old)[:_MOST_NAMES]) + (", …" if len(old) > _MOST_NAMES else "")
        yield found("markers", Severity.WARNING, "markers_old", tasks=shown)


ALL_DAGS_CHECKS = (
    Check("all_dags", _all_dags),
    Check("rules_file", _rules_file),
    Check("receivers", _receivers),
    Check("end_from_trigger", _end_from_trigger),
    Check("markers", _markers),
)
"""In the order in which they are shown; each looks at where options are set."""
