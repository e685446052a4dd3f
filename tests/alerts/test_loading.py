"""The modules that a process loads for the alerts that it puts and sends."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "\nimport sys\nprint(*sorted(sys.modules))"
ALONE = """
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event
built_in_alert(RunFacts(Event.TASK_FAILED, "d", exception_text="no such table"), language="zh")
"""
MERGED = """
from datetime import timezone
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.digest import digest
from airflow_provider_dingpush.events import Event
alerts = [Alert(str(each), Mailbox("c"), Event.TASK_FAILED, 0.0, task_id=str(each)) for each in range(9)]
digest(alerts, language="en", zone=timezone.utc, at_most_bytes=9_000)
"""


def loaded_by(program: str) -> set[str]:
    """The modules that a new process has loaded after this program."""
    done = subprocess.run([sys.executable, "-c", program + LOADED], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("program", [ALONE, MERGED], ids=["alone", "merged"])
def test_built_in_texts_need_no_template_engine(program: str) -> None:
    assert not {"jinja2", "markupsafe", "requests", "redis", "airflow"} & loaded_by(program)


def test_a_message_loads_the_texts_of_one_language() -> None:
    assert {each for each in loaded_by(ALONE) if "words_" in each} == {"airflow_provider_dingpush.alerts.words_zh"}
    assert "airflow_provider_dingpush.alerts.digest" not in loaded_by(ALONE)


def test_a_follower_loads_nothing_that_composes_messages() -> None:
    """It puts its alert and leaves."""
    loaded = loaded_by("import airflow_provider_dingpush.alerts.alert")
    room = {each for each in loaded if each.startswith("airflow_provider_dingpush.alerts.")}
    assert room == {f"airflow_provider_dingpush.alerts.{name}" for name in ("alert", "mailboxes")}


def test_provider_info_loads_no_messages_and_no_way_of_sending() -> None:
    """Every process of Airflow loads it."""
    package = "airflow_provider_dingpush."
    loaded = loaded_by("from airflow_provider_dingpush.provider_info import get_provider_info\nget_provider_info()")
    rooms = {each.removeprefix(package) for each in loaded if each.startswith(package) and each.count(".") == 2}
    assert rooms == {"delivery.policy", "dingtalk.defaults", "messages.input_text"}
