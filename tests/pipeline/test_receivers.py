"""A receiver has one rate limit whichever connection leads to it, and each error of a channel has its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox, mailbox_of
from airflow_provider_dingpush.delivery.channel import SendStatus
from airflow_provider_dingpush.dingtalk.app_robot import encoded
from airflow_provider_dingpush.errors import (
    ContentRefusedError,
    DingTalkError,
    ThrottledError,
    TokenError,
    UnavailableError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.hooks import hook_of
from airflow_provider_dingpush.messages import (
    OA,
    Audio,
    File,
    Image,
    Markdown,
    Text,
)
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.receivers import (
    _readable_in_group,
    receiver_of_hook,
    receiver_of_mailbox,
    result_of,
)
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification
from tests.callback_contexts import task_context
from tests.conftest import SECRET

APP = "dingtalk_app_default"
PAGE = "https://example.com/page"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (OA("Nightly report", PAGE, form={"rows": "312"}), ("Nightly report", "rows: 312", PAGE)),
        (Audio("@voice.mp3", 3), ("to=",)),
        (File("/no/such.pptx", name="report.pptx"), ("report.pptx",)),
        (Text("hello"), ("hello",)),
        (Markdown("t", "**hello**"), ("**hello**",)),
    ],
    ids=repr,
)
def test_what_was_for_somebody_who_can_not_be_reached_is_readable_in_the_group(
    message: Any, words: tuple[str, ...]
) -> None:
    """Also what only a work notification can carry."""
    instead = _readable_in_group(message, "en")
    param = encoded(instead, None)["msgParam"] if isinstance(instead, (Text, Markdown)) else repr(instead)
    assert all(each in param for each in words if each != "to=" or isinstance(instead, (Text, Markdown)))


def test_another_robot_of_the_group_gets_what_it_can_carry(
    connected: Sandbox, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A picture of an app's alert can't go through the custom robot that is the app's fallback."""
    connection = json.loads(connected.connection_of(connected.app))
    connection["extra"].update(fallback_conn_ids="dingtalk_default", rate_limit_per_minute=1, language="en")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    picture = tmp_path / "chart.png"
    picture.write_bytes(PNG)
    for number in range(2):
        DingTalkNotifier(dingtalk_conn_id=APP, message=Image(str(picture)))(task_context(f"task_{number}"))
    first, second = connected.messages
    assert "markdown" not in first.shown
    assert "no such table" in second.shown["markdown"]["text"]
    assert "A custom robot can't carry Image" in second.shown["markdown"]["text"]


def test_two_connections_of_one_robot_are_one_receiver(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate limit is the robot's; its id reveals nothing of the token."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_SECOND", f"{connected.webhook_url}&secret={SECRET}")
    first, second = (receiver_of_mailbox(Mailbox(conn_id)) for conn_id in ("dingtalk_default", "dingtalk_second"))
    assert first.receiver_id == second.receiver_id
    assert first.receiver_id not in connected.webhook_url


@pytest.mark.parametrize("to", [None, Users("lisi"), WorkNotification("lisi"), Group("cid1==")], ids=repr)
def test_messages_and_alerts_to_one_target_are_of_one_receiver(app_connected: Sandbox, to: Target | None) -> None:
    """A hook and a mailbox name it alike, and each target is a receiver of its own."""
    of_hook = receiver_of_hook(hook_of(APP), to)
    assert of_hook.receiver_id == receiver_of_mailbox(mailbox_of(APP, to)).receiver_id
    assert of_hook.receiver_id != receiver_of_mailbox(mailbox_of(APP, Users("wangwu"))).receiver_id


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (None, SendStatus.SENT),
        (ThrottledError("Slow.", "Wait.", retry_after_seconds=600.0), SendStatus.THROTTLED),
        (UnknownOutcomeError("No answer.", "Look."), SendStatus.UNKNOWN),
        (UnavailableError("Nobody.", "Wait."), SendStatus.RETRY),
        (TokenError("Wrong.", "Fix it."), SendStatus.MISCONFIGURED),
        (ContentRefusedError("Refused.", "Change it."), SendStatus.REJECTED),
    ],
    ids=repr,
)
def test_each_error_of_a_channel_has_its_result(problem: DingTalkError | None, status: SendStatus) -> None:
    result = result_of(problem)
    assert result.status is status
    assert result.retry_after_seconds == getattr(problem, "retry_after_seconds", None)
