"""Airflow's own e-mail about a failed task, of each version: the texts are those of real runs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.alerts.email_reading import failure_in

HTML_2 = (
    "Try 1 out of 2<br>Exception:<br>no such table: orders<br>  at line 7<br>"
    'Log: <a href="http://localhost:8080/dags/mails/grid?dag_run_id=manual__2026-11-22T00%3A00%3A00%2B00%3A00'
    '&task_id=group.fails&map_index=1&base_date=2026-11-22T00%3A00%3A00.000000%2B0000&tab=logs">Link</a><br>'
    'Host: h<br>Mark success: <a href="http://localhost:8080/confirm?task_id=group.fails">Link</a><br>'
)
HTML_3 = (
    "Try 2 out of 2<br>Exception:<br>a &lt; b<br>"
    'Log: <a href="http://localhost:8080/dags/a.b/runs/manual__2026-11-22T00%3A00%3A00%2B00%3A00/tasks/g.t/mapped/0'
    '?try_number=2">Link</a><br>Host: h<br>'
)
SUBJECT_3 = (
    "Airflow alert: id=UUID('3c9470a2-4d4a-411e-8c6b-3d9a00bd37bb') task_id='g.t' dag_id='a.b' "
    "run_id='manual__2026-11-22T00:00:00+00:00' try_number=2 map_index=0 hostname='h' context_carrier=None "
    "task=<Task(_PythonDecoratedOperator): g.t> max_tries=1 end_date=None "
    "state=<TaskInstanceState.FAILED: 'failed'> is_mapped=True rendered_map_index=None"
)
RUN = "manual__2026-11-22T00:00:00+00:00"


def read(subject: str, html: str) -> dict[str, Any]:
    found = failure_in(subject, html)
    assert found is not None
    return {**vars(found["ti"]), "exception": found["exception"]}


@pytest.mark.parametrize("state", ["failed", "up_for_retry"])
def test_of_airflow_2(state: str) -> None:
    """The link separates DAG and task, whose ids may have dots."""
    subject = f"Airflow alert: <TaskInstance: mails.group.fails {RUN} map_index=1 [{state}]>"
    assert read(subject, HTML_2) == {
        "id": None,
        "dag_id": "mails",
        "task_id": "group.fails",
        "run_id": RUN,
        "try_number": 1,
        "max_tries": 1,
        "map_index": 1,
        "state": state,
        "exception": "no such table: orders\n  at line 7",
    }


def test_of_airflow_3() -> None:
    """As pydantic prints a task instance, with the id of the try by which a notifier's alert is recognised."""
    assert read(SUBJECT_3, HTML_3) == {
        "id": "3c9470a2-4d4a-411e-8c6b-3d9a00bd37bb",
        "dag_id": "a.b",
        "task_id": "g.t",
        "run_id": RUN,
        "try_number": 2,
        "max_tries": 1,
        "map_index": 0,
        "state": "failed",
        "exception": "a < b",
    }


def test_without_a_state() -> None:
    """In the DAG processor."""
    assert read(SUBJECT_3.replace("<TaskInstanceState.FAILED: 'failed'>", "None"), HTML_3)["state"] is None


def test_of_a_text_of_ones_own() -> None:
    """The subject has the ids, unless they have dots."""
    found = read(f"Airflow alert: <TaskInstance: mails.fails {RUN} [failed]>", "<p>It failed.</p>")
    assert (found["dag_id"], found["task_id"], found["run_id"]) == ("mails", "fails", RUN)
    assert (found["exception"], found["try_number"], found["map_index"]) == (None, None, None)


def test_of_a_subject_that_was_escaped() -> None:
    """By a DAG whose templates do so."""
    assert read(f"Airflow alert: &lt;TaskInstance: mails.fails {RUN} [failed]&gt;", "")["task_id"] == "fails"


@pytest.mark.parametrize(
    ("subject", "html"),
    [
        ("Daily report", HTML_2),
        ("Airflow alert: the warehouse is full", "<p>x</p>"),
        ("Airflow alert: {{ti}}", "x"),
        ("[airflow] SLA miss on DAG=etl", "x"),
        ("Re: Airflow alert: <TaskInstance: a.b c [failed]>", ""),
        ("", ""),
    ],
)
def test_any_other_e_mail_is_none(subject: str, html: str) -> None:
    assert failure_in(subject, html) is None


@pytest.mark.parametrize("html", ["Try " * 30_000, "Exception:<br>" * 8_000, "Log: <a href=" * 8_000, "<br>" * 25_000])
def test_a_long_text_is_read_in_no_time(html: str) -> None:
    """Also one that only looks like Airflow's: the patterns try no combinations."""
    assert read(f"Airflow alert: <TaskInstance: a.b {RUN} [failed]>", html)["dag_id"] == "a"
    failure_in("Airflow alert: <TaskInstance: " + "a." * 500 + " " * 500, html)
