"""The key of a task's message, which is the same for each try of the task.

DingTalk drops a message of a custom robot whose ``msgUuid`` it recognises. A try whose reply came too late fails,
although its message is in the group; the next try must send the same ``msgUuid``, or the message would appear twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

# Of this process, for runs that have nothing else to distinguish them.
_PROCESS = uuid.uuid4().hex


def message_key(context: Mapping[str, Any], conn_id: str, *, task_id: str, position: int = 0) -> str | None:
    """A text that is the same for all tries of a task, and another one after it was cleared; ``None`` without a task.

    An operator that a callback or another task calls has no tries of its own: its message about one try differs from
    its message about the next.

    When a task is cleared, Airflow raises its ``max_tries``; a run that is cleared, or deleted and created again under
    its id, has another start: then the message is meant to be sent again.

    :param context: of the task.
    :param conn_id: through which it is sent: another robot has not sent it yet.
    :param task_id: of the operator that sends it.
    :param position: how many messages this try has sent before.
    """
    task_instance = context.get("ti") or context.get("task_instance")
    names = [getattr(task_instance, name, None) for name in ("dag_id", "run_id", "task_id")]
    if not all(isinstance(name, str) for name in names) or names[-1] != task_id:
        return None
    # The last two distinguish the iterations of a task loop, from Airflow 3.4 on.
    more = [getattr(task_instance, name, None) for name in ("map_index", "max_tries", "region_id", "region_index")]
    return "\n".join(
        map(str, [conn_id, *names, *more, *_run_identity(context.get("dag_run")), *([position] if position else [])])
    )


def is_retry(context: Mapping[str, Any], retries: int | None) -> bool:
    """Whether an earlier try of the task may have sent its message already.

    :param retries: how often Airflow tries the task again.
    """
    task_instance = context.get("ti") or context.get("task_instance")
    number, most = getattr(task_instance, "try_number", None), getattr(task_instance, "max_tries", None)
    if not isinstance(number, int) or not isinstance(most, int):
        return False
    return number > most - (retries or 0) + 1


def _run_identity(run: Any) -> tuple[object, ...]:
    """What distinguishes a run from another one of the same id."""
    begun, planned = getattr(run, "start_date", None), getattr(run, "run_after", None)
    dates = (getattr(run, "logical_date", None), getattr(run, "execution_date", None)) if planned is None else ()
    if begun is None or begun in dates:
        # A run of ``dags test`` or ``tasks test`` on Airflow 2 has no start of its own, and one process for all tries.
        return begun, planned, _PROCESS
    return begun, planned
