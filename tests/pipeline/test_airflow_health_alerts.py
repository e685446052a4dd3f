"""A look at Airflow: what arrives in the group, over several calls of ``dingpush watch`` without any other sender."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.pipeline.airflow_health import Component, Health
from airflow_provider_dingpush.pipeline.airflow_health_alerts import WatchOptions, WatchResult, watch
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.health_server import Airflow, health_server
from tests.outbox_in_use import put_alerts

SECONDS = 30.0


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with health_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ENVIRONMENT", "prod")


class Watch:
    """Calls ``dingpush watch`` as a timer does, at times of its own."""

    def __init__(self, airflow: Airflow, **options: object) -> None:
        self._options = WatchOptions(airflow.url, **options)  # type: ignore[arg-type]
        self._now = time.time()

    def __call__(self, after: float = 60.0) -> WatchResult:
        self._now += after
        return watch(self._options, until=time.monotonic() + SECONDS, clock=lambda: self._now)


def titles(sandbox: Sandbox) -> list[str]:
    return [message.payload["markdown"]["title"] for message in sandbox.messages]


def test_a_healthy_airflow_says_nothing(airflow: Airflow, connected: Sandbox) -> None:
    result = Watch(airflow)()
    assert result.is_fine
    assert result.written == len(connected.messages) == 0
    assert {each.observation.component for each in result.components} == set(Component)


def test_an_incident_from_its_first_alert_to_its_end(airflow: Airflow, connected: Sandbox) -> None:
    """Once, repeated while it lasts, and its end; what was not told has no end."""
    look = Watch(airflow)
    look()
    airflow.set("scheduler", "unhealthy", 300)
    airflow.set("triggerer", "unhealthy", None)
    assert [look().written for _ in range(4)] == [1, 0, 1, 0]
    assert titles(connected) == ["[prod] Unhealthy: Airflow · scheduler", "[prod] Unhealthy: Airflow · triggerer"]
    text = connected.messages[0].payload["markdown"]["text"]
    assert "- Reason: no heartbeat" in text
    assert airflow.url.removeprefix("http://") in text
    assert look(4 * 3_600 - 180).written == 1
    airflow.set("scheduler", "healthy")
    airflow.set("triggerer", "healthy")
    assert look().written == 2
    assert look().written == 0
    assert outbox().opened_incidents(10) == {}
    assert titles(connected)[-1] == "[prod] 2 recovered: Airflow"


def test_several_at_once_are_one_message(airflow: Airflow, connected: Sandbox) -> None:
    for name in ("scheduler", "triggerer", "dag_processor"):
        airflow.set(name, "unhealthy", 500)
    assert Watch(airflow)().written == 3
    (message,) = connected.messages
    text = message.payload["markdown"]["text"]
    assert all(name in text for name in ("scheduler", "triggerer", "DAG processor", "no heartbeat"))
    assert "unknown DAG" not in text


def test_a_web_server_that_restarts_is_not_reported(airflow: Airflow, connected: Sandbox) -> None:
    look = Watch(airflow)
    airflow.status = 503
    look()
    look()
    airflow.status = 200
    look()
    assert connected.messages == ()


def test_a_web_server_that_is_away(airflow: Airflow, connected: Sandbox) -> None:
    """Nothing is known of the others then: none of them is reported, nor its end."""
    look = Watch(airflow)
    airflow.set("scheduler", "unhealthy", 500)
    look()
    airflow.status = 502
    for _ in range(3):
        look()
    assert titles(connected) == ["[prod] Unhealthy: Airflow · scheduler", "[prod] Unhealthy: Airflow · web server"]
    assert "HTTP 502" in connected.messages[-1].payload["markdown"]["text"]


def test_a_flush_that_has_stopped(airflow: Airflow, connected: Sandbox) -> None:
    """Watching itself is no flush, or it would hide that."""
    look = Watch(airflow)
    outbox().note_flush(time.time())
    look()
    result = look(700)
    assert titles(connected) == ["[prod] Unhealthy: Airflow · dingpush flush"]
    assert "no flush runs" in connected.messages[0].payload["markdown"]["text"]
    assert not result.is_fine


def test_it_sends_what_waits_for_the_same_receiver(airflow: Airflow, connected: Sandbox) -> None:
    put_alerts("dingtalk_default")
    airflow.set("scheduler", "unhealthy", 500)
    result = Watch(airflow)()
    assert result.left == 0
    assert "sales" in json.dumps([each.payload for each in connected.messages])


def test_what_cannot_be_sent_is_sent_by_the_next_call(
    airflow: Airflow, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection can't be read for a while, as with a database that is down."""
    connection = os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"]
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    airflow.set("scheduler", "unhealthy", 500)
    look = Watch(airflow)
    result = look()
    assert (result.written, result.left, result.is_fine) == (1, 1, False)
    assert "AIRFLOW_CONN_DINGTALK_DEFAULT" in str(result.problems[0][1])
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", connection)
    assert look().written == 0
    assert titles(connected) == ["[prod] Unhealthy: Airflow · scheduler"]


def test_an_ignored_component(airflow: Airflow, connected: Sandbox) -> None:
    airflow.set("triggerer", "unhealthy", 500)
    assert Watch(airflow, ignored=frozenset({Component.TRIGGERER}))().is_fine
    assert connected.messages == ()


def test_rules_decide_who_is_notified(
    airflow: Airflow, connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules:\n"
        "  - {match: {event: airflow_*, task_id: triggerer}, receiver: null}\n"
        "  - {match: {event: airflow_*}, receiver: ops}\n"
    )
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(tmp_path / "rules.yaml"))
    with Sandbox(robots=(Robot(access_token="0" * 64),)) as of_operations:
        monkeypatch.setenv("AIRFLOW_CONN_OPS", of_operations.webhook_url)
        for name in ("scheduler", "triggerer"):
            airflow.set(name, "unhealthy", 500)
        assert Watch(airflow)().conn_ids == ["ops"]
        assert titles(of_operations) == ["[prod] Unhealthy: Airflow · scheduler"]
    assert connected.messages == ()


def test_an_alert_does_what_its_rule_asks_for(
    airflow: Airflow, connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules: [{match: {event: airflow_*}, receiver: dingtalk_default, severity: P1}]"
    )
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(tmp_path / "rules.yaml"))
    airflow.set("scheduler", "unhealthy", 500)
    Watch(airflow)()
    assert titles(connected) == ["[P1] [prod] Unhealthy: Airflow · scheduler"]


def test_a_connection_of_its_own_wins(airflow: Airflow, connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "nowhere")
    airflow.set("scheduler", "unhealthy", 500)
    assert Watch(airflow, conn_id="dingtalk_default")().conn_ids == ["dingtalk_default"]
    assert len(connected.messages) == 1


def test_a_connection_that_is_missing_is_a_problem(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "nowhere")
    airflow.set("scheduler", "unhealthy", 500)
    result = Watch(airflow)()
    ((about, problem),) = result.problems
    assert about == "nowhere"
    assert "AIRFLOW_CONN_NOWHERE" in str(problem)
    assert (result.written, result.left) == (1, 1)


def test_an_outbox_that_cannot_be_used(
    airflow: Airflow, connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is a file: another folder keeps the alert and the incident, and it is sent from there."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "file"))
    airflow.set("scheduler", "unhealthy", 500)
    look = Watch(airflow)
    result = look()
    assert {each.observation.health for each in result.components if each.observation.component is Component.FLUSH} == {
        Health.UNKNOWN
    }
    assert titles(connected) == ["[prod] Unhealthy: Airflow · scheduler"]
    assert look().written == 0
