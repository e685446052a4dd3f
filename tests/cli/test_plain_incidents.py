"""An incident as the commands show it: its claim, and the last step that was taken."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.cli.plain_incidents import COLUMNS, INCIDENT_TEXTS, cells_of, plain_incident
from airflow_provider_dingpush.cli.screen import Screen
from airflow_provider_dingpush.oncall.claims import Claim
from airflow_provider_dingpush.oncall.escalation import Attempt, Outcome, Progress
from airflow_provider_dingpush.pipeline.incidents import Incident
from airflow_provider_dingpush.rules.escalations import Step, Way

STEP = Step(300, Way.PHONE, ("lead",))
PROGRESS = Progress(
    0.0, {STEP.key: (Attempt(Way.PHONE, 300.0, Outcome.NO_CREDIT), Attempt(Way.APP, 301.0, Outcome.DONE))}
)
INCIDENT = Incident("7f3ac2" + "0" * 18, OpenFailure("task_failed", 0.0, 60.0, dag_id="etl"), Claim("a", 9.0), PROGRESS)


@pytest.mark.parametrize(("language", "step"), [("en", "DING in the app"), ("zh", "应用内 DING")])
def test_the_cells_of_a_row(language: str, step: str) -> None:
    cells = cells_of(INCIDENT, Screen(language, INCIDENT_TEXTS))
    assert len(cells) == len(COLUMNS)
    assert cells[-1].startswith(f"{step} 1970-01-01 00:05")


def test_plain_data_has_every_attempt() -> None:
    plain = plain_incident(INCIDENT)
    assert [each["outcome"] for each in plain["steps"]] == ["no_credit", "done"]
    assert plain["claim"]["by"] == "a"
    assert plain_incident(Incident("a", INCIDENT.failure))["claim"] is None
