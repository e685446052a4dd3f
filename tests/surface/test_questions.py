"""A notifier that a task calls while it runs: an approval that waits for an answer, or words of the user's own."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.messages import Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import WorkNotification
from tests.callback_contexts import task_context

pytestmark = pytest.mark.usefixtures("unhurried")

pytestmark = pytest.mark.skipif(
    not is_airflow_3(), reason="approvals need Airflow 3.1 or later: install apache-airflow>=3.1"
)
BASE_URL = "https://airflow.example.com/prefix"


@pytest.fixture(autouse=True)
def _base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", BASE_URL)


def running(task: Any = None, *, task_id: str = "approve", map_index: int = -1) -> dict[str, Any]:
    """The context of a task that calls a notifier while it runs."""
    context = task_context(task_id)
    del context["exception"]
    context["ti"].state, context["ti"].end_date, context["ti"].map_index = "running", None, map_index
    return {**context, "task": task or context["task"]}


def approval(**changes: Any) -> Any:
    """What an approval of Airflow 3.1 and later has when it has asked."""
    given = {
        "task_id": "approve",
        "task_display_name": "approve",
        "owner": "zhangsan",
        "retries": 0,
        "subject": "Publish the report?",
        "body": "312 rows, " + "and a long story " * 60,
        "options": ["Approve", "Reject"],
        "defaults": ["Reject"],
        "multiple": False,
        "params": {"reason": "x"},
        "assigned_users": [{"id": "7", "name": "lisi"}],
        "response_timeout": timedelta(hours=2),
        "hitl_summary_extra": {"timeout_datetime": "2026-11-22T03:00:00+00:00"},
    }
    return SimpleNamespace(**{**given, **changes})


def link(task_id: str = "approve", map_index: int = -1) -> str:
    """The page where to answer, as in a link that opens in the browser."""
    page = f"dags%2Fetl_daily%2Fruns%2Fmanual__1%2Ftasks%2F{task_id}%2Frequired_actions%3Fmap_index%3D{map_index}"
    return f"https%3A%2F%2Fairflow.example.com%2Fprefix%2F{page}"


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        (
            "zh",
            "待答复：etl_daily · approve · Publish the report?",
            ("选项：Approve、Reject", "截止时间：2026-11-22 03:00:00", "自动选择 Reject", "指定答复人：lisi", "去答复"),
        ),
        (
            "en",
            "Answer needed: etl_daily · approve · Publish the report?",
            ("Options: Approve, Reject", "Answer by: 2026-11-22 03:00:00", "Reject is chosen", "by: lisi", "[Answer]"),
        ),
    ],
)
def test_what_is_asked_until_when_and_where_to_answer(
    connected: Sandbox, language: str, title: str, words: tuple[str, ...]
) -> None:
    DingTalkNotifier(language=language)(running(approval()))
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == title
    text = message.payload["markdown"]["text"]
    for each in (*words, "312 rows", link()):
        assert each in text


def test_those_who_are_asked_are_mentioned(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection knows who they are in DingTalk."""
    people = "%7B%22lisi%22%3A%20%2213800000001%22%2C%20%22zhangsan%22%3A%20%2213800000002%22%7D"
    url = f"{connected.webhook_url}&secret={connected.robot.secret}&mentions={people}"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    DingTalkNotifier()(running(approval()))
    assert connected.messages[0].payload["at"]["atMobiles"] == ["13800000001"]


def test_a_work_notification_keeps_the_link_to_the_page(app_connected: Sandbox) -> None:
    """It has 2,048 bytes, and the body gives way."""
    task = approval(body="数据 " * 500, subject="发布？" * 30, options=["同意" * 20, "拒绝" * 20])
    DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", to=WorkNotification("lisi"))(running(task))
    (message,) = app_connected.messages
    assert len(json.dumps(message.payload, ensure_ascii=False).encode()) <= 2048
    assert link() in message.shown["markdown"]["text"]


@pytest.mark.parametrize("message", [None, "please look", Markdown("please look", "[page](https://e.com)")], ids=repr)
def test_merged_questions_are_whole_with_their_links(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, message: Any
) -> None:
    """Beside whatever else happened while the robot's connection was missing."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    for number in range(4):
        DingTalkNotifier(message=message)(running(approval(), map_index=number))
        DingTalkNotifier()(task_context(f"load_{number}"))
        DingTalkNotifier(message=f"half of {number} done")(running(task_id=f"copy_{number}"))
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&secret={connected.robot.secret}")
    DingTalkNotifier(language="en")(task_context("load_4"))
    (merged,) = connected.messages
    title, text = merged.payload["markdown"]["title"], merged.payload["markdown"]["text"]
    assert title == "5 个失败：etl_daily；4 个待答复"
    for number in range(4):
        assert link(map_index=number) in text
        assert f"tasks%2Fcopy_{number}%3F" in next(each for each in text.splitlines() if f"half of {number}" in each)
    assert text.count("Publish the report?") == 4
    assert text.count("please look") == (4 if message else 0)


def test_many_questions_take_several_messages(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is only counted."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    for number in range(23):
        DingTalkNotifier()(running(approval(), map_index=number))
    url = f"{connected.webhook_url}&secret={connected.robot.secret}&group_interval_seconds=0"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    DingTalkNotifier()(task_context())
    text = "\n".join(each.payload["markdown"]["text"] for each in connected.messages)
    assert [number for number in range(23) if f"map_index%3D{number}&" not in text] == []
    assert len(connected.messages) == 3


def test_an_own_message_about_a_question_can_use_its_facts(connected: Sandbox) -> None:
    message = "{{ facts.event }} {{ facts.subject }} {{ facts.options | join('/') }} {{ facts.answer_url }}"
    DingTalkNotifier(message=message)(running(approval()))
    page = f"{BASE_URL}/dags/etl_daily/runs/manual__1/tasks/approve/required_actions?map_index=-1"
    assert connected.messages[0].payload["text"]["content"] == (
        f"answer_needed Publish the report? Approve/Reject {page}"
    )


def test_words_in_the_middle_of_a_task_are_sent_as_they_are(connected: Sandbox) -> None:
    """A notifier can be called by hand."""
    DingTalkNotifier(message="half done")(running())
    assert connected.messages[0].payload["text"]["content"] == "half done"


@pytest.mark.parametrize("broken", [{"options": object()}, {"body": object()}, {"assigned_users": 5}, {"params": 7}])
def test_an_odd_question_costs_no_alert(connected: Sandbox, broken: dict[str, Any]) -> None:
    """Whatever an operator of somebody else's holds under these names."""
    DingTalkNotifier()(running(approval(**broken)))
    assert len(connected.messages) == 1


def test_the_first_operators_for_approvals_wait_for_their_execution_timeout(connected: Sandbox) -> None:
    """Those of Airflow 3.1 had neither a summary nor a ``response_timeout``."""
    task = approval(execution_timeout=timedelta(hours=2), assigned_users=["lisi"])
    del task.hitl_summary_extra, task.response_timeout
    DingTalkNotifier(language="en")(running(task))
    text = connected.messages[0].payload["markdown"]["text"]
    assert "Answer by: " in text
    assert "To be answered by: lisi" in text


@pytest.mark.parametrize("summary", [{"timeout_datetime": None}, {"timeout_datetime": None, "subject": "x"}])
def test_a_question_without_a_deadline_has_none(connected: Sandbox, summary: dict[str, Any]) -> None:
    """``execution_timeout`` ends the asking there, not the wait for an answer."""
    task = approval(response_timeout=None, execution_timeout=timedelta(hours=2), hitl_summary_extra=summary)
    DingTalkNotifier(language="en")(running(task))
    assert "Answer by" not in connected.messages[0].payload["markdown"]["text"]
