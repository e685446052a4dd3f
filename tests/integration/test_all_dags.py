"""Alerts of DAGs without a notifier, on the installed Airflow: ``[dingpush] alert_conn_id`` and ``rules_file``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_dingpush.sandbox import Robot, Sandbox

DagTest = Callable[..., str]
SECRET = "SEC-of-all-dags-0123456789"


def titles(sandbox: Sandbox) -> list[str]:
    return sorted(message.payload["markdown"]["title"].partition(" manual__")[0] for message in sandbox.messages)


def names_the_task_alone(sandbox: Sandbox, dag_id: str) -> bool:
    """Whether the one message is about the failed task, alone or (Airflow 2) with its run, which adds nothing."""
    return titles(sandbox) in ([f"[P1] Failed: {dag_id} · some_fail [1]"], [f"[P1] 1 failure: {dag_id} · some_fail"])


def settings(sandbox: Sandbox, **options: str) -> dict[str, str]:
    extra = {"secret": SECRET, "language": "en", "group_interval_seconds": 0}
    connection = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra}
    return {
        "AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(connection),
        **{f"AIRFLOW__DINGPUSH__{name.upper()}": value for name, value in options.items()},
    }


@pytest.mark.parametrize("dag_id", ["no_notifier", "own_notifier"])
def test_every_failure_of_any_dag_arrives_once(
    dag_id: str, dag_test: DagTest, flushed: DagTest, tmp_path: Path
) -> None:
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = settings(sandbox, alert_conn_id="dingtalk_default")
        written = dag_test(sandbox, dag_id, environment, home=tmp_path)
        written += flushed(tmp_path, environment)
        assert names_the_task_alone(sandbox, dag_id), written[-5000:]
        assert SECRET not in "\n".join(line for line in written.splitlines() if "MaskSecret(" not in line)


def test_without_the_option_nothing_is_sent(dag_test: DagTest, flushed: DagTest, tmp_path: Path) -> None:
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        dag_test(sandbox, "no_notifier", settings(sandbox), home=tmp_path)
        flushed(tmp_path, settings(sandbox))
        assert titles(sandbox) == []


RULES = """
rules:
  - match: {event: task_retrying}
    receiver: null
  - match: {tags: core, severity: P1, event: task_failed}
    receiver: dingtalk_default
    at: {mobiles: [13800000001]}
  - match: {event: dag_failed, dag_id: "other_*"}
    receiver: dingtalk_default
"""


def test_rules_decide_who_is_notified(dag_test: DagTest, flushed: DagTest, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = settings(sandbox, rules_file=str(tmp_path / "rules.yaml"))
        written = dag_test(sandbox, "no_notifier", environment, home=tmp_path)
        written += flushed(tmp_path, environment)
        assert names_the_task_alone(sandbox, "no_notifier"), written[-5000:]
        (message,) = sandbox.messages
        assert message.payload["at"]["atMobiles"] == ["13800000001"]


def test_rules_may_notify_of_runs_alone(dag_test: DagTest, flushed: DagTest, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{match: {event: dag_failed}, receiver: dingtalk_default}]")
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = settings(sandbox, rules_file=str(tmp_path / "rules.yaml"))
        written = dag_test(sandbox, "no_notifier", environment, home=tmp_path)
        assert titles(sandbox) == []  # the scheduler only writes it
        written += flushed(tmp_path, environment)
        assert titles(sandbox) == ["[P1] Run failed: no_notifier"], written[-5000:]
        assert "some\\_fail" in sandbox.messages[0].payload["markdown"]["text"]


def test_a_rules_file_with_mistakes_loses_no_alert(dag_test: DagTest, flushed: DagTest, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - reciever: dingtalk_default\n")
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = settings(sandbox, rules_file=str(tmp_path / "rules.yaml"))
        written = dag_test(sandbox, "no_notifier", environment, home=tmp_path)
        written += flushed(tmp_path, environment)
        assert titles(sandbox) == ["[P1] 2 failures in 1 DAG and 1 file"], written[-5000:]
        text = sandbox.messages[0].payload["markdown"]["text"]
        assert "no\\_notifier** · some\\_fail [1\\]" in text
        assert "**rules.yaml** · " in text  # and the time, if the minute has passed since the task failed
        assert "rules file is broken · rules.yaml:2:5: 'reciever' is unknown here" in text
        assert "rules.yaml:2:5: 'reciever' is unknown here; did you mean 'receiver'?" in written


TEAM_RULES = """
rules:
  - {match: {team: orders}, receiver: null}
  - {match: {team: warehouse, event: [task_failed, dag_failed]}, receiver: dingtalk_default}
"""


@pytest.mark.skipif(
    tuple(map(int, airflow_version.split(".")[:2])) < (3, 3), reason="before Airflow 3.3 tasks don't know their team"
)
def test_rules_know_the_team_of_a_dag(dag_test: DagTest, flushed: DagTest, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(TEAM_RULES)
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {},
        "team_name": "warehouse",
    }
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = settings(sandbox, rules_file=str(tmp_path / "rules.yaml")) | {
            "AIRFLOW__CORE__MULTI_TEAM": "True",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        }
        written = dag_test(sandbox, "no_notifier", environment, home=tmp_path, team="warehouse")
        written += flushed(tmp_path, environment)
        assert names_the_task_alone(sandbox, "no_notifier"), written[-5000:]
