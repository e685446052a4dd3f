"""The DAG of ``dingpush demo``; test_demo runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush import cli
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from tests.cli.conftest import is_chinese

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before 3.2
    from airflow.models.dagbag import DagBag  # type: ignore[no-redef,attr-defined,unused-ignore]


@pytest.fixture(scope="module")
def dag() -> Any:
    bag = DagBag(Path(cli.__file__).with_name("demo_dag.py"))
    assert bag.import_errors == {}
    return bag.dags["dingpush_demo"]


def test_it_has_a_greeting_and_a_task_that_fails(dag: Any) -> None:
    assert sorted(dag.task_ids) == ["load_orders", "say_hello"]
    greeting = dag.get_task("say_hello")
    assert isinstance(greeting, DingTalkOperator)
    assert is_chinese(str(greeting.message))
    with pytest.raises(ConnectionError, match="fails on purpose"):
        dag.get_task("load_orders").python_callable()


def test_each_of_its_tasks_reports_its_failure(dag: Any) -> None:
    for task in dag.tasks:
        callbacks = task.on_failure_callback
        (callback,) = callbacks if isinstance(callbacks, (list, tuple)) else (callbacks,)
        assert isinstance(callback, DingTalkNotifier)
