"""A report goes through a robot or an app as one message, in the language of its connection."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.pipeline.report_sends import send_open, send_report
from airflow_provider_dingpush.sandbox import Sandbox
from tests.pipeline.test_report_text import REPORT


@pytest.mark.parametrize("conn_id", ["dingtalk_default", "dingtalk_app_default"])
def test_it_is_one_message(connected: Sandbox, app_connected: Sandbox, conn_id: str) -> None:
    assert send_report(REPORT, conn_id).conn_id == conn_id
    assert send_open(REPORT, conn_id, language="en").parts == 1
    assert len(connected.messages) == 2
    assert "故障报告" in str(connected.messages[0].payload)
    assert "Still open: 20" in str(connected.messages[1].payload)


def test_to_people(connected: Sandbox, app_connected: Sandbox) -> None:
    assert send_report(REPORT, "dingtalk_app_default", to={"user_ids": ["lisi"]}).process_query_keys
