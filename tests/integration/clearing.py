"""In the home of an Airflow 3 whose run of ``fails_always`` has failed: clear it, let it fail, miss two deadlines.

Nothing runs here but the callbacks: Airflow's own code makes their contexts, from its own database, as its DAG
processor and its scheduler do. Prints after each step how many log lines report a repetition.
"""

from __future__ import annotations

import inspect
import logging
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import structlog
from airflow.api_fastapi.execution_api.datamodels import taskinstance as data
from airflow.callbacks.callback_requests import TaskCallbackRequest
from airflow.dag_processing import dagbag, processor
from airflow.models.dagrun import DagRun
from airflow.models.deadline import Deadline
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from sqlalchemy.orm import object_session

from airflow_provider_dingpush.notifications import DingTalkNotifier

_callbacks: Any = processor  # 3.2 and 3.3 type it in different ways
_log = structlog.get_logger()


class Repetitions(logging.Handler):
    """Counts the log lines that report one."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += "A repetition isn't sent again" in record.getMessage()


def main() -> None:
    """Do it step by step."""
    repetitions = Repetitions(logging.INFO)
    ours = logging.getLogger("airflow_provider_dingpush")
    ours.addHandler(repetitions)
    ours.setLevel(logging.INFO)
    bag = dagbag.DagBag(str(Path(__file__).with_name("dags") / "fails_always.py"))
    with create_session() as session:
        run: Any = session.query(DagRun).filter_by(dag_id="fails_always").one()
        for _ in range(2):
            clear_task_instances(run.get_task_instances(session=session), session)
            session.flush()
            run.set_state(DagRunState.RUNNING)
            (ti,) = run.get_task_instances(session=session)
            ti.try_number += 1
            ti.state = TaskInstanceState.FAILED
            run.set_state(DagRunState.FAILED)
            session.flush()
            # Where a heartbeat was lost, Airflow calls back twice.
            for _ in range(2):
                _callbacks._execute_task_callbacks(bag, _task_request(ti, run), _log)
                _callbacks._execute_dag_callbacks(bag, _dag_request(bag, ti, run), _log)
            sys.stdout.write(f"cleared {repetitions.count}\n")
        for seconds in (5, 25):
            context = _missed(session, run, seconds)
            for _ in range(2):
                DingTalkNotifier(language="en")(context)
        sys.stdout.write(f"deadlines {repetitions.count}\n")
        session.rollback()


def _task_request(ti: Any, run: Any) -> Any:
    """As the scheduler makes it for a task that is gone."""
    return TaskCallbackRequest(
        filepath="fails_always.py",
        bundle_name="dags-folder",
        bundle_version=None,
        ti=ti,
        task_callback_type=TaskInstanceState.FAILED,
        context_from_server=data.TIRunContext(
            dag_run=data.DagRun.model_validate(run, from_attributes=True),
            max_tries=ti.max_tries,
            variables=[],
            connections=[],
            xcom_keys_to_clear=[],
        ),
    )


def _dag_request(bag: Any, ti: TaskInstance, run: Any) -> Any:
    """As the scheduler makes it for a run that has failed."""
    dag = bag.dags["fails_always"]
    given: dict[str, Any] = {"success": False, "relevant_ti": ti, "reason": "task_failure"}
    if "session" in inspect.signature(run.produce_dag_callback).parameters:  # 3.4
        given["session"] = object_session(run)
    return run.produce_dag_callback(dag, **given)


def _missed(session: Any, run: Any, seconds: float) -> Any:
    """The context for a deadline that passed so many seconds ago, as the scheduler makes it."""
    deadline = Deadline(
        deadline_time=datetime.now(timezone.utc) - timedelta(seconds=seconds),
        callback=AsyncCallback(DingTalkNotifier, kwargs={"language": "en"}),
        dagrun_id=run.id,
        deadline_alert_id=None,
    )
    deadline.dagrun = run
    session.add(deadline)
    session.flush()
    # The scheduler reads it from the database; before that its id is of a class that Airflow 3.2 can't serialize.
    session.refresh(deadline)
    deadline.handle_miss(session)
    return deadline.callback.data["kwargs"]["context"]


if __name__ == "__main__":
    main()
