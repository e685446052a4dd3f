"""Alerts for all DAGs by a cluster policy, for sites where no plugin may listen to tasks.

In ``airflow_local_settings.py``::

    from airflow_provider_dingpush.cluster_policy import dag_policy, task_policy

and in Airflow's configuration ``[dingpush] attach = policy``, besides ``alert_conn_id`` or ``rules_file``. Airflow
calls these functions for each DAG that it parses (https://airflow.apache.org/docs/apache-airflow/stable/, "Cluster
Policies", read 2026-11-27). It is never an entry point: Airflow loads those without any guard, and an exception in a
policy breaks every DAG. So nothing here raises, and nothing is loaded before a DAG is parsed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["dag_policy", "report_failure", "task_policy"]

_log = logging.getLogger(__name__)


def task_policy(task: Any) -> None:
    """Report each failed task of every DAG, and warnings of dbt, to whom rules or ``alert_conn_id`` say. Never raises.

    :param task: an operator, mapped or not.
    """
    try:
        task.on_failure_callback = _with_ours(task.on_failure_callback)
        if _is_on() and hasattr(task, "on_warning_callback"):  # of Cosmos
            from airflow_provider_dingpush.pipeline.task_warnings import watch_warnings

            watch_warnings(task)
    except Exception as problem:  # noqa: BLE001 - it would make an import error of the DAG
        _log.error("Failures of task %s aren't reported (%s).", getattr(task, "task_id", "?"), type(problem).__name__)


def dag_policy(dag: Any) -> None:
    """Report each failed run of every DAG, likewise. Never raises.

    Airflow computes ``has_on_failure_callback`` in the constructor of a DAG, before this, and its scheduler asks for
    callbacks only where it is set (https://github.com/apache/airflow/issues/27660).

    :param dag: the DAG.
    """
    try:
        dag.on_failure_callback = _with_ours(dag.on_failure_callback)
        dag.has_on_failure_callback = bool(dag.on_failure_callback)
    except Exception as problem:  # noqa: BLE001 - as above
        _log.error("Failed runs of %s aren't reported (%s).", getattr(dag, "dag_id", "?"), type(problem).__name__)


def report_failure(context: Mapping[str, Any]) -> None:
    """The callback that the policy adds: asks the rules when the failure happens. Never raises.

    What a ``DingTalkNotifier`` of the DAG itself sends to the same receiver is the same alert, which is sent once.

    :param context: of the callback.
    """
    try:
        from airflow_provider_dingpush.pipeline.callback import notify
        from airflow_provider_dingpush.pipeline.callback_context import facts_of
        from airflow_provider_dingpush.pipeline.routes import routes_of

        for route in routes_of(facts_of(context)):
            notify(route.arguments, context, in_triggerer=False, raise_on_failure=False)
    except Exception as problem:  # noqa: BLE001 - an error of an alert must not fail anything else
        # No traceback: it may show secrets.
        _log.error("The alert for all DAGs was not sent (%s).", type(problem).__name__)


def _with_ours(callbacks: Any) -> Any:
    """The callbacks that a DAG file names, and ours."""
    present = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
    if not _is_on() or report_failure in present or any(map(_is_same, present)):
        return callbacks
    return [*present, report_failure]


def _is_on() -> bool:
    """Whether alerts for all DAGs are configured, and no plugin sends them."""
    from airflow_provider_dingpush.airflow_compat import airflow_option
    from airflow_provider_dingpush.plugin import OPTIONS, POLICY

    return airflow_option("dingpush", "attach") == POLICY and any(airflow_option("dingpush", each) for each in OPTIONS)


def _is_same(callback: Any) -> bool:
    """Whether this is a notifier of ours for the connection that all alerts go to, if there is only that one."""
    from airflow_provider_dingpush.airflow_compat import airflow_option

    if airflow_option("dingpush", "rules_file"):
        return False
    conn_id = airflow_option("dingpush", "alert_conn_id")
    kinds = {f"{each.__module__}.{each.__name__}" for each in type(callback).__mro__}
    is_ours = "airflow_provider_dingpush.notifications.DingTalkNotifier" in kinds
    return is_ours and callback.dingtalk_conn_id == conn_id and callback.to is None and callback.message is None
