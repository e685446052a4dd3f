"""An alert that no store takes is sent at once, as its connection defines, or else is offered to the stores again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from airflow_provider_dingpush.errors import AlertsWaitingError, UnavailableError
from airflow_provider_dingpush.messages import Image
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import success_context, task_context
from tests.default_robot import titles

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
NOBODY_LISTENS = "http://127.0.0.1:9/robot/send?access_token=0123456789abcdef"


@pytest.fixture
def no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the outbox nor the fallback files can be written."""
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(in_the_way / "outbox"))
    monkeypatch.setattr(tempfile, "tempdir", str(in_the_way))


@pytest.mark.usefixtures("no_store")
def test_it_is_in_the_language_of_its_connection_and_mentions_the_owner(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would if it had been stored."""
    mentions = '{"zhangsan": "13800000000"}'
    url = f"{sandbox.webhook_url}&secret={sandbox.robot.secret}&language=en&mentions={mentions}"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    context = task_context()
    context["task"].owner = "zhangsan"
    DingTalkNotifier(at={"user_ids": ["lisi"]}, raise_on_failure=True)(context)
    DingTalkNotifier(language="zh", raise_on_failure=True)(task_context("another"))
    first, second = sandbox.messages
    assert first.payload["markdown"]["title"] == "Failed: etl_daily · load_orders"
    assert (first.payload["at"]["atMobiles"], first.payload["at"]["atUserIds"]) == (["13800000000"], ["lisi"])
    assert second.payload["markdown"]["title"] == "失败：etl_daily · another"


def test_a_picture_that_can_not_be_stored_is_sent(app_connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes are no plain data."""
    DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", message=Image(PNG), raise_on_failure=True)(task_context())
    assert [message.shown["msgtype"] for message in app_connected.messages] == ["image"]
    assert "The alert is sent without the outbox" in caplog.text


def test_a_picture_that_can_not_be_sent_is_stored_as_the_built_in_alert(
    monkeypatch: pytest.MonkeyPatch, connected: Sandbox
) -> None:
    """It explains why, and is sent by the next callback."""
    url = connected.webhook_url
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", NOBODY_LISTENS)
    with pytest.raises(AlertsWaitingError, match="did not accept a connection"):
        DingTalkNotifier(message=Image(PNG), language="en", raise_on_failure=True)(task_context())
    secret = connected.robot.secret
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{url}&secret={secret}&group_interval_seconds=0&language=en")
    DingTalkNotifier(language="en")(task_context("another"))
    text = " ".join(str(each.payload) for each in connected.messages)
    assert "load_orders" in text
    assert "another" in text


@pytest.mark.usefixtures("no_store")
def test_the_error_is_that_of_sending_if_it_can_neither_be_sent_nor_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", NOBODY_LISTENS)
    with pytest.raises(UnavailableError, match="did not accept a connection") as caught:
        DingTalkNotifier(raise_on_failure=True)(task_context())
    assert not isinstance(caught.value, AlertsWaitingError)


@pytest.mark.usefixtures("no_store")
def test_where_nothing_can_be_written_the_alert_is_sent_at_once(
    connected: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A read-only root, a random uid, a full disk: better sent alone than not at all."""
    DingTalkNotifier()(task_context())
    assert titles(connected) == ["失败：etl_daily · load_orders"]
    assert "sent without the outbox" in caplog.text
    DingTalkNotifier(raise_on_failure=True)(success_context())
    assert len(connected.messages) == 1
