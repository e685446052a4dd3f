"""Whether the DAG processor works, as the health page of Airflow says."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.pipeline.dag_processor_health import dag_processor_works
from airflow_provider_dingpush.timeouts import Deadline
from tests.dag_processor_server import health_server


@pytest.fixture(autouse=True)
def _nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "")


@pytest.mark.parametrize(("status", "works"), [("healthy", True), ("unhealthy", False), (None, None)])
def test_what_airflow_says(monkeypatch: pytest.MonkeyPatch, status: str | None, works: bool | None) -> None:
    """It has no status if there never was a DAG processor."""
    with health_server(status) as server:
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"{server.url}/execution/")
        assert dag_processor_works(Deadline.after(60)) is works
        assert server.asked == 1


def test_another_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may reach Airflow's API by only one of them."""
    with health_server() as server:
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:1/execution/")
        monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", server.url)
        assert dag_processor_works(Deadline.after(60)) is True


@pytest.mark.parametrize("answer", [None, "healthy", [], {"status": 3}, {}])
def test_an_answer_that_is_none(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    with health_server() as server:
        server.dag_processor = answer
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", server.url)
        assert dag_processor_works(Deadline.after(60)) is None


def test_without_an_answer_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dag_processor_works(Deadline.after(60)) is None
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "ftp://nowhere")
    assert dag_processor_works(Deadline.after(60)) is None


def test_without_time_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with health_server() as server:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", server.url)
        assert dag_processor_works(Deadline.after(-1)) is None
        assert server.asked == 0
