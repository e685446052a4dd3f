"""The hook: from a connection id to a message in the group."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.airflow_compat import mask_secret
from airflow_provider_dingpush.errors import ConnectionSettingsError, InvalidMessageError, TokenError
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.messages import At, Markdown, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox


def test_a_message_arrives_signed_and_gives_a_receipt(connected: Sandbox) -> None:
    """The example of the contract."""
    receipt = DingTalkRobotHook("dingtalk_default").send(Text("hello"), at=At(mobiles=["13800000000"]))
    assert receipt == Receipt(channel="custom_robot", conn_id="dingtalk_default", parts=1, outcome="sent")
    (message,) = connected.messages
    assert message.payload["text"] == {"content": "hello\n@13800000000"}
    assert message.payload["at"] == {"atMobiles": ["13800000000"], "atUserIds": [], "isAtAll": False}


@pytest.mark.parametrize(
    ("plain", "sent"),
    [
        pytest.param("hello", {"msgtype": "text", "text": {"content": "hello"}}, id="str"),
        pytest.param(
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "x"}},
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "x"}},
            id="dict",
        ),
    ],
)
def test_plain_forms_are_messages_too(connected: Sandbox, plain: object, sent: dict[str, object]) -> None:
    """What XCom and YAML can carry needs no import."""
    DingTalkRobotHook().send(plain)  # type: ignore[arg-type]
    payload = dict(connected.messages[0].payload)
    payload.pop("msgUuid")
    assert payload == sent


def test_mentions_of_argument_and_dict_are_joined(connected: Sandbox) -> None:
    """A dict of DingTalk's shape may bring its own mentions along."""
    body = {"msgtype": "text", "text": {"content": "x"}, "at": {"atMobiles": ["13800000001"]}}
    DingTalkRobotHook().send(body, at={"user_ids": "user1"})
    assert connected.messages[0].payload["text"]["content"] == "x\n@13800000001 @user1"


def test_one_hook_keeps_its_connection_open(connected: Sandbox) -> None:
    """Many messages through one hook use one TCP connection."""
    hook = DingTalkRobotHook()
    for number in range(5):
        hook.send(f"message {number}")
    assert len({request.connection for request in connected.requests}) == 1


def test_what_airflow_masks_is_not_sent(connected: Sandbox) -> None:
    """An exception text may hold a password, and a group chat is no vault."""
    mask_secret("s3cret-of-the-database")
    DingTalkRobotHook().send(Markdown("login s3cret-of-the-database", "refused: s3cret-of-the-database"))
    assert connected.messages[0].payload["markdown"] == {"title": "login ***", "text": "refused: ***"}


def test_the_error_of_a_missing_connection_shows_how_to_make_it(sandbox: Sandbox) -> None:
    """A newcomer's first error names the place, the type and the field."""
    with pytest.raises(ConnectionSettingsError) as caught:
        DingTalkRobotHook("nowhere").send("hello")
    text = str(caught.value)
    assert "no Airflow connection 'nowhere'" in text
    assert "AIRFLOW_CONN_NOWHERE" in text
    assert "Admin > Connections" in text
    assert "新建" in text


def test_a_misspelt_extra_is_named(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A typo in an extra field is an error."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&secret=SEC0&timeout_second=3")
    assert DingTalkRobotHook().settings.http.timeout_seconds == 5
    assert "unknown extra fields ['timeout_second']" in caplog.text


def test_nothing_is_sent_of_a_wrong_message(connected: Sandbox) -> None:
    """A message is checked before anything is sent."""
    with pytest.raises(InvalidMessageError, match=r"Text\.content is empty"):
        DingTalkRobotHook().send("   ")
    with pytest.raises(InvalidMessageError, match=r"Text\.content is empty"):
        DingTalkRobotHook("is_not_even_looked_up").send("   ")
    assert connected.requests == ()


@pytest.mark.parametrize(
    ("robot", "extra", "ok", "words"),
    [
        pytest.param(Robot(secret="SEC1"), "&secret=SEC1", True, "nothing was posted", id="right"),
        pytest.param(Robot(secret="SEC1"), "&secret=SEC2", False, "signature", id="wrong secret"),
        pytest.param(Robot(secret="SEC1"), "", False, "signature", id="no secret"),
        pytest.param(Robot(allowed_ips=("10.0.0.1",)), "", False, "IP address", id="address not allowed"),
        pytest.param(Robot(keywords=("Airflow",)), "", True, "keyword", id="keywords can't be tested"),
    ],
)
def test_test_connection_distinguishes_problems_and_posts_nothing(
    monkeypatch: pytest.MonkeyPatch, robot: Robot, extra: str, ok: bool, words: str
) -> None:
    """The Test button asks DingTalk without a message in the group."""
    with Sandbox(robots=(robot,)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}{extra}")
        passed, answer = DingTalkRobotHook(dingtalk_conn_id="dingtalk_default").test_connection()
        assert (passed, words in answer) == (ok, True), answer
        assert sandbox.messages == ()


def test_test_connection_finds_a_wrong_token(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that DingTalk doesn't know, and a connection without one, both errors explain what to do."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.url}/robot/send?access_token=wrong")
    passed, answer = DingTalkRobotHook().test_connection()
    assert not passed
    assert "300005" in answer
    assert "Copy the webhook URL again" in answer
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", '{"conn_type": "dingtalk_robot"}')
    passed, answer = DingTalkRobotHook().test_connection()
    assert not passed
    assert "password field" in answer


def test_a_busy_moment_of_dingtalk_is_retried(connected: Sandbox) -> None:
    """What passes by itself costs a retry, not the task."""
    connected.fail_next(Fault.BUSY)
    DingTalkRobotHook().send("hello")
    assert [request.outcome for request in connected.requests] == ["fault", "accepted"]
    assert len(connected.messages) == 1


def test_a_wrong_token_is_not_tried_again(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person must fix isn't repeated."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.url}/robot/send?access_token=wrong")
    with pytest.raises(TokenError):
        DingTalkRobotHook().send("hello")
    assert len(connected.requests) == 1
