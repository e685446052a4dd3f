"""The pages that links of a demo's alerts open."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.cli.demo_pages import DemoPages, LogFile, Place, place_at
from airflow_provider_dingpush.cli.screen import Screen
from airflow_provider_dingpush.cli.storm import _TEXTS as STORM_TEXTS
from airflow_provider_dingpush.cli.storm import _failure, _log_of, _tasks_of
from airflow_provider_dingpush.sandbox import Sandbox

RUN_ID = "scheduled__2026-11-22T02:00:00+00:00"


@pytest.mark.parametrize("layout", ["pages", "grid"])
@pytest.mark.parametrize(
    "place", [Place("a.b", RUN_ID), Place("销售", RUN_ID, "load"), Place("d", RUN_ID, "g.load", 0)], ids=str
)
def test_each_link_of_an_alert_is_understood(layout: str, place: Place) -> None:
    """In the layout of Airflow 3 and of Airflow 2."""
    site = AirflowSite("http://127.0.0.1:1/pages", layout)  # type: ignore[arg-type]
    dag_id, run_id, task_id, map_index = place
    url = (
        site.run_url(dag_id, run_id)
        if task_id is None
        else site.log_url(dag_id, run_id, task_id, map_index=map_index, try_number=1)
    )
    parts = urlsplit(url)
    assert place_at(parts.path.removeprefix("/pages/"), dict(parse_qsl(parts.query))) == place


@pytest.mark.parametrize("path", ["", "dags", "dags/d/grid", "dags/d/runs", "dags/d/runs/r/tasks/t/mapped/x", "../x"])
def test_any_other_address_is_not(path: str) -> None:
    assert place_at(path, {}) is None


def test_a_page_is_escaped_and_served_beside_the_chat(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    log.write_text(
        "before\n[info] [DAG TEST] starting task_id=load map_index=-1 x\n"
        "\x1b[31m<b>Task failed with exception\x1b[0m\nValueError: <5\n"
        "[info] [DAG TEST] end task task_id=load map_index=-1\nafter\n",
        "utf-8",
    )
    with Sandbox(pages=DemoPages("en", LogFile(log).log_of, LogFile(log).tasks_of)) as sandbox:
        shown = requests.get(f"{sandbox.pages_url}/dags/d/runs/r/tasks/load?try_number=1", timeout=60)
        assert shown.status_code == 200
        assert "<strong>ValueError: &lt;5</strong>" in shown.text
        assert "<pre>&lt;b&gt;Task failed with exception\nValueError: &lt;5</pre>" in shown.text
        assert "load</a>: failed" in requests.get(f"{sandbox.pages_url}/dags/d/runs/r", timeout=60).text
        assert requests.get(f"{sandbox.pages_url}/dags/d/runs/r/tasks/other", timeout=60).status_code == 404
        foreign = {"Host": "example.com"}
        assert requests.get(f"{sandbox.pages_url}/dags/d/runs/r", headers=foreign, timeout=60).status_code == 403


def test_each_failure_of_a_storm_has_its_page() -> None:
    log_of = _log_of(Screen("zh", STORM_TEXTS))
    for number in (0, 1, 39, 40, 999):
        dag_id, task_id, map_index = _failure(number)
        assert log_of(Place(dag_id, RUN_ID, task_id, map_index))
        assert (task_id, map_index, True) in list(_tasks_of(dag_id, 1_000))
    for unknown in (Place("ods_sync_00", RUN_ID, "load_9", 0), Place("x", RUN_ID, "y"), Place("ods_sync_00", RUN_ID)):
        assert log_of(unknown) is None
