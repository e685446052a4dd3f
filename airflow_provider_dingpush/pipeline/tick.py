"""One tick: what the flush DAG or ``dingpush flush`` does once a minute: look for what no callback sees, then send.

A new check is one function, and its module's name in :data:`CHECKS`. It writes alerts, which go with the flush that
follows; only escalations send what is due themselves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.pipeline.store_flush import flush_stores
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.store_flush import Flushed

CHECKS: tuple[str, ...] = ("rules_file_check", "killed_tasks", "import_error_check", "baselines", "escalations")
"""Modules of ``pipeline/`` with a function ``check(deadline)``, in the order in which they run."""

# The part of the tick's time that checks may take, so that a slow one doesn't keep alerts from being sent.
_SHARE_OF_CHECKS = 0.4

_log = logging.getLogger(__name__)


def tick(*, until: float, all_now: bool = False) -> Iterator[Flushed]:
    """Check, then flush.

    :param until: the deadline, in seconds of ``time.monotonic``.
    :param all_now: as for :func:`~airflow_provider_dingpush.pipeline.dispatching.flush`.
    :raises OutboxError: at the end, if the outbox itself can't be used.
    """
    if alerts_for_all_dags():
        now = time.monotonic()
        run_checks(Deadline(now + (until - now) * _SHARE_OF_CHECKS))
    yield from flush_stores(until=until, all_now=all_now)


def alerts_for_all_dags() -> bool:
    """Whether ``[dingpush] alert_conn_id`` or ``rules_file`` is set."""
    return any(airflow_option("dingpush", each) for each in ("alert_conn_id", "rules_file"))


def run_checks(deadline: Deadline) -> None:
    """Run all checks; one that raises doesn't stop the others.

    :param deadline: of all of them.
    """
    for name in CHECKS:
        if deadline.seconds_left() <= 0:
            _log.warning("The check %s has to wait for the next flush: no time is left.", name)
            continue
        try:
            import_module(f"airflow_provider_dingpush.pipeline.{name}").check(deadline)
        except Exception as problem:  # noqa: BLE001 - it must not keep alerts from being sent
            from airflow_provider_dingpush.pipeline.redaction import described

            _log.error("The check %s failed: %s", name, described(problem))
