"""Warnings of tasks of every DAG: whom the rules name is notified, beside what the DAG file itself asks for.

Airflow knows no warning of a task. Operators of Cosmos have an ``on_warning_callback`` of their own, which they call in
the task's process, when dbt has ended and before the task does (``cosmos/operators/local.py`` of 1.15.1, read
2026-11-28).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_dingpush.pipeline.callback import notify
from airflow_provider_dingpush.pipeline.callback_context import facts_of
from airflow_provider_dingpush.pipeline.routes import routes_of

_log = logging.getLogger(__name__)
_Callback = Callable[[Mapping[str, Any]], Any]


def watch_warnings(task: Any) -> None:
    """Have the warnings of a task reported as well, if its operator has a callback for them.

    :param task: an operator that is about to run.
    """
    own = getattr(task, "on_warning_callback", None)
    if not isinstance(own, _Reported):
        task.on_warning_callback = _Reported(own)


class _Reported:
    """A callback for warnings that calls that of the DAG file first."""

    def __init__(self, own: _Callback | None) -> None:
        self.own = own

    def __call__(self, context: Mapping[str, Any]) -> None:
        try:
            if self.own is not None:
                self.own(context)
        finally:
            _report(context)


def _report(context: Mapping[str, Any]) -> None:
    try:
        for route in routes_of(facts_of(context)):
            notify(route.arguments, context, in_triggerer=False, raise_on_failure=False)
    except Exception as problem:  # noqa: BLE001 - an error of an alert must not fail the task
        # No traceback: it may show secrets.
        _log.error("The warning was not sent by the rules (%s).", type(problem).__name__)
