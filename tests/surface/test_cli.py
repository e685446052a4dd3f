"""The ``dingpush`` command: sending from a terminal, and looking at a connection."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli import send
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.sandbox import App, Sandbox

APP = ["--conn-id", "dingtalk_app_default"]
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture(autouse=True)
def _own_secrets_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command looks for connections where no task does; other tests must not."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["hello"], {"msgtype": "text", "text": {"content": "hello"}}),
        (
            ["# Report\n\n312 rows", "--markdown"],
            {"msgtype": "markdown", "markdown": {"title": "Report", "text": "# Report\n\n312 rows"}},
        ),
        (
            ["of the day", "--title", "Report", "--link", "https://example.com/r"],
            {
                "msgtype": "link",
                "link": {"title": "Report", "text": "of the day", "messageUrl": "https://example.com/r"},
            },
        ),
        (
            ["Deploy?", "--button", "Open=https://example.com/o?a=b"],
            {
                "msgtype": "actionCard",
                "actionCard": {
                    "title": "Deploy?",
                    "text": "Deploy?",
                    "singleTitle": "Open",
                    "singleURL": "https://example.com/o?a=b",
                },
            },
        ),
        (
            ["look", "--at-mobile", "13800000001", "--at-user", "lisi", "--at-all"],
            {"msgtype": "text", "text": {"content": "look\n@13800000001 @lisi"}},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_robot_says_it(connected: Sandbox, words: list[str], shown: dict[str, Any]) -> None:
    """Each kind that the options make."""
    assert main(["send", *words]) == 0
    (message,) = connected.messages
    assert {key: value for key, value in message.payload.items() if key not in ("msgUuid", "at")} == shown


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ([], ["group:1"]),
        (["--user", "zhangsan", "--user", "lisi"], ["private:zhangsan", "private:lisi"]),
        (["--mobile", "13800000003"], ["private:wangwu"]),
        (["--notice-user", "lisi"], ["notification:lisi"]),
        (["--notice-department", "1002", "--wait"], ["notification:wangwu"]),
        (["--notice-everyone"], ["notification:zhangsan", "notification:lisi", "notification:wangwu"]),
    ],
    ids=" ".join,
)
def test_an_app_says_it(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], words: list[str], places: list[str]
) -> None:
    """Through every door; the receipt is printed as JSON."""
    assert main(["send", "hello", *APP, *words]) == 0
    assert [message.conversation.key for message in app_connected.messages] == places
    receipt = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert receipt["conn_id"] == "dingtalk_app_default"


def test_pictures_and_files_are_sent(app_connected: Sandbox, tmp_path: Path) -> None:
    """From a path."""
    chart, report = tmp_path / "chart.png", tmp_path / "report.xlsx"
    chart.write_bytes(PIXEL)
    report.write_bytes(b"PK\x03\x04 not really a table")
    assert main(["send", *APP, "--image", str(chart)]) == 0
    assert main(["send", *APP, "--file", str(report), "--user", "lisi"]) == 0
    assert [message.shown["msgtype"] for message in app_connected.messages] == ["image", "file"]


def test_a_group_is_named_by_its_id(app_connected: Sandbox) -> None:
    """The openConversationId."""
    assert main(["send", "hello", *APP, "--group", app_connected.group.open_conversation_id]) == 0
    assert app_connected.messages[0].conversation.key == "group:1"


def test_text_and_json_come_from_standard_input_too(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe"))
    assert main(["send", "-"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO('{"msgtype": "text", "text": {"content": "from JSON"}}'))
    assert main(["send", "--json", "-"]) == 0
    assert [message.payload["text"]["content"] for message in connected.messages] == ["from a pipe", "from JSON"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hello", "--conn-id", "nowhere"], "no Airflow connection 'nowhere'"),
        ([], "nothing to say"),
        (["x", "--button", "Open"], "TITLE=URL"),
        (["--json", "nowhere.json"], "nowhere.json"),
        (["x", "--user", "lisi"], "'DingTalk App'"),
        (["x", "--user", "lisi", "--notice-user", "lisi"], "Send it twice"),
        ([*APP, "--image", "nowhere.png"], "nowhere.png"),
        (["x", *APP, "--user", "nobody"], "nobody"),
        (["x", *APP, "--at-all"], "can't mention"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_said_in_one_line(
    connected: Sandbox, app_connected: Sandbox, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """And not as a traceback."""
    assert main(["send", *words]) == 1
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors
    assert app_connected.messages == ()


def test_waiting_says_whom_a_notice_did_not_reach(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With DingTalk's reason."""
    monkeypatch.setattr(send, "_POLL_SECONDS", 0.02)
    assert main(["send", "hello", *APP, "--notice-user", "lisi", "--notice-user", "nobody", "--wait"]) == 1
    assert "not reached 未送达: nobody" in capsys.readouterr().err


def test_the_doctor_finds_an_app_healthy(app_connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Step by step, without sending anything."""
    assert main(["doctor", "dingtalk_app_default", "--language", "en"]) == 0
    said = capsys.readouterr().out
    assert [line[0] for line in said.splitlines() if line[:1] in ("✓", "✗", "–")] == ["✓"] * 6
    assert "Everything that could be tested works." in said
    assert app_connected.messages == ()
    assert app_connected.app.app_secret not in said


def test_the_doctor_names_what_to_mend(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A robot that was never published, and a permission that was not granted."""
    app = App(permissions=("qyapi_base", "qyapi_robot_sendmsg"), published=False)
    with Sandbox(apps=(app,)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(app))
        assert main(["doctor", "dingtalk_app_default", "--language", "zh"]) == 1
    said = capsys.readouterr().out
    assert "✓ access token" in said
    assert "qyapi_get_member_by_mobile" in said
    assert "项需要处理" in said


def test_the_doctor_looks_at_robots_too(connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """What can't be tested without posting is said."""
    assert main(["doctor", "--language", "en"]) == 0
    assert "✓ webhook" in capsys.readouterr().out
    assert connected.messages == ()


def test_the_doctor_says_how_mentions_are_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whom each value means, numbers without their middle; and which value can't be read, and whose it is."""
    mentions = {"zhangsan": ["86-13800000001", "lisi"], "wangwu": "138-0000", "zhaoliu": "+852-51234567"}
    fields = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url}
    extra = {"secret": sandbox.robot.secret, "keyword": "告\u200b警", "mentions": mentions}
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps({**fields, "extra": extra}))
    assert main(["doctor", "--language", "en"]) == 1
    said = capsys.readouterr().out
    assert "zhangsan: mobile 138****0001, user id lisi" in said
    assert "zhaoliu: mobile +852-****4567" in said
    assert "✗ mentions" in said
    assert "'138-0000' of 'wangwu' can't be read" in said
    assert "U+200B ZERO WIDTH SPACE" in said
    assert sandbox.messages == ()


def test_a_mention_from_the_command_line_is_in_dingtalks_form(connected: Sandbox) -> None:
    """In the text and in the block beside it."""
    assert main(["send", "hello @86-13800000001", "--at-mobile", "+86 138 0000 0001"]) == 0
    payload = connected.messages[0].payload
    assert payload["text"]["content"] == "hello @13800000001"
    assert payload["at"]["atMobiles"] == ["13800000001"]


def test_a_person_from_the_command_line_is_found_by_any_spelling(app_connected: Sandbox) -> None:
    """DingTalk is asked for the number in its own form."""
    assert main(["send", "hello", *APP, "--mobile", "0086-138-0000-0001"]) == 0
    assert len(app_connected.messages) == 1


def test_the_doctor_says_what_a_missing_connection_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that can be wrong."""
    assert main(["doctor", "nowhere", "--language", "en"]) == 1
    assert "no Airflow connection 'nowhere'" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["send"], ["doctor"], ["sandbox"], ["demo"]], ids=" ".join)
def test_help_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In English and Chinese."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "usage: dingpush" in said
    assert any("\u4e00" <= character <= "\u9fff" for character in said)
