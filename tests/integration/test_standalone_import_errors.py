"""Hundreds of DAG files that one module breaks, with every component of a real Airflow: a message or two, and one end.

Takes many minutes, because Airflow parses one file after the other: ``pytest -m standalone``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.integration.standalone_airflow import standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

FILES = 500
PARSE_SECONDS = 2_400
ALONE_SECONDS = 900
SHARED = "raise ValueError('no route to db-17')\n"
BROKEN = "import common_of_all\nfrom airflow.sdk import DAG\n"
FLUSH = """
from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
"""
RULES = """
rules:
  - match: {event: "dag_import_*"}
    receiver: dingtalk_default
  # The flush itself may fail on a busy machine; that would be in the same digest.
  - receiver: null
"""
BROKEN_TITLE, FIXED_TITLE = "DAG file can't be imported: ", "DAG file can be imported again: "


def test_one_module_breaks_hundreds_of_files(tmp_path: Path) -> None:
    robot = Robot()
    files = {"flush.py": FLUSH, "common_of_all.py": SHARED}
    files |= {f"etl_{number:03}.py": BROKEN for number in range(FILES)}
    (tmp_path / "rules.yaml").write_text(RULES)
    with Sandbox(robots=(robot,)) as sandbox:
        connection = {
            "conn_type": "dingtalk_robot",
            "host": sandbox.url,
            "password": robot.access_token,
            "extra": {"language": "en"},
        }
        options = {"DINGPUSH__RULES_FILE": tmp_path / "rules.yaml"}
        environment = {"AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(connection)}

        def titles(beginning: str = "") -> list[str]:
            found = [str(message.payload["markdown"]["title"]) for message in sandbox.messages]
            return [each for each in found if each.startswith(beginning)]

        def told(beginning: str, ending: str) -> bool:
            return any(each.endswith(ending) for each in titles(beginning))

        with standalone(tmp_path, files, options, environment) as airflow:
            dags, others = tmp_path / "dags", f"and {FILES - 1} more files"
            airflow.wait_until("all broken files", lambda: told(BROKEN_TITLE, others), PARSE_SECONDS)
            assert len(titles()) <= 2

            (dags / "common_of_all.py").write_text("")
            airflow.wait_until("the end", lambda: told(FIXED_TITLE, others), PARSE_SECONDS)
            assert len(titles(FIXED_TITLE)) == 1
            assert len(titles()) <= 3

            # One file alone, which is removed while it is broken.
            for number in range(1, FILES):
                (dags / f"etl_{number:03}.py").unlink()
            (dags / "alone.py").write_text("import not_there\nfrom airflow.sdk import DAG\n")
            airflow.wait_until("one file", lambda: told(BROKEN_TITLE, "alone.py"), ALONE_SECONDS)
            (dags / "alone.py").unlink()
            airflow.wait_until("its end", lambda: told(FIXED_TITLE, "alone.py"), ALONE_SECONDS)
            assert len(titles(FIXED_TITLE)) == 2
            assert [re.sub(r".*: ", "", each) for each in titles()[-2:]] == ["alone.py"] * 2
