"""The Test button in the list of connections of a real Airflow 3, as its page uses the API.

Takes a minute: ``pytest -m standalone``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3, notifier_takes_context
from airflow_provider_dingpush.connection_fields import ROBOT_FORM
from airflow_provider_dingpush.sandbox import Sandbox
from tests.integration.standalone_airflow import RunningAirflow, standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(
        not is_airflow_3() or not notifier_takes_context(),
        reason="the list of connections has no such button: install apache-airflow>=3.1",
    ),
]


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[RunningAirflow]:
    """An Airflow that tests connections."""
    with standalone(tmp_path, {}, {"CORE__TEST_CONNECTION": "Enabled"}, {}) as running:
        yield running


def press_test(airflow: RunningAirflow, conn_id: str) -> Any:
    """What the button answers: the page sends the stored connection, texts for null, and 0 for a missing port."""
    stored = airflow.call(f"/api/v2/connections/{conn_id}")
    names = ("connection_id", "conn_type", "description", "host", "login", "password", "schema")
    texts = {name: stored[name] or "" for name in names}
    body = {**texts, "extra": stored["extra"] or "{}", "port": int(stored["port"] or 0)}
    return airflow.call("/api/v2/connections/test", body)


def test_a_connection_filled_in_as_the_form_says_passes(airflow: RunningAirflow, sandbox: Sandbox) -> None:
    """Without the port, Airflow 3.3.2 answers "Bad Request", whatever the type of the connection."""
    forms = {each["connection_type"]: each for each in airflow.call("/ui/connections/hook_meta")}
    port = forms[ROBOT_FORM.conn_type]["standard_fields"]["port"]
    assert not port["hidden"]
    fields = {
        "connection_id": "dingtalk_default",
        "conn_type": ROBOT_FORM.conn_type,
        "password": sandbox.webhook_url,
        "extra": json.dumps({"secret": sandbox.robots[0].secret}),
        "port": int(port["placeholder"].partition(":")[0]),
    }
    assert airflow.call("/api/v2/connections", fields)["port"] == 443
    answer = press_test(airflow, "dingtalk_default")
    assert answer is not None, airflow.log.read_text()[-3000:]
    assert answer["status"] is True, answer
    assert sandbox.messages == ()
