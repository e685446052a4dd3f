"""How long a callback may take: a limit for each kind of process that runs callbacks, shared by its notifiers."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option, is_airflow_3
from airflow_provider_dingpush.errors import UnavailableError
from airflow_provider_dingpush.timeouts import LEAST_POST_SECONDS

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.timeouts import Deadline

CALLBACK_SECONDS = 8.0
"""What all notifiers of one task callback may take together, in seconds.

Airflow 3 kills a task's process about 20 seconds after its task ended, callbacks included, and may then run the task
again.
"""
DAG_PROCESSOR_SECONDS = 40.0
"""What all notifiers of one DAG-processor process may take together, in seconds.

It runs the DAG-level callbacks of one file one after the other and is killed after 50 seconds, reading the file
included. Its first look-up of a connection can take ten.
"""
DEADLINE_SECONDS = 60.0
"""What the notifiers of one missed deadline may take, in seconds: Airflow sets the triggerer no limit."""

_READING_SECONDS = 10.0
"""What asking Airflow about a failure, and rendering the notifier's arguments, may take in any case, in seconds."""
_DEFAULT_OVERTIME_SECONDS = 20.0
_DEFAULT_FILE_SECONDS = 50.0
# The share of the DAG processor's time for one file that notifiers may use.
_SHARE_OF_DAG_PROCESSOR = 0.8


class Process(Enum):
    """Which process of Airflow runs a callback."""

    TASK = "task"
    DAG_PROCESSOR = "DAG processor"
    TRIGGERER = "triggerer"


def process_of(facts: RunFacts) -> Process:
    """The process that runs the callback with these facts."""
    # An SLA of Airflow 2 has no time of its own, and no triggerer.
    if facts.event.is_deadline and facts.deadline_at is not None:
        return Process.TRIGGERER
    return Process.DAG_PROCESSOR if facts.task_id is None or facts.killed_from_outside else Process.TASK


def budget_of(facts: RunFacts) -> tuple[Hashable, float]:
    """The key of the time budget that all notifiers of this callback share, and the seconds in it."""
    process = process_of(facts)
    if process is Process.DAG_PROCESSOR:
        return process, min(DAG_PROCESSOR_SECONDS, _file_limit())
    if process is Process.TRIGGERER:
        return (facts.dag_id, facts.run_id, facts.deadline_at), DEADLINE_SECONDS
    one_try = (facts.dag_id, facts.run_id, facts.task_id, facts.map_index, facts.try_number, facts.event)
    return one_try, min(CALLBACK_SECONDS, _callback_limit())


def reading_limit(seconds_left: float) -> float:
    """The seconds for reading what the alert says, before it is stored and sent.

    :param seconds_left: of the callback's budget.
    """
    return min(seconds_left / 2, _READING_SECONDS)


def failed_tasks_limit(seconds_left: float, process_seconds: float | None) -> float:
    """The seconds for asking Airflow about the failed tasks of a run.

    All of the budget but what storing and sending take, if the process was started recently enough: Airflow ends it a
    fixed time after its start, and reading the DAG file may have taken half of that.

    :param seconds_left: of the callback's budget.
    :param process_seconds: how long ago this process was started; ``None`` if unknown.
    """
    least = reading_limit(seconds_left)
    if process_seconds is None:
        return least
    of_process = (_granted_for_file() or _DEFAULT_FILE_SECONDS) - process_seconds
    return max(least, min(seconds_left, of_process) - CALLBACK_SECONDS)


def seconds_since_start() -> float | None:
    """How long ago this process was started (forked), in seconds; ``None`` if unknown, as on macOS."""
    try:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            # The name of the program, in brackets, may hold blanks. See proc_pid_stat(5): starttime is field 22.
            ticks = int(file.read().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def require_time(deadline: Deadline) -> float:
    """The seconds until the deadline, if they are enough for a request.

    :raises UnavailableError: if they aren't.
    """
    seconds = deadline.seconds_left()
    if seconds < LEAST_POST_SECONDS:
        raise UnavailableError(
            "The time that all notifiers of one callback share is used up.",
            "Check for a slow network, a slow secrets backend, or too many notifiers in one callback.",
        )
    return seconds


def _callback_limit() -> float:
    """Half of what Airflow 3 grants a task's process after the task, in seconds, as configured."""
    try:
        granted = float(airflow_option("core", "task_success_overtime") or _DEFAULT_OVERTIME_SECONDS)
    except ValueError:
        granted = _DEFAULT_OVERTIME_SECONDS
    return max(LEAST_POST_SECONDS, granted / 2)


def _file_limit() -> float:
    """The notifiers' share of what Airflow grants its DAG processor for one file, in seconds, as configured."""
    granted = _granted_for_file()
    return DAG_PROCESSOR_SECONDS if granted is None else max(LEAST_POST_SECONDS, granted * _SHARE_OF_DAG_PROCESSOR)


def _granted_for_file() -> float | None:
    """What Airflow grants its DAG processor for one file, in seconds; ``None`` if it isn't configured."""
    try:
        granted = airflow_option("dag_processor" if is_airflow_3() else "core", "dag_file_processor_timeout")
        return float(granted) if granted else None
    except ValueError:
        return None
