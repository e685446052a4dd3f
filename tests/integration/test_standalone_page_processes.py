"""Which processes of a real Airflow load the page: its API server, and none of the scheduler, a DAG file or a task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from airflow_provider_dingpush.airflow_compat import has_own_plugin, is_airflow_3
from tests.integration.standalone_airflow import standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="its API is that of Airflow 3: install apache-airflow>=3"),
]
ENOUGH_SECONDS = 600
NOTE = """
def note(name):
    import json, os, sys
    loaded = [each for each in sys.modules if each.startswith("airflow_provider_dingpush.")]
    new = os.path.join({folder!r}, f"{{name}}.{{os.getpid()}}")
    with open(new, "w") as file:
        json.dump(loaded, file)
    os.replace(new, os.path.join({folder!r}, f"{{name}}.json"))
"""
DAG_FILE = """
from datetime import datetime
from airflow.sdk import DAG, task
{note}
with DAG("noted", schedule=None, start_date=datetime(2026, 1, 1)):

    @task
    def work():
        note("task")
        raise RuntimeError("so that its listeners run as well")

    work()
note("dag_file")
"""
# A listener of another plugin, which Airflow calls after that of this package.
SCHEDULER = """
import sys
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
{note}
@hookimpl
def on_dag_run_failed(dag_run, msg):
    note("scheduler")

class Notes(AirflowPlugin):
    name = "notes"
    listeners = [sys.modules[__name__]]
"""


def test_only_the_api_server_has_the_page(tmp_path: Path) -> None:
    home, folder = tmp_path / "airflow", tmp_path / "noted"
    for each in (home / "plugins", folder):
        each.mkdir(parents=True)
    note = NOTE.format(folder=str(folder))
    (home / "plugins" / "notes.py").write_text(SCHEDULER.format(note=note))
    if not has_own_plugin("dingpush"):  # the package is only on the path
        text = "from airflow_provider_dingpush.plugin import DingPushPlugin\n"
        (home / "plugins" / "dingpush.py").write_text(text)
    options = {"DINGPUSH__ALERT_CONN_ID": "dingtalk_default", "DINGPUSH__HOME": tmp_path / "dingpush"}
    with standalone(home, {"noted.py": DAG_FILE.format(note=note)}, options, {}) as airflow:
        page = requests.get(f"{airflow.url}/dingpush/", cookies={"_token": airflow.token}, timeout=60)
        assert "noted" not in page.text
        assert "Nothing is open" in page.text
        airflow.run(["noted"], within_seconds=ENOUGH_SECONDS)
        for name in ("dag_file", "task", "scheduler"):
            file = folder / f"{name}.json"
            airflow.wait_until(name, file.exists, ENOUGH_SECONDS)
            loaded = {each.removeprefix("airflow_provider_dingpush.") for each in json.loads(file.read_text())}
            assert "plugin" in loaded
            assert not {each for each in loaded if each.startswith(("web", "page_", "pipeline.page_"))}
        page = requests.get(f"{airflow.url}/dingpush/", cookies={"_token": airflow.token}, timeout=60)
        assert "noted · work" in page.text
