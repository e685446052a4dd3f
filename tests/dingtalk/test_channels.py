"""What all channels offer alike: a message is prepared at once and posted later, once, before a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from airflow_provider_dingpush.dingtalk import app_robot, custom_robot, work_notification
from airflow_provider_dingpush.dingtalk.media import MediaLibrary
from airflow_provider_dingpush.errors import ContentError, DingTalkError
from airflow_provider_dingpush.messages import OA, At, FeedCard, FeedLink, Image, Markdown, Message
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.sandbox.message_kinds import APP_ROBOT_FORMS, NOTIFICATION_FORMS, WEBHOOK_FORMS
from airflow_provider_dingpush.timeouts import Deadline
from tests.dingtalk.app_channels import NotificationChannels, RobotChannels
from tests.one_of_each_kind import ONE_OF_EACH_KIND

URL = "https://airflow.example.com/dags/etl_daily"
NAMES = ("custom_robot", "app_robot_group", "app_robot_users", "work_notification")


@pytest.fixture
def channel_of(client_of: Callable[..., Any], app_client_of: Callable[..., Any]) -> Callable[[Sandbox, str], Any]:
    """The channel of that name to a sandbox."""

    def make(sandbox: Sandbox, name: str) -> Any:
        if name == "custom_robot":
            return client_of(sandbox).robot
        calls = app_client_of(sandbox).calls
        robot = RobotChannels(calls, MediaLibrary(calls))
        channels: dict[str, Callable[[], object]] = {
            "app_robot_group": lambda: robot.to_group(sandbox.group.open_conversation_id),
            "app_robot_users": lambda: robot.to_people(["lisi"]),
            "work_notification": lambda: NotificationChannels(calls, MediaLibrary(calls)).to(user_ids=["lisi"]),
        }
        return channels[name]()

    return make


@pytest.mark.parametrize("name", NAMES)
def test_a_prepared_message_is_posted_once(name: str, start_sandbox: Callable[..., Sandbox], channel_of: Any) -> None:
    """It is cut to what the channel takes, and nothing is sent before it is posted."""
    sandbox = start_sandbox()
    channel = channel_of(sandbox, name)
    assert channel.name == name
    body = channel.prepare(Markdown("t", "字" * 30_000), At("13800000000"), uuid="u1", language="zh")
    assert sandbox.requests == ()
    assert channel.post(body, Deadline.after(30)) is None
    (message,) = sandbox.messages
    assert "……（内容过长：共 30000 字" in message.shown["markdown"]["text"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_sent_after_the_deadline(name: str, start_sandbox: Callable[..., Sandbox], channel_of: Any) -> None:
    """The error comes back as a value."""
    sandbox = start_sandbox()
    channel = channel_of(sandbox, name)
    body = channel.prepare(Markdown("t", "x"), None, uuid="u1", language="en")
    assert isinstance(channel.post(body, Deadline.after(-1)), DingTalkError)
    assert sandbox.messages == ()


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("custom_robot", OA("t", URL), "to=WorkNotification(user_ids=…)"),
        ("app_robot_group", OA("t", URL), "to=WorkNotification(user_ids=…)"),
        ("app_robot_users", FeedCard([FeedLink("a", URL, URL)]), "'dingtalk_robot'"),
        ("work_notification", FeedCard([FeedLink("a", URL, URL)]), "'dingtalk_robot'"),
    ],
)
def test_what_a_channel_can_not_carry_is_refused_when_it_is_prepared(
    name: str, message: Message, remedy: str, start_sandbox: Callable[..., Sandbox], channel_of: Any
) -> None:
    """The error names the channel that can."""
    sandbox = start_sandbox()
    with pytest.raises(ContentError) as caught:
        channel_of(sandbox, name).prepare(message, None, uuid="u1", language="en")
    assert remedy in caught.value.advice
    assert sandbox.requests == ()


# What an error names -> the msgtypes of the kinds that are carried there.
CARRIED = {
    "'dingtalk_robot'": set(custom_robot._KINDS),
    "to=Group(…)": {kind.msgtype for kind in app_robot._ENCODERS},  # type: ignore[attr-defined] # all have one
    "to=WorkNotification(": {kind.msgtype for kind in work_notification._ENCODERS},  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("kind", get_args(Message))
def test_a_kind_that_a_channel_refuses_names_one_that_carries_it(kind: Any) -> None:
    """A kind that is new in ``messages/`` fails here until a channel in ``dingtalk/`` has an entry for it."""
    carried_by = [channel for channel, msgtypes in CARRIED.items() if kind.msgtype in msgtypes]
    assert carried_by, f"no channel in dingtalk/ has an entry for {kind.__name__}"
    named = [channel for channel in CARRIED if channel in getattr(kind, "if_unsupported", "")]
    if len(carried_by) < len(CARRIED):
        assert named, f"{kind.__name__}.if_unsupported must name the channel that carries it, one of {carried_by}"
    assert set(named) <= set(carried_by), f"{kind.__name__}.if_unsupported names a channel that has no entry for it"


def _names_on_the_wire(message: Message) -> Iterator[tuple[str, str]]:
    """For each channel that carries the message: its table in the sandbox, and the kind's name there."""
    if message.msgtype in custom_robot._KINDS and not isinstance(message, Image):  # which it sends as Markdown
        yield "webhook", message.msgtype
    if type(message) in app_robot._ENCODERS:
        yield "app_robot", app_robot.encoded(message, None)["msgKey"]
    if type(message) in work_notification._ENCODERS:
        yield "notification", work_notification.encoded(message, None)["msgtype"]


def test_the_sandbox_knows_every_kind_of_every_channel() -> None:
    """It checks a message and shows it by the kind's entry."""
    assert {type(each) for each in ONE_OF_EACH_KIND} == set(get_args(Message)), "tests/one_of_each_kind.py lacks a kind"
    forms: dict[str, Any] = {"webhook": WEBHOOK_FORMS, "app_robot": APP_ROBOT_FORMS, "notification": NOTIFICATION_FORMS}
    lacking = {
        f"{type(message).__name__}: {table}={{{name!r}: …}}"
        for message in ONE_OF_EACH_KIND
        for table, name in _names_on_the_wire(message)
        if name not in forms[table]
    }
    assert lacking == set(), "KINDS in sandbox/message_kinds.py needs an entry for it"
