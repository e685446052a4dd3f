"""The health of Airflow, asked as its versions answer it, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.errors import ConnectionSettingsError
from airflow_provider_dingpush.pipeline.airflow_health import (
    Component,
    Health,
    Observation,
    Trouble,
    address_of_airflow,
    dag_processor_works,
    observed,
    observed_flush,
    shown_address,
)
from airflow_provider_dingpush.timeouts import Deadline
from tests.health_server import PLAIN, V1, V2, Airflow, health_server
from tests.integration.standalone_airflow import free_ports

OTHERS = (Component.DATABASE, Component.SCHEDULER, Component.DAG_PROCESSOR, Component.TRIGGERER)


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with health_server() as running:
        yield running


def look(address: str, seconds: float = 20.0) -> dict[Component, Observation]:
    return {each.component: each for each in observed(address, Deadline.after(seconds))}


@pytest.mark.parametrize("path", [V2, V1, PLAIN])
def test_the_health_of_each_version_is_found(airflow: Airflow, path: str) -> None:
    """Airflow 3 has the first path, Airflow 2 the others; what a version hasn't, it answers with 404."""
    airflow.path = path
    found = look(airflow.url)
    assert {each: one.health for each, one in found.items()} == dict.fromkeys(
        (Component.WEB_SERVER, *OTHERS), Health.HEALTHY
    )
    heartbeat = found[Component.SCHEDULER].last_heartbeat
    assert heartbeat is not None
    assert abs(time.time() - heartbeat) < 60


def test_a_component_without_a_heartbeat(airflow: Airflow) -> None:
    airflow.set("scheduler", "unhealthy", 400)
    airflow.set("triggerer", "unhealthy", None)
    found = look(airflow.url)
    scheduler = found[Component.SCHEDULER]
    assert (scheduler.health, scheduler.trouble) == (Health.UNHEALTHY, Trouble.NO_HEARTBEAT)
    assert scheduler.last_heartbeat is not None
    assert found[Component.TRIGGERER].trouble is Trouble.NEVER_RAN
    assert found[Component.DAG_PROCESSOR].health is Health.HEALTHY


@pytest.mark.parametrize("missing", ["null", "absent"])
def test_a_component_that_is_not_run_is_not_unhealthy(airflow: Airflow, missing: str) -> None:
    """No triggerer has ever run; the DAG processor is a part of the scheduler in Airflow 2."""
    for name in ("triggerer", "dag_processor"):
        airflow.set(name, None)
        if missing == "absent":
            del airflow.health[name]
    found = look(airflow.url)
    assert found[Component.TRIGGERER].health is found[Component.DAG_PROCESSOR].health is Health.NOT_RUN


def test_without_its_database_only_the_database_is_unhealthy(airflow: Airflow) -> None:
    """Airflow calls all others unhealthy then, because it can't read their heartbeats."""
    airflow.health["metadatabase"]["status"] = "unhealthy"
    for name in ("scheduler", "triggerer", "dag_processor"):
        airflow.set(name, "unhealthy", None)
    found = look(airflow.url)
    assert found[Component.DATABASE].trouble is Trouble.DATABASE_UNREACHABLE
    assert {found[each].health for each in OTHERS[1:]} == {Health.UNKNOWN}


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (503, b"upstream connect error", f"{V2}: HTTP 503"),
        (200, b"<html>Log in</html>", f"{V2}: HTTP 200"),
        (403, b"{}", f"{V2}: HTTP 403"),
        (200, b"[]", f"{V2}: HTTP 200"),
    ],
)
def test_an_answer_that_is_not_airflows(airflow: Airflow, status: int, body: bytes, detail: str) -> None:
    """Of a proxy or a login page in front of it."""
    airflow.status, airflow.body = status, body
    found = look(airflow.url)
    server = found[Component.WEB_SERVER]
    assert (server.health, server.trouble, server.detail) == (Health.UNHEALTHY, Trouble.UNEXPECTED_ANSWER, detail)
    assert {found[each].health for each in OTHERS} == {Health.UNKNOWN}


def test_nobody_answers() -> None:
    (port,) = free_ports(1)
    found = look(f"http://user:secret-of-the-proxy@127.0.0.1:{port}")
    server = found[Component.WEB_SERVER]
    assert (server.trouble, server.detail) == (Trouble.NO_ANSWER, "Connection refused")
    assert "secret" not in repr(found)


def test_a_name_that_nobody_has() -> None:
    server = look("http://airflow.invalid:8080")[Component.WEB_SERVER]
    assert server.trouble is Trouble.NO_ANSWER
    assert server.detail


@pytest.mark.parametrize("value", ["never", 5, {}, None])
def test_a_heartbeat_that_cannot_be_read_is_unknown(airflow: Airflow, value: object) -> None:
    airflow.health["scheduler"]["latest_scheduler_heartbeat"] = value
    assert look(airflow.url)[Component.SCHEDULER].last_heartbeat is None


@pytest.mark.parametrize(
    ("last", "health"),
    [(None, Health.NOT_RUN), (1_000.0, Health.HEALTHY), (400.0, Health.HEALTHY), (399.0, Health.UNHEALTHY)],
)
def test_the_flush_must_have_run(last: float | None, health: Health) -> None:
    assert observed_flush(last, 1_000.0, 600.0).health is health


def test_the_address_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option wins over ours, and ours over Airflow's own."""
    section = "API" if is_airflow_3() else "WEBSERVER"
    monkeypatch.setenv(f"AIRFLOW__{section}__BASE_URL", "https://of.airflow/")
    assert address_of_airflow(None) == "https://of.airflow"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://ours/air/")
    assert address_of_airflow(None) == "https://ours/air"
    assert address_of_airflow("http://airflow:8080/") == "http://airflow:8080"
    assert shown_address("http://me:secret@airflow:8080/x?token=y") == "http://airflow:8080/x"


@pytest.mark.parametrize("url", ["airflow:8080", "ftp://airflow", "http://", "http://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConnectionSettingsError, match="--url http://airflow:8080"):
        address_of_airflow(url)


@pytest.fixture
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "")


@pytest.mark.parametrize(("status", "works"), [("healthy", True), ("unhealthy", False), (None, None)])
@pytest.mark.usefixtures("nowhere_else")
def test_the_dag_processor_as_airflow_says(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch, status: str | None, works: bool | None
) -> None:
    """It has no status if there never was a DAG processor."""
    airflow.set("dag_processor", status)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"{airflow.url}/execution/")
    assert dag_processor_works(Deadline.after(60)) is works
    assert airflow.asked == [V2]


@pytest.mark.usefixtures("nowhere_else")
def test_another_address_is_tried_for_the_dag_processor(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may reach Airflow's API by only one of them."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:1/execution/")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", airflow.url)
    assert dag_processor_works(Deadline.after(60)) is True


@pytest.mark.parametrize("answer", [None, "healthy", [], {"status": 3}, {}])
@pytest.mark.usefixtures("nowhere_else")
def test_an_answer_without_the_dag_processor(airflow: Airflow, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    airflow.health["dag_processor"] = answer
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", airflow.url)
    assert dag_processor_works(Deadline.after(60)) is None


@pytest.mark.usefixtures("nowhere_else")
def test_without_its_database_airflow_knows_nothing_of_the_dag_processor(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls it unhealthy all the same."""
    airflow.health["metadatabase"]["status"] = "unhealthy"
    airflow.set("dag_processor", "unhealthy", None)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", airflow.url)
    assert dag_processor_works(Deadline.after(60)) is None


@pytest.mark.usefixtures("nowhere_else")
def test_without_an_answer_nothing_is_known_of_the_dag_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dag_processor_works(Deadline.after(60)) is None
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "ftp://nowhere")
    assert dag_processor_works(Deadline.after(60)) is None


@pytest.mark.usefixtures("nowhere_else")
def test_without_time_nobody_is_asked_for_the_dag_processor(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", airflow.url)
    assert dag_processor_works(Deadline.after(-1)) is None
    assert airflow.asked == []
