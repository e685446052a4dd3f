"""A DAG that runs where ``airflow_local_settings.py`` has a cluster policy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from airflow_provider_dingpush.sandbox import Sandbox
from tests.integration.late_flush import flush_if_pending


def run_with_policy(
    dag_test: Callable[..., str], folder: Path, dags: str, local_settings: str, **settings: str
) -> tuple[str, list[str]]:
    """Run the DAG ``with_own``; returns what Airflow wrote, and the texts in the chat.

    :param folder: an empty one, for all of it.
    :param dags: the DAG file.
    :param local_settings: ``airflow_local_settings.py``.
    :param settings: more environment variables.
    """
    dag_folder, config, home = folder / "dags", folder / "config", folder / "home"
    for each in (dag_folder, config, home):
        each.mkdir()
    (dag_folder / "dags.py").write_text(dags)
    (config / "airflow_local_settings.py").write_text(local_settings)
    with Sandbox() as sandbox:
        environment = {
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&group_interval_seconds=0&language=en",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dag_folder),
            "PYTHONPATH": os.pathsep.join(map(str, [config, *sys.path])),
            **settings,
        }
        written = dag_test(sandbox, "with_own", environment, home=home)
        flush_if_pending(written, home, environment)
        texts = [message.payload["markdown"]["text"].replace("\\_", "_") for message in sandbox.messages]
    return written, texts
