"""``dingpush send``: messages from a terminal or a script."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli import send
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.options import command_parsers
from airflow_provider_dingpush.sandbox import Sandbox
from tests.cli.conftest import is_chinese

APP = ["--conn-id", "dingtalk_app_default"]
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


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
def test_a_robot_sends_each_kind(connected: Sandbox, words: list[str], shown: dict[str, Any]) -> None:
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
        (["--notify-user", "lisi"], ["notification:lisi"]),
        (["--notify-department", "1002", "--wait"], ["notification:wangwu"]),
        (["--notify-everyone"], ["notification:zhangsan", "notification:lisi", "notification:wangwu"]),
    ],
    ids=" ".join,
)
def test_an_app_sends_through_each_channel(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], words: list[str], places: list[str]
) -> None:
    """To a group, to people, as a work notification; the receipt is printed as JSON."""
    assert main(["send", "hello", *APP, *words]) == 0
    assert [message.conversation.key for message in app_connected.messages] == places
    document = json.loads(capsys.readouterr().out)
    assert document["receipt"]["conn_id"] == "dingtalk_app_default"
    assert document["schema_version"] == 1


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
    assert main(["send", "--message", "-"]) == 0
    assert [message.payload["text"]["content"] for message in connected.messages] == ["from a pipe", "from JSON"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["hello", "--conn-id", "nowhere"], "no Airflow connection 'nowhere'"),
        (["--message", "nowhere.json"], "nowhere.json"),
        (["--message", "no.json"], "--message is not JSON"),
        (["--message", "no.json", "--language", "zh"], "--message 的内容不是 JSON"),
        (["-"], "Standard input has no text to send: it is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_one_line(
    connected: Sandbox,
    app_connected: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    problem: str,
) -> None:
    """And not as a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    Path("no.json").write_text("{")
    assert main(["send", *words]) == 1
    errors = capsys.readouterr().err
    assert problem in errors
    assert "Traceback" not in errors
    assert app_connected.messages == ()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "nothing to send; pass TEXT, --image, --file or --message"),
        (["--language", "zh"], "没有可发送的内容"),
        (["x", "--button", "Open"], "--button must be TITLE=URL, not 'Open'"),
        (["x", "--button", "Open", "--language", "zh"], "应写成 TITLE=URL"),
        (["x", "--button", "Open=example.com"], "--button must be a complete http://"),
        (["x", "--link", "example.com"], "--link must be a complete http://"),
        (["x", "--at-mobile", "lisi"], "--at-mobile must be a mobile number"),
        (["x", *APP, "--notify-department", "all"], "--notify-department must be a department's number"),
        (["x", *APP, "--group", "chat1"], "--group was given a chatId"),
        (["x", "--user", "lisi"], "--user needs the connection of an app, and 'dingtalk_default' is a custom robot's"),
        (["x", "--user", "lisi", "--notify-user", "lisi"], "--user and --notify-user are two targets; run the command"),
        (["x", "--user", "lisi", "--notify-user", "lisi", "--language", "zh"], "请分两次发送"),
        (["x", *APP, "--at-all"], "--at-all needs the connection of a custom robot"),
        (["x", "--wait"], "--wait needs --notify-user, --notify-department or --notify-everyone"),
        (["x", "--title", "T"], "--title needs --markdown, --link or --button"),
        (["x", "--image", "a.png"], "TEXT and --image are two messages"),
        (["x", "--link", "https://example.com", "--button", "A=https://example.com"], "--link and --button can't be"),
        (["--file", "report.csv"], "--file needs the connection of an app"),
        (["x", "--group", ""], "the value of --group is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_not_be_sent_whole_is_refused(
    connected: Sandbox, app_connected: Sandbox, capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    """By the names of the options, not by Python's, and before anything is sent."""
    assert main(["send", *words]) == 2
    errors = capsys.readouterr().err
    assert problem in errors
    assert is_chinese(errors.partition("\n")[0]) is ("zh" in words)
    assert not any(name in errors for name in ("to=", "at=", "message_url", "Traceback"))
    assert app_connected.messages == ()


def test_an_app_without_a_group_needs_a_target(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = json.loads(os.environ["AIRFLOW_CONN_DINGTALK_APP_DEFAULT"])
    del connection["extra"]["open_conversation_id"]
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    assert main(["send", "x", *APP]) == 2
    assert "has no default group; pass --group, --user, --mobile or --notify-user" in capsys.readouterr().err
    assert main(["send", "x", *APP, "--user", "lisi"]) == 0


@pytest.mark.parametrize("conn_id", ["dingtalk_default", "dingtalk_app_default"])
def test_nothing_that_is_given_is_dropped(
    connected: Sandbox,
    app_connected: Sandbox,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    conn_id: str,
) -> None:
    """Each pair of options, with and without a text, is sent whole or refused by the name of an option."""
    samples = every_option(app_connected, tmp_path)
    documented = {each.names[-1] for each in command_parsers("en")["send"].arguments}
    assert {*samples, "--conn-id", "--json", "--language", "--verbose", "--help", "text"} == documented
    sent = 0
    for pair, text in itertools.product(itertools.combinations(samples, 2), ([], ["The text"])):
        app_connected.clear()
        words = [word for name in pair for word in samples[name][0]]
        code = main(["send", *text, *words, "--conn-id", conn_id])
        errors = capsys.readouterr().err
        if code == 2:
            assert any(name in errors for name in (*pair, "TEXT")), (pair, errors)
            assert (app_connected.messages, app_connected.dings) == ((), ())
            continue
        assert code == 0, (pair, text, errors)
        sent += 1
        arrived = [
            (message.conversation.key, message.shown["msgtype"], json.dumps(message.payload, ensure_ascii=False))
            for message in app_connected.messages
        ] + [(f"private:{ding.person.user_id}", "ding", ding.content) for ding in app_connected.dings]
        asked = [request.path for request in app_connected.requests]
        for name in pair:
            assert samples[name][1](arrived, asked), (pair, text, arrived)
        assert not text or any("The text" in payload for *_, payload in arrived), (pair, arrived)
    assert sent > 10


def every_option(sandbox: Sandbox, folder: Path) -> dict[str, tuple[list[str], Callable[[Any, Any], bool]]]:
    """Option -> how it is given, and whether it arrived, by (conversation, kind, payload) and the paths of requests."""
    chart, report, message = folder / "chart.png", folder / "report.zip", folder / "message.json"
    chart.write_bytes(PIXEL)
    report.write_bytes(b"PK\x03\x04")
    message.write_text('{"msgtype": "text", "text": {"content": "from the file"}}')

    def holds(words: str) -> Callable[[Any, Any], bool]:
        return lambda arrived, _: all(words in payload for *_, payload in arrived) and bool(arrived)

    def went_to(key: str) -> Callable[[Any, Any], bool]:
        return lambda arrived, _: key in [conversation for conversation, *_ in arrived]

    def is_a(*kinds: str) -> Callable[[Any, Any], bool]:
        return lambda arrived, _: all(kind in kinds for _, kind, _ in arrived) and bool(arrived)

    return {
        "--title": (["--title", "The title"], holds("The title")),
        "--markdown": (["--markdown"], is_a("markdown", "actionCard")),
        "--link": (["--link", "https://example.com/page"], holds("https://example.com/page")),
        "--pic": (["--pic", "https://example.com/pic.png"], holds("https://example.com/pic.png")),
        "--button": (["--button", "Press=https://example.com/b"], holds("https://example.com/b")),
        "--image": (["--image", str(chart)], is_a("image")),
        "--file": (["--file", str(report)], is_a("file")),
        "--message": (["--message", str(message)], holds("from the file")),
        "--group": (["--group", sandbox.group.open_conversation_id], went_to("group:1")),
        "--user": (["--user", "lisi"], went_to("private:lisi")),
        "--mobile": (["--mobile", "13800000003"], went_to("private:wangwu")),
        "--ding": (["--ding", "app"], is_a("ding")),
        "--yes": (["--yes"], is_a("ding")),
        "--notify-user": (["--notify-user", "lisi"], went_to("notification:lisi")),
        "--notify-department": (["--notify-department", "1002"], went_to("notification:wangwu")),
        "--notify-everyone": (["--notify-everyone"], went_to("notification:zhangsan")),
        "--wait": (["--wait"], lambda _, asked: any("getsendresult" in path for path in asked)),
        "--at-mobile": (["--at-mobile", "13800000001"], holds("13800000001")),
        "--at-user": (["--at-user", "lisi"], holds("lisi")),
        "--at-all": (["--at-all"], holds('"isAtAll": true')),
    }


@pytest.mark.parametrize(("language", "text"), [("en", "not delivered: nobody"), ("zh", "未送达：nobody")])
def test_waiting_prints_whom_a_work_notification_did_not_reach(
    app_connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    text: str,
) -> None:
    """With DingTalk's reason."""
    monkeypatch.setattr(send, "_POLL_SECONDS", 0.02)
    to = ["--notify-user", "lisi", "--notify-user", "nobody"]
    assert main(["send", "hello", *APP, *to, "--wait", "--language", language]) == 1
    assert text in capsys.readouterr().err


def test_json_has_the_receipt(connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """And whether it was delivered, which a robot doesn't tell."""
    assert main(["send", "hello", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("receipt")["channel"] == "custom_robot"
    assert document == {"schema_version": 1, "delivered": None, "unreached": []}


def test_json_has_whom_a_work_notification_did_not_reach(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their ids, apart from the sentence for people."""
    monkeypatch.setattr(send, "_POLL_SECONDS", 0.02)
    to = ["--notify-user", "lisi"]
    assert main(["send", "hello", *APP, *to, "--wait", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["delivered"], document["unreached"]) == (True, [])
    assert main(["send", "hello", *APP, *to, "--notify-user", "nobody", "--wait", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["delivered"] is False
    (unreached,) = document["unreached"]
    assert unreached["invalid_user_ids"] == ["nobody"]


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


@pytest.mark.parametrize(("language", "problem"), [("en", "unknown, or out of"), ("zh", "nobody：无此员工")])
def test_a_pipe_gets_the_same_json_and_people_read_why(
    app_connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    problem: str,
) -> None:
    """One document on standard output with and without ``--json``; one language on standard error."""
    monkeypatch.setattr(send, "_POLL_SECONDS", 0.02)
    words = ["send", "hello", *APP, "--notify-user", "nobody", "--notify-user", "lisi", "--wait"]
    for options in [], ["--json"]:
        assert main([*words, "--language", language, *options]) == 1
        printed = capsys.readouterr()
        assert json.loads(printed.out)["delivered"] is False
        assert problem in printed.err
        assert is_chinese(printed.err) is (language == "zh")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--conn-id", "nowhere"], "没有连接 'nowhere'"),
        ([*APP, "--user", "nobody"], "无此员工或不在应用可见范围：nobody"),
        ([*APP, "--mobile", "13999999999"], "钉钉找不到手机号 139****9999"),
        (["--conn-id", "dingtalk_wrong"], "钉钉不认识这个 access token（errcode 300005"),
        (["--conn-id", "dingtalk_gone"], "钉钉没有应答：无法建立连接"),
        (["--conn-id", "dingtalk_text"], "既不是 URI，也不是 JSON"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_problem_is_in_the_language_of_the_run(
    connected: Sandbox,
    app_connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    named: str,
) -> None:
    """What happened as well as what to do, and no Chinese in an English run."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_WRONG", f"{connected.url}/robot/send?access_token=unknown")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_GONE", "http://127.0.0.1:1/robot/send?access_token=unknown")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_TEXT", "hello world")
    assert main(["send", "hello", *options, "--language", "zh"]) == 1
    assert named in capsys.readouterr().err
    assert main(["send", "hello", *options, "--language", "en"]) == 1
    # DingTalk's own text is in Chinese, and so are the names in its console.
    assert not any(each in capsys.readouterr().err for each in (named, "请", "消息"))
