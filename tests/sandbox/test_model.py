"""Values that DingTalk would not store can't be built, and none shows its secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import App, Fault, GroupChat, Quotas, Robot, Sandbox


def test_a_robot_does_not_show_its_secrets() -> None:
    """Neither token nor secret is in the repr; tokens are 64 hex digits and differ."""
    robot = Robot(secret="SECx-very-secret", keywords=("alert",))
    assert robot.access_token not in repr(robot)
    assert "very-secret" not in repr(robot)
    assert "alert" in repr(robot)
    assert len(bytes.fromhex(robot.access_token)) == 32
    assert robot.access_token != Robot().access_token


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"keywords": "alert"}, TypeError),
        ({"allowed_ips": "127.0.0.1"}, TypeError),
        ({"keywords": tuple("abcdefghijk")}, ValueError),
        ({"keywords": ("",)}, ValueError),
        ({"allowed_ips": ("::1",)}, ValueError),
        ({"allowed_ips": ("localhost",)}, ValueError),
        ({"access_token": ""}, ValueError),
        ({"secret": ""}, ValueError),
        ({"messages_per_minute": 0}, ValueError),
        ({"block_minutes": -1}, ValueError),
    ],
)
def test_a_robot_with_impossible_settings_is_refused(settings: dict[str, Any], error: type[Exception]) -> None:
    """What DingTalk would not store cannot be built."""
    with pytest.raises(error):
        Robot(**settings)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: App(app_key=""), ValueError),
        (lambda: App(agent_id=0), ValueError),
        (lambda: App(agent_id=True), ValueError),
        (lambda: App(permissions="qyapi_base"), TypeError),  # type: ignore[arg-type]
        (lambda: App(allowed_ips=("nonsense",)), ValueError),
        (lambda: App(token_seconds=0), ValueError),
        (lambda: App(calls_per_second=0), ValueError),
        (lambda: GroupChat(app_keys="x"), TypeError),  # type: ignore[arg-type]
        (lambda: GroupChat(chat_id=""), ValueError),
        (lambda: Quotas(people_per_notification=0), ValueError),
        (lambda: Sandbox(notification_seconds=-1), ValueError),
        (lambda: Sandbox(apps=(App(app_key="a", agent_id=1), App(app_key="a", agent_id=2))), ValueError),
        (lambda: Sandbox(apps=(App(agent_id=1), App(agent_id=1))), ValueError),
    ],
)
def test_what_no_console_would_store_is_refused(make: Callable[[], Any], error: type[Exception]) -> None:
    """A mistake of a test shows where it is made."""
    with pytest.raises(error):
        make()


def test_a_minute_has_a_length() -> None:
    """A minute of nothing would make every limit meaningless."""
    with pytest.raises(ValueError, match="minute_seconds"):
        Sandbox(minute_seconds=0)


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_defines_whether_the_message_is_accepted(fault: Fault) -> None:
    """The property names exactly the faults that lose the answer only."""
    accepting = {
        Fault.RESET_AFTER_BODY_ACCEPTED,
        Fault.SLOW,
        Fault.DRIP,
        Fault.STRING_ERRCODE,
        Fault.HTTP_504,
        Fault.UNKNOWN_RESULT,
    }
    assert fault.message_accepted is (fault in accepting)
