"""A run's alert as a remark in the digest of its tasks, from the notifiers to the chat: as a robot's and an app's."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.pipeline.dispatching import flush
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.timeouts import Deadline

GOLDEN = Path(__file__).parents[1] / "golden" / "digests"
THREE_AT_NIGHT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=timezone.utc).timestamp()
RUN = "https://airflow.example.com/dags/etl_daily/runs/r"


@pytest.fixture
def chat(request: pytest.FixtureRequest) -> tuple[Sandbox, str]:
    """The sandbox with the connection that the test names."""
    kind = request.param
    sandbox: Sandbox = request.getfixturevalue({"robot": "connected", "app": "app_connected"}[kind])
    return sandbox, {"robot": "dingtalk_default", "app": "dingtalk_app_default"}[kind]


def put(conn_id: str, key: str, task_id: str | None, **values: Any) -> None:
    outbox().put(
        Alert(
            key=key,
            mailbox=Mailbox(conn_id),
            dag_id="etl_daily",
            run_id="r",
            task_id=task_id,
            run_link=RUN,
            **{"event": "task_failed", "at": THREE_AT_NIGHT, "try_number": 1, **values},
        )
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("chat", ["robot", "app"], indirect=True)
@pytest.mark.usefixtures("outbox_home")
def test_a_run_with_mentions_is_a_remark_whose_people_are_called(
    chat: tuple[Sandbox, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message, which calls those of the DAG's notifier."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", language)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    sandbox, conn_id = chat
    for number, task_id in enumerate(("load_orders", "load_items")):
        put(conn_id, f"t{number}", task_id, summary="KeyError: 'city_code'", log_link=f"{RUN}/tasks/{task_id}")
    put(
        conn_id,
        "run",
        None,
        event="dag_failed",
        at=THREE_AT_NIGHT + 60,
        facts={"failed_tasks": [{"task_id": "load_orders"}, {"task_id": "load_items"}]},
        mentions=At(mobiles=("13800000001",), user_ids=("manager",)).to_dict(),
    )
    results = [result for _, result in flush(outbox(), Deadline.after(60.0), LeaderRole.PERSON)]
    assert [getattr(each, "alerts", each) for each in results] == [3]
    (message,) = sandbox.messages
    title, shown = text_of(message.payload)
    text = re.sub(r"#[0-9a-f]{4}\b", "#f01d", f"{title}\n\n{shown}\n")
    path = GOLDEN / f"folded_with_at.{'robot' if conn_id == 'dingtalk_default' else 'app'}.{language}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text("utf-8") == text
    if conn_id == "dingtalk_default":
        assert message.payload["at"]["atMobiles"] == ["13800000001"]
        assert message.payload["at"]["atUserIds"] == ["manager"]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("count", [10, 12])
@pytest.mark.usefixtures("outbox_home")
def test_a_run_with_more_failed_tasks_than_have_alerts_says_how_many(
    connected: Sandbox, count: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its alert names the first ten. Of the others, those without a marker are in no other alert."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", language)
    names = [f"load_{number}" for number in range(10)]
    for name in names:
        put("dingtalk_default", name, name)
    facts = {
        "reason": "task_failure",
        "failed_tasks": [{"task_id": each} for each in names],
        "failed_task_count": count,
    }
    at = THREE_AT_NIGHT + 60
    put("dingtalk_default", "run", None, event="dag_failed", at=at, summary="task_failure", facts=facts)
    assert len(list(flush(outbox(), Deadline.after(60.0), LeaderRole.PERSON))) == 1
    (message,) = connected.messages
    _, shown = text_of(message.payload)
    assert ("load\\_9 … (+2)" in shown) is (count == 12), shown


def text_of(payload: dict[str, Any]) -> tuple[str, str]:
    """Title and text of a Markdown message of either channel."""
    content = payload.get("markdown") or json.loads(payload["msgParam"])
    return content["title"], content["text"]
