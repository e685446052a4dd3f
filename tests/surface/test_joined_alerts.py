"""The texts of several notifiers about one event become one message that its channel can carry, with a line of each."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.messages import ActionCard, Button, FeedCard, FeedLink, Markdown, Text
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import Users, WorkNotification
from tests.callback_contexts import task_context

pytestmark = pytest.mark.usefixtures("unhurried")

APP, CONNECTION = "dingtalk_app_default", "AIRFLOW_CONN_DINGTALK_APP_DEFAULT"
PAGE = "https://example.com/page"


@pytest.fixture(autouse=True)
def _base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com")


def joined(app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, to: Any, *messages: Any, **changes: Any) -> str:
    """The text of the one message that is made of these, which had to wait together."""
    connection = os.environ[CONNECTION]
    monkeypatch.delenv(CONNECTION)
    for each in messages:
        DingTalkNotifier(dingtalk_conn_id=APP, to=to, message=each, language="en")(task_context(**changes))
    monkeypatch.setenv(CONNECTION, connection)
    assert main(["flush", "--now"]) == 0
    (message,) = app_connected.messages
    if isinstance(to, WorkNotification):
        assert len(json.dumps(message.payload, ensure_ascii=False).encode()) <= 2048
    text: str = message.shown["markdown"]["text"]
    return text


@pytest.mark.parametrize("to", [None, Users("lisi"), WorkNotification("lisi")], ids=repr)
@pytest.mark.parametrize(
    ("own", "words"),
    [
        (Text("first " + "长" * 700), "first 长长"),
        (Markdown("t", "first " * 300), "first first"),
        (ActionCard("c", "first " * 200, [Button("open", PAGE)]), "first first"),
        (Text("\n".join(f"first line {number}" for number in range(200))), "first line 0"),
        (FeedCard([FeedLink("first", PAGE, PAGE)] * 3), "first"),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("built_in", [True, False])
def test_each_notifier_has_a_line_where_not_all_have_room(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, to: Any, own: Any, words: str, built_in: bool
) -> None:
    """The first long text took all 2,048 bytes of a work notification, and the rest was left out unnamed."""
    text = joined(app_connected, monkeypatch, to, *([None] if built_in else []), own, "and the second one")
    assert words in text
    assert "and the second one" in text
    if built_in:
        assert "no such table" in text
        assert "[View run](" in text


def test_the_built_in_alert_gives_way_to_them(app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less of a long exception is shown, and its links stay."""
    error = ValueError("数据 " * 3000)
    text = joined(app_connected, monkeypatch, WorkNotification("lisi"), None, "call 张三", exception=error)
    assert "数据" in text
    assert "[View run](" in text
    assert text.endswith("call 张三")
