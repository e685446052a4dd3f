"""What an alert of a failure says beyond the context: failed tasks, the end of the log, files of dbt, the last success.

Airflow is asked for each of these within a time limit. What it doesn't answer in time is unknown, and never an error.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import is_airflow_3, task_log_file
from airflow_provider_dingpush.airflow_database import failed_task_ids
from airflow_provider_dingpush.pipeline.callback_context import facts_of
from airflow_provider_dingpush.pipeline.redaction import redact_log, redact_text
from airflow_provider_dingpush.timeouts import Deadline, call_within

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_dingpush.alerts.run_facts import RunFacts

_log = logging.getLogger(__name__)

_LOG_SECONDS = 1.0
"""The most that the end of a log is waited for, in seconds: Airflow 3 writes it in another process."""
_LOG_BYTES = 128 * 1024
_DBT_SECONDS = 1.0
"""The most that the files of dbt are waited for, in seconds: they may lie on a network drive."""
_POLL_SECONDS = 0.02
_LAST_SUCCESS_SECONDS = 2.0


def with_details(facts: RunFacts, context: Mapping[str, Any], deadline: Deadline) -> RunFacts:
    """The facts of a failure with everything that Airflow has to be asked for.

    :param facts: read from the context alone.
    :param deadline: of all questions together. One about the failed tasks of a run may take all of its time.
    """
    answered = True
    if facts.event.is_run_failure:
        failed = failed_task_ids(context, deadline.seconds_left())
        facts, answered = facts_of(context, failed), failed is not None
    if facts.event.is_task_failure or facts.event.will_retry:
        log = _log_of(facts, context, deadline.sub(_LOG_SECONDS))
        facts = _with_dbt_results(facts, context, log, deadline.sub(_DBT_SECONDS))
        if log and (facts.killed_from_outside or not facts.dbt_results):
            facts = _with_log_tail(facts, log)
    failed_for_good = facts.event.is_run_failure or facts.event.is_task_failure
    # Without an answer to the first question, a second one would only wait behind it. And for a killed task the DAG
    # processor calls back, which may get no answer about it at all.
    if failed_for_good and answered and not facts.killed_from_outside:
        facts = facts._replace(last_success_at=_last_success(context, deadline.sub(_LAST_SUCCESS_SECONDS)))
    return facts


def _log_of(facts: RunFacts, context: Mapping[str, Any], deadline: Deadline) -> str:
    """The end of the task's log, if the exception itself gives no reason; empty if it can't be read."""
    from airflow_provider_dingpush.alerts.exception_text import explains_nothing

    if not explains_nothing(facts.exception_text):
        return ""
    try:
        from airflow_provider_dingpush.alerts.log_tail import has_failure

        file = task_log_file(context.get("ti") or context["task_instance"])
        if file is None or not os.path.isfile(file):
            return ""
        # A killed task has no such line.
        is_whole: Callable[[str], bool] = (lambda _: True) if facts.killed_from_outside else has_failure
        log: str = call_within(deadline, lambda: _end_of(file, is_whole, deadline))
    except Exception as error:  # noqa: BLE001 - a missing log must not lose the alert
        _log.info("The end of the task's log can't be read (%s).", type(error).__name__)
        return ""
    return log


def _with_log_tail(facts: RunFacts, log: str) -> RunFacts:
    """The facts with the last lines of the task's log."""
    try:
        from airflow_provider_dingpush.alerts.log_tail import log_tail, summary_with

        tail = log_tail(log, redact_log, shown=facts.exception_text or "")
        summary = summary_with(tail, facts.exception_summary, was_killed=facts.killed_from_outside)
        return facts._replace(log_tail=tail, exception_summary=summary)
    except Exception as error:  # noqa: BLE001 - as above
        _log.info("The end of the task's log can't be read (%s).", type(error).__name__)
        return facts


def _with_dbt_results(facts: RunFacts, context: Mapping[str, Any], log: str, deadline: Deadline) -> RunFacts:
    """The facts with the results of dbt in its files and in the log, unless the exception has them."""
    from airflow_provider_dingpush.alerts.dbt_tasks import is_dbt

    task = context.get("task")
    try:
        # ``airflow dags test`` of Airflow 2 gives a task no start.
        since = facts.started_at or facts.run_started_at
        if facts.dbt_results or since is None or not is_dbt(task, context.get("exception")):
            return facts
        from airflow_provider_dingpush.alerts.dbt_output import results_in_output
        from airflow_provider_dingpush.alerts.dbt_results import MOST_RESULTS, combined, summary_of
        from airflow_provider_dingpush.alerts.log_tail import texts_of
        from airflow_provider_dingpush.pipeline.dbt_files import results_in_files

        results = combined(
            call_within(deadline, lambda: results_in_files(task, since, redact_text)),
            results_in_output("\n".join(texts_of(log)), redact_log),
        )
        if not results:
            return facts
        return facts._replace(
            dbt_results=results[:MOST_RESULTS],
            dbt_result_count=len(results),
            exception_summary=summary_of(results, len(results)),
        )
    except Exception as error:  # noqa: BLE001 - results that can't be read must not lose the alert
        _log.info("The results of dbt can't be read (%s).", type(error).__name__)
        return facts


def _end_of(file: str, is_whole: Callable[[str], bool], deadline: Deadline) -> str:
    """The end of a file: at once if it is whole, or else once it is or half of the time is over."""
    patience = deadline.sub(deadline.seconds_left() / 2)
    while True:
        with open(file, "rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - _LOG_BYTES))
            log = opened.read(_LOG_BYTES).decode("utf-8", "replace")
        if is_whole(log) or patience.seconds_left() < _POLL_SECONDS:
            return log
        time.sleep(_POLL_SECONDS)


def _last_success(context: Mapping[str, Any], deadline: Deadline) -> datetime | None:
    from airflow_provider_dingpush.alerts.context_reading import last_success
    from airflow_provider_dingpush.pipeline.composing import local_zone

    zone = local_zone()
    try:
        # The context of Airflow 2 belongs to a database session of this thread.
        return (
            call_within(deadline, lambda: last_success(context, zone))
            if is_airflow_3()
            else last_success(context, zone)
        )
    except TimeoutError:
        _log.info(
            "The last successful run is unknown: Airflow gave no answer within %g seconds.", _LAST_SUCCESS_SECONDS
        )
        return None
